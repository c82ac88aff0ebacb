"""How a mail is handed over at most once.

A mail whose answer was lost may have left. Sendinblue refuses a repeat under the same idempotency key with `duplicate_parameter`, for
30 minutes by its documentation and 15 by its changelog; that answer counts as "sent". After the shorter of the two we ask for its list
of sent mails before repeating, and where that does not tell either, the row fails and a person decides.
https://developers.brevo.com/docs/heterogenous-versions-batch-emails, /changelog/email-api-now-supports-idempotency
"""

from collections.abc import Generator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.core.mail import get_connection
from django.db import transaction
from django.utils import timezone

from chat.outbox import BackendError, Call, Work
from orders import deliveries, emails
from orders.emails import OrderMail
from orders.models import OrderConfirmation

# One minute less than the shorter of the two documented lives of a key.
KEY_PROTECTS = timedelta(minutes=14)


def send(confirmation: OrderConfirmation, mail: OrderMail, *, tried_at: datetime | None) -> Work:
    """Hand the mail over, unless an earlier attempt did. `tried_at`: since when such an attempt is open, as this run found it."""
    if tried_at and timezone.now() - tried_at > KEY_PROTECTS:
        found = yield from _ask(confirmation, mail, since=tried_at)
        if found is not None:
            _sent(confirmation, found)
            return
        tried_at = confirmation.mail_tried_at = None
    if not confirmation.mail_tried_at:
        confirmation.stamp(mail_tried_at=timezone.now())
    try:
        yield Call(partial(mail.send, fail_silently=False), local=emails.is_local(), provider="sendinblue")
    except BackendError as refused:
        # Refused without doing anything, and no earlier attempt is open: the next one needs to ask nobody.
        if not refused.unknown and not tried_at:
            confirmation.stamp(mail_tried_at=None)
        raise
    _sent(confirmation, mail.message_id)


def _ask(confirmation: OrderConfirmation, mail: OrderMail, *, since: datetime) -> Generator[Call, Any, str | None]:
    """The message id where the mail had left, None where it surely had not; a backend that can't be asked keeps every key for good."""
    find = getattr(get_connection(), "find", None)
    if find is None:
        return None
    try:
        message_id: str | None = yield Call(partial(find, mail, since=since), provider="sendinblue")
        return message_id
    except BackendError as refused:
        if not refused.permanent:
            raise
        # Nobody can tell, so a person looks and decides; their pressing the button is the decision to send.
        confirmation.stamp(mail_tried_at=None)
        raise BackendError(
            f"It is unknown whether the mail left. {refused} Look into Sendinblue's log of transactional mails; “Resend” sends it again.",
            code="outcome_unknown",
            permanent=True,
            unknown=True,
        ) from None


def _sent(confirmation: OrderConfirmation, message_id: str) -> None:
    told = {"message_id": message_id} if message_id else {}
    with transaction.atomic():
        confirmation.stamp(mail_sent_at=timezone.now(), mail_tried_at=None, **told)
        deliveries.adopt(confirmation)
