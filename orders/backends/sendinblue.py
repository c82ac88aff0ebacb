"""The mail backend that sends by Sendinblue (Brevo), https://developers.brevo.com/reference/send-transac-email"""

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import getaddresses
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.dateparse import parse_datetime

from chat.characters import cut
from chat.outbox import BackendError
from chat.sentences import said
from orders.backends.sendinblue_wire import ask

MAILS_LISTED = 500
# Our clock and Sendinblue's may differ by this much.
CLOCK_SKEW = timedelta(minutes=5)
LONGEST_NAME = 70
LONGEST_ID = 200
# The API makes these itself from its own fields; `headers` is for others.
STANDARD_HEADERS = {"from", "to", "cc", "bcc", "reply-to", "date", "message-id", "subject", "content-type", "mime-version"}


class SendinblueBackend(BaseEmailBackend):
    """Sends each message by one call, at most once for each idempotency key within the key's life.

    A message may carry `params`, `tags` and `idempotency_key` (`chat.mails.Mail`); a plain EmailMessage gets a key of its own.
    `message.message_id` is set from the answer, or to "" where Sendinblue says that an earlier attempt had sent it already.
    Raises BackendError (`orders.backends.sendinblue_wire`) unless `fail_silently`.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send them one after the other; the number that Sendinblue took."""
        sent = 0
        for message in email_messages:
            try:
                message.message_id = _send(message)  # type: ignore[attr-defined]  # ours has it; a plain one may keep it too
                sent += 1
            except BackendError:
                if not self.fail_silently:
                    raise
        return sent

    def find(self, message: Any, *, since: datetime) -> str | None:
        """The message id of a mail that an attempt after `since` handed over, "" where it has none; None: it surely was not sent.

        Asks once (2 calls a second are allowed). Raises BackendError, `permanent` where Sendinblue's list leaves it open.
        """
        [address] = _people(message.to[:1])
        try:
            answer = ask("TransactionalEmailsApi", "get_transac_emails_list", email=address["email"], sort="desc", limit=MAILS_LISTED)
        except BackendError as refused:
            # Sendinblue's word for an empty list elsewhere too; a wrong address of its API has another code or none.
            if refused.code == "document_not_found":
                return None
            raise
        if not isinstance(answer, dict):
            raise BackendError("Sendinblue's list of sent mails could not be read; we ask again.", code="bad_answer")
        mails = [mail for mail in answer.get("transactionalEmails") or [] if isinstance(mail, dict)]
        for mail in mails:
            if message.idempotency_key in (mail.get("tags") or []):
                return str(mail.get("messageId") or "")
        recent = [mail for mail in mails if _may_be_after(mail.get("date"), since - CLOCK_SKEW)]
        # A mail without tags may be ours, and so may one beyond the end of the list.
        if len(recent) >= MAILS_LISTED or any(not mail.get("tags") for mail in recent):
            raise BackendError("Sendinblue's list of sent mails does not tell whether this one left.", code="not_listed", permanent=True)
        return None


def _send(message: EmailMessage) -> str:
    key = getattr(message, "idempotency_key", "") or str(uuid.uuid4())
    body = _body(message, key)
    try:
        answer = ask("TransactionalEmailsApi", "send_transac_email", body)
    except BackendError as refused:
        # The key was used before: an earlier attempt, whose answer was lost, had sent it. Its id comes by webhook, with our tag.
        # Without such an attempt it is something else that is there twice, and nothing was sent.
        if refused.code == "duplicate_parameter" and getattr(message, "may_have_left", True):
            return ""
        if "templateId" in body and _is_about_the_template(refused):
            raise _wrong_template(refused) from None
        raise
    message_id = answer.get("messageId") if isinstance(answer, dict) else None
    if not isinstance(message_id, str) or not message_id:
        raise BackendError("Sendinblue took the mail without saying its id; it may have left.", code="no_message_id", unknown=True)
    return message_id[:LONGEST_ID]


def _is_about_the_template(refused: BackendError) -> bool:
    """By its words, as Sendinblue has no code of its own for this; an address in them may be called anything."""
    return refused.permanent and bool(re.search(r"\btemplate", re.sub(r"\S+@\S+", "", str(refused)), re.IGNORECASE))


def _wrong_template(refused: BackendError) -> BackendError:
    """An operator's case (`sendinblue_wire.OPERATORS_CASES`), but of confirmations only: other mails bring their own words and go."""
    sentence = said(
        "Sendinblue does not take the mail template %(number)s. Check SENDINBLUE_TEMPLATE_ID, and that the template is active. "
        "Until then confirmations wait. %(refused)s",
        number=settings.SENDINBLUE_TEMPLATE_ID,
        refused=refused,
    )
    return BackendError(sentence, code="wrong_template")


def _body(message: EmailMessage, key: str) -> dict[str, Any]:
    """The request's JSON. The key goes into the mail's headers in the body; as an HTTP header it would do nothing."""
    if message.attachments:
        raise BackendError("Mails with attachments are not sent by Sendinblue here.", code="attachments", permanent=True)
    headers = {name: str(value) for name, value in message.extra_headers.items() if name.lower() not in STANDARD_HEADERS}
    headers["idempotencyKey"] = key
    if settings.SENDINBLUE_SANDBOX:
        headers["X-Sib-Sandbox"] = "drop"
    body: dict[str, Any] = {
        "sender": _people([message.from_email])[0],
        # The key is a tag as well: it comes back in every webhook and in the list of sent mails, where no other field of ours does.
        "tags": [*getattr(message, "tags", []), key],
        "headers": headers,
        **_content(message),
    }
    people = {"to": message.to, "cc": message.cc, "bcc": message.bcc}
    body |= {name: _people(listed) for name, listed in people.items() if listed}
    if message.reply_to:
        body["replyTo"] = _people(message.reply_to)[0]
    return body


def _content(message: EmailMessage) -> dict[str, Any]:
    """A template brings subject and content with it, and Sendinblue ignores ours beside it. It is the one for confirmations."""
    params = getattr(message, "params", None)
    if settings.SENDINBLUE_TEMPLATE_ID and params and getattr(message, "fits_template", True):
        return {"templateId": settings.SENDINBLUE_TEMPLATE_ID, "params": params}
    parts = {"text/plain": str(message.body)} if message.content_subtype != "html" else {"text/html": str(message.body)}
    parts |= {str(part[1]): str(part[0]) for part in getattr(message, "alternatives", [])}
    content = {"subject": str(message.subject), "htmlContent": parts.get("text/html"), "textContent": parts.get("text/plain")}
    return {name: value for name, value in content.items() if value}


def _people(listed: Sequence[str]) -> list[dict[str, str]]:
    """Addresses as {"email", "name"}, each once: Sendinblue answers a repeated one with the same code as a repeated mail."""
    found: dict[str, dict[str, str]] = {}
    for name, address in getaddresses([str(entry) for entry in listed]):
        readable = cut(_readable(name), LONGEST_NAME).strip()
        if not address:
            continue
        found.setdefault(address.lower(), {"email": address} | ({"name": readable} if readable else {}))
    if not found:
        raise BackendError("The mail has no address it could come from or go to.", code="no_address", permanent=True)
    return list(found.values())


def _readable(name: str) -> str:
    """A name without the encoding that mail headers need and JSON does not."""
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, ValueError):
        return name


def _may_be_after(date: Any, moment: datetime) -> bool:
    try:
        found = parse_datetime(str(date))
    except ValueError:
        found = None
    if found is None:
        return True
    return (found if found.tzinfo else found.replace(tzinfo=UTC)) >= moment
