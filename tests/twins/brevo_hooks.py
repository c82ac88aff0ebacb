"""Brevo's webhooks out. They are not signed: they carry the secret header, bearer token or URL password that the webhook was given.

https://developers.brevo.com/docs/transactional-webhooks (shapes), /docs/retry-mechanism (no answer and 429 are tried again,
any other 4xx and any 5xx discards the webhook), /docs/secured-webhooks (authentication).
"""

import base64
import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from tests.twins.brevo_mail import Mail
from tests.twins.webhooks import Hook

if TYPE_CHECKING:
    from tests.twins.brevo import BrevoTwin

PARIS = ZoneInfo("Europe/Paris")  # `date` is CET or CEST
RETRIES = 4
# Event in the payload -> its name in a webhook's list of events.
SUBSCRIPTIONS = {
    "request": ("request", "sent"),
    "delivered": ("delivered",),
    "deferred": ("deferred",),
    "soft_bounce": ("softBounce",),
    "hard_bounce": ("hardBounce",),
    "blocked": ("blocked",),
    "invalid_email": ("invalid",),
    "error": ("error",),
    "spam": ("spam",),
    "click": ("click",),
    "opened": ("opened",),
    "unique_opened": ("uniqueOpened",),
    "proxy_open": ("proxyOpen",),
    "unique_proxy_open": ("uniqueProxyOpen",),
    "unsubscribed": ("unsubscribed",),
}


def announce(twin: "BrevoTwin", mail: Mail, event: str, *, reason: str = "", link: str = "") -> None:
    """Records what became of a mail and tells every webhook that asked for it."""
    moment = time.time()
    mail.events.append({"event": event, "at": moment})
    for number, url, headers in _receivers(twin, event):
        payload = _payload(twin, mail, event, moment=moment, number=number, reason=reason, link=link)
        body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
        sent = {"content-type": "application/json", **headers}
        hook = Hook(url, body, sent, kind=event, retries=RETRIES, is_to_be_retried=is_to_be_retried)
        twin.webhooks.send(hook)


def is_to_be_retried(status: int | None) -> bool:
    return status is None or status == 429


def _receivers(twin: "BrevoTwin", event: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    """(webhook id, URL without password, authentication headers) of everyone who wants this event."""
    if twin.dials.hook_url:
        yield 0, twin.dials.hook_url, dict(twin.dials.hook_headers)
    for hook in twin.hooks.values():
        if hook["type"] == "transactional" and any(name in hook["events"] for name in SUBSCRIPTIONS.get(event, ())):
            url, headers = _without_password(hook["url"])
            auth = hook.get("auth") or {}
            if auth.get("token"):
                headers["authorization"] = f"Bearer {auth['token']}"
            headers |= {str(item["key"]).lower(): str(item["value"]) for item in hook.get("headers") or []}
            yield hook["id"], url, headers


def _without_password(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    if not parts.username:
        return url, {}
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(bare), {"authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}


def _payload(twin: "BrevoTwin", mail: Mail, event: str, *, moment: float, number: int, reason: str, link: str) -> dict[str, Any]:
    payload = {
        "event": event,
        "email": mail.to[0],
        "id": number,
        "date": f"{datetime.fromtimestamp(moment, PARIS):%Y-%m-%d %H:%M:%S}",
        "ts": int(moment),
        "message-id": mail.message_id if twin.dials.hook_brackets else mail.message_id.strip("<>"),
        "ts_event": int(moment),
        "ts_epoch": int(moment * 1000),
        "subject": mail.subject,
        "X-Mailin-custom": mail.headers.get("X-Mailin-custom", ""),
        "sending_ip": "127.0.0.1",
        "template_id": mail.template_id or 0,
        "tag": json.dumps(mail.tags),
        "tags": mail.tags,
    }
    return payload | ({"reason": reason} if reason else {}) | ({"link": link} if link else {})
