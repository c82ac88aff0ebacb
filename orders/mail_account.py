"""Our account at Sendinblue, set up without its dashboard: the mail template, and the webhook that tells what becomes of mails.

Everything is looked up first, so doing it twice does nothing the second time. Only what the API documents is used; a template has no
field for a plain text there, and Sendinblue ignores ours beside a template (https://developers.brevo.com/reference/create-smtp-template).
Both endpoints allow 100 calls an hour, of which this takes at most four.
"""

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.template.loader import get_template

from chat import dotenv
from chat.account_setup import SetupStep
from chat.outbox import BackendError
from orders.backends.sendinblue_wire import ask

TEMPLATE_NAME = "Order Support: order confirmation"
TEMPLATE_SUBJECT = "Your order {{params.order_id}}"
TEMPLATE_FILE = "orders/email/sendinblue.html"
WEBHOOK_DESCRIPTION = "Order Support: what becomes of mails"
# As a webhook is registered for them; "uniqueOpened" comes beside "opened" at a first opening.
EVENTS = [
    *("request", "delivered", "deferred", "softBounce", "hardBounce", "blocked", "invalid", "spam"),
    *("opened", "uniqueOpened", "click", "unsubscribed"),
]


def plan(webhook_url: str, env_file: Path) -> list[SetupStep]:
    """What is missing at Sendinblue and in `.env`, in the order in which it is to be done. Changes nothing; raises BackendError."""
    secret = settings.WEBHOOK_SECRET or dotenv.read(env_file).get("WEBHOOK_SECRET") or secrets.token_urlsafe(32)
    # The secret is kept before it is given away: a crash between the two must not leave a webhook that nobody can check.
    return [_template_step(env_file), _secret_step(secret, env_file), _webhook_step(webhook_url, secret)]


def check() -> str:
    """One harmless call, for `doctor --live`: whose account the key opens, and what it may still send. Raises BackendError."""
    account = ask("AccountApi", "get_account")
    if not isinstance(account, dict) or "plan" not in account:
        raise BackendError("What answers is not Sendinblue's API. Check SENDINBLUE_API_URL.", code="bad_answer")
    plans = [entry for entry in account["plan"] or [] if isinstance(entry, dict) and entry.get("creditsType") == "sendLimit"]
    left = f", {plans[0].get('credits')} mails left" if plans else ""
    return f"Sendinblue takes the key: the account of {account.get('companyName') or account.get('email') or 'an unnamed company'}{left}."


def check_template() -> str:
    """Another one: whether the template of SENDINBLUE_TEMPLATE_ID is there and in use. Raises BackendError."""
    template = _chosen_template(settings.SENDINBLUE_TEMPLATE_ID)
    title = f"mail template {template['id']} (“{template.get('name', '')}”)"
    if not template.get("isActive"):
        sentence = (
            f"The {title} is not active, so no confirmation leaves. Activate it at Sendinblue, or let `manage.py setup_sendinblue` do it."
        )
        raise BackendError(sentence, code="inactive_template", permanent=True)
    return f"Sendinblue has the {title}, and it is active."


def _template_step(env_file: Path) -> SetupStep:
    chosen = settings.SENDINBLUE_TEMPLATE_ID or int(dotenv.read(env_file).get("SENDINBLUE_TEMPLATE_ID", 0))
    template = _chosen_template(chosen) if chosen else _our_template()
    if template is None:
        sentence = f"Make the mail template “{TEMPLATE_NAME}”, activate it, and write its number to SENDINBLUE_TEMPLATE_ID in {env_file}."
        return SetupStep(sentence, lambda: _make_template(env_file))
    number, name = template["id"], template.get("name", "")
    if template.get("isActive") and chosen:
        return SetupStep(f"The mail template {number} (“{name}”) is active and in use.")
    verb = "Use" if template.get("isActive") else "Activate"
    return SetupStep(
        f"{verb} the mail template {number} (“{name}”); SENDINBLUE_TEMPLATE_ID in {env_file} names it.",
        lambda: _use_template(number, env_file, is_active=bool(template.get("isActive"))),
    )


