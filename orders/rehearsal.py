"""What telling a customer of an order would come to: the mail, the event and the conversation, before anybody is told.

Runs on stored rows, so whoever rehearses what is not stored yet does so in a transaction that is rolled back.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from chat import conversations, folds, links
from chat.mails import Mail
from chat.models import Conversation
from chat.outbox import BackendError, State
from orders import emails, journey, snapshot
from orders.feed_models import Happening
from orders.models import Order, OrderConfirmation, Status
from orders.webhook_models import WebhookEndpoint


@dataclass(frozen=True)
class Rehearsal:
    """`mail` and `event` are None where nobody would be told; `why_not` is then {"code", "text"}."""

    conversation_id: str | None
    opens_conversation: bool
    mail: Mail | None = None
    event: dict[str, Any] | None = None
    why_not: dict[str, str] | None = None


def webhooks(order: Order, *, is_new: bool) -> list[dict[str, str]]:
    """Which of the client's webhooks would be told of what: [{"id", "type"}]."""
    kinds = [Happening.ORDER_CREATED] if is_new and order.status == Status.DRAFT else []
    if row := _waiting(order):
        # As the feed does, which may have told of the first already.
        kinds = [Happening.ORDER_PLACED] if row.version == 1 and not row.fed_state else []
        kinds.append(Happening.ORDER_TOLD if _can_be_told(order) else Happening.ORDER_NOT_TOLD)
    own = WebhookEndpoint.objects.filter(created_by=order.created_by, is_active=True).exclude(created_by=None)
    return [{"id": endpoint.public_id, "type": kind.value} for endpoint in own for kind in kinds if endpoint.wants(kind)]


def rehearse(order: Order) -> Rehearsal:
    """What the worker would do next about this order."""
    before = Conversation.objects.filter(customer=order.customer).first()
    if _waiting(order) is None:
        told = journey.told(order)[0]
        return Rehearsal(_id(before), False, why_not={"code": told.code, "text": told.sentence})
    event = {"type": folds.ORDER_CONFIRMED, "body": snapshot.confirm_body(order)}
    conversation = before or conversations.open_for(order.customer)
    try:
        mail = emails.confirmation(order, url=links.url_for(links.specimen(conversation, order.number)), idempotency_key=uuid.uuid4())
    except BackendError as refused:
        return Rehearsal(_id(before), before is None, event=event, why_not={"code": refused.code, "text": str(refused)})
    return Rehearsal(_id(before), before is None, mail=mail, event=event)


def _waiting(order: Order) -> OrderConfirmation | None:
    """The row by which the worker would tell of the order."""
    row = order.confirmations.filter(version=order.version, state=State.WAITING).first()
    return None if row is None or row.is_taken_back else row


def _can_be_told(order: Order) -> bool:
    """Whether a mail can be written at all; one that can't is given up at the first attempt."""
    try:
        emails.confirmation(order, url="", idempotency_key=uuid.uuid4())
    except BackendError as refused:
        return not refused.permanent
    return True


def _id(conversation: Conversation | None) -> str | None:
    return conversation.public_id if conversation else None
