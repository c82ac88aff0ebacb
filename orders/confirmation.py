"""The pipeline: an order that was placed becomes a conversation, an event in it, and one mail.

Each step is stamped and committed by itself, and a repeat begins after the last stamp. Repeating a step does no harm either: the
conversation is the customer's only one, the event has a key of its own, the mail carries an idempotency key kept on the row.
"""

from django.db import transaction
from django.utils import timezone

from chat import conversations, folds, links, outbox
from chat.models import Conversation
from chat.outbox import Work
from orders import emails, mailing, snapshot
from orders.models import Order, OrderConfirmation, Status, next_version


@outbox.works_on(OrderConfirmation)
def run(confirmation: OrderConfirmation) -> Work:
    """Tell the customer of one version of their order."""
    order = Order.objects.select_related("customer").prefetch_related("lines").get(pk=confirmation.order_id)
    if order.status in {Status.CANCELLED, Status.DRAFT} and not confirmation.event_added_at:
        confirmation.cancel("The order was taken back before its customer was told.")
        return
    tried_at = confirmation.mail_tried_at
    conversation = _open(confirmation, order)
    if not confirmation.event_added_at:
        with transaction.atomic():
            now = timezone.now()
            key = f"order-confirm:{order.number}:{confirmation.version}"
            conversations.add_event(conversation, folds.ORDER_CONFIRMED, snapshot.confirm_body(order), key=key)
            # The mail's attempt begins right away; saying so in this commit saves one.
            confirmation.stamp(event_added_at=now, mail_tried_at=now)
    if not confirmation.mail_sent_at:
        url = links.url_for(conversation, order.number)
        mail = emails.confirmation(order, url=url, idempotency_key=confirmation.idempotency_key)
        yield from mailing.send(confirmation, mail, tried_at=tried_at)


def resend(order: Order) -> OrderConfirmation:
    """Tell the customer again: a failed or waiting confirmation is tried at once, a finished one gets a new version."""
    with transaction.atomic():
        # Two who press at once wait for each other, and the second finds the first one's row.
        Order.objects.select_for_update().get(pk=order.pk)
        latest = order.confirmations.order_by("-version").first()
        if latest and latest.state in {outbox.State.FAILED, outbox.State.WAITING}:
            latest.retry_now()
            return latest
        next_version(order)
        return OrderConfirmation.objects.create(order=order, version=order.version)


def _open(confirmation: OrderConfirmation, order: Order) -> Conversation:
    conversation = conversations.open_for(order.customer)
    if not confirmation.conversation_opened_at:
        confirmation.stamp(conversation_opened_at=timezone.now())
    return conversation