def _chosen_template(number: int) -> dict[str, Any]:
    try:
        found = ask("TransactionalEmailsApi", "get_smtp_template", number)
    except BackendError as error:
        if error.code not in {"document_not_found", "invalid_parameter"}:
            raise
        found = None
    if not isinstance(found, dict) or found.get("id") != number:
        sentence = f"Sendinblue has no template {number}. Correct SENDINBLUE_TEMPLATE_ID, or empty it to have one made."
        raise BackendError(sentence, code="no_template", permanent=True)
    return found


def _our_template() -> dict[str, Any] | None:
    answer = ask("TransactionalEmailsApi", "get_smtp_templates", limit=1000)
    found = answer.get("templates") if isinstance(answer, dict) else None
    ours = [template for template in found or [] if template.get("name") == TEMPLATE_NAME]
    return max(ours, key=lambda template: int(template["id"]), default=None)


def _make_template(env_file: Path) -> None:
    fields = {
        "templateName": TEMPLATE_NAME,
        "subject": TEMPLATE_SUBJECT,
        "sender": {"name": settings.DEFAULT_FROM_NAME, "email": settings.DEFAULT_FROM_EMAIL},
        "replyTo": settings.REPLY_TO_EMAIL,
        "htmlContent": template_html(),
        "isActive": True,
    }
    answer = ask("TransactionalEmailsApi", "create_smtp_template", fields)
    if not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
        raise BackendError("Sendinblue did not say the new template's number.", code="no_id", unknown=True)
    dotenv.add(env_file, {"SENDINBLUE_TEMPLATE_ID": str(answer["id"])})


def _use_template(number: int, env_file: Path, *, is_active: bool) -> None:
    if not is_active:
        ask("TransactionalEmailsApi", "update_smtp_template", number, {"isActive": True})
    if not settings.SENDINBLUE_TEMPLATE_ID:
        dotenv.add(env_file, {"SENDINBLUE_TEMPLATE_ID": str(number)})


def template_html() -> str:
    """The template as Sendinblue is to have it, with its `{{params.…}}` for Sendinblue to fill in."""
    source: Any = get_template(TEMPLATE_FILE)
    return str(source.template.source)


def _secret_step(secret: str, env_file: Path) -> SetupStep:
    if settings.WEBHOOK_SECRET or dotenv.read(env_file).get("WEBHOOK_SECRET"):
        return SetupStep("WEBHOOK_SECRET is set.")
    return SetupStep(f"Write a new WEBHOOK_SECRET to {env_file}.", lambda: dotenv.add(env_file, {"WEBHOOK_SECRET": secret}))


def _webhook_step(url: str, secret: str) -> SetupStep:
    # SDK 7.6.0 has no field for `auth`, so the body is written as documented: https://developers.brevo.com/docs/secured-webhooks
    fields: dict[str, Any] = {"url": url, "description": WEBHOOK_DESCRIPTION, "auth": {"type": "bearer", "token": secret}}
    # Also one that was registered by hand, with a slash or the secret behind it: a second one would tell everything twice.
    ours = next((webhook for webhook in _webhooks() if f"{_without_password(str(webhook.get('url')))}/".startswith(f"{url}/")), None)
    if ours is None:
        fields |= {"events": EVENTS, "type": "transactional"}
        sentence = f"Register a webhook to {url} with the secret, for {len(EVENTS)} kinds of events."
        return SetupStep(sentence, lambda: _tell("create_webhook", fields))
    number, events = ours["id"], set(ours.get("events") or [])
    if events >= set(EVENTS) and (ours.get("auth") or {}).get("token") == secret:
        return SetupStep(f"The webhook {number} to {url} is registered with its secret.")
    fields["events"] = sorted(events | set(EVENTS))
    return SetupStep(
        f"Give the webhook {number} to {url} all our kinds of events and the secret.", lambda: _tell("update_webhook", number, fields)
    )


def _tell(function: str, *arguments: Any) -> None:
    ask("WebhooksApi", function, *arguments)


def _webhooks() -> list[dict[str, Any]]:
    try:
        answer = ask("WebhooksApi", "get_webhooks", type="transactional")
    except BackendError as error:
        # Where there are none, that is what Sendinblue says.
        if error.code == "document_not_found":
            return []
        raise
    found = answer.get("webhooks") if isinstance(answer, dict) else None
    return [webhook for webhook in found or [] if isinstance(webhook, dict) and "id" in webhook]


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
