"""How a mail is handed over at most once.

A mail whose answer was lost may have left. Sendinblue refuses a repeat under the same idempotency key with `duplicate_parameter`, for
30 minutes by its documentation and 15 by its changelog; that answer counts as "sent". After the shorter of the two we ask for its list
of sent mails before repeating, and where that does not tell either, the row fails and a person decides.
https://developers.brevo.com/docs/heterogenous-versions-batch-emails, /changelog/email-api-now-supports-idempotency
"""

from collections.abc import Callable, Generator
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import F
from django.utils import timezone

from chat import mails, outbox
from chat.mails import Mail
from chat.outbox import BackendError, Call, State, Work
from chat.sentences import said
from orders import deliveries
from orders.models import OrderConfirmation

Write = Callable[[], Mail]


def send(confirmation: OrderConfirmation, write: Write, *, tried_at: datetime | None) -> Work:
    """Hand the mail over, unless an earlier attempt did. `tried_at`: since when such an attempt is open, as this run found it.

    `write` makes the mail, and asks no database: it is called in the thread that sends.
    """
    if confirmation.mail_sent_at:
        return
    may_have_left = bool(tried_at) or confirmation.is_unknown
    if tried_at and outbox.clock() - tried_at > mails.KEY_PROTECTS:
        found = yield from _ask(confirmation, write, since=tried_at)
        if found is not None:
            _sent(confirmation, found)
            return
        tried_at = confirmation.mail_tried_at = None
    if not confirmation.mail_tried_at:
        confirmation.stamp(mail_tried_at=outbox.clock())
    try:
        message_id = yield Call(partial(_hand_over, write, may_have_left=may_have_left), local=mails.is_local(), provider="sendinblue")
    except BackendError as refused:
        # Refused without doing anything, and no earlier attempt is open: the next one needs to ask nobody.
        if not refused.unknown and not tried_at:
            confirmation.stamp(mail_tried_at=None)
        raise
    _sent(confirmation, message_id)


def doubt_unsent() -> int:
    """Take every mail that is not known as sent for one that may have left, as after a backup was put back; how many."""
    unsent = OrderConfirmation.objects.filter(state=State.WAITING, mail_sent_at=None)
    unsent.filter(mail_tried_at=None).update(mail_tried_at=F("created_at"))
    return unsent.count()


def _hand_over(write: Write, *, may_have_left: bool) -> str:
    mail = write()
    mail.may_have_left = may_have_left
    mail.send(fail_silently=False)
    return mail.message_id


def _ask(confirmation: OrderConfirmation, write: Write, *, since: datetime) -> Generator[Call, Any, str | None]:
    """The message id where the mail had left, None where it surely had not."""
    try:
        return (yield from mails.find(write, since=since))
    except BackendError as refused:
        if not refused.permanent:
            raise
        # Nobody can tell, so a person looks and decides; their pressing the button is the decision to send.
        confirmation.stamp(mail_tried_at=None)
        raise BackendError(
            said(
                "It is unknown whether the mail left. %(refused)s "
                "Look into Sendinblue's log of transactional mails; “Resend” sends it again.",
                refused=refused,
            ),
            code="outcome_unknown",
            permanent=True,
            unknown=True,
        ) from None


def _sent(confirmation: OrderConfirmation, message_id: str) -> None:
    told = {"message_id": message_id} if message_id else {}
    confirmation.finish(mail_sent_at=timezone.now(), mail_tried_at=None, **told)
    deliveries.adopt(confirmation)
