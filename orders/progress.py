"""An order that moves on shows in the customer's conversation."""

from django.db import transaction

from chat import conversations, folds, outbox
from chat.outbox import BackendError, State, Work
from orders import snapshot
from orders.models import Order, OrderStatusChange


@outbox.works_on(OrderStatusChange)
def run(change: OrderStatusChange) -> Work:
    """Add the event, once the order itself was told there; an order that was never told has nothing to move on from.

    A change that has to wait for that keeps the later ones of its order waiting behind it (`OrderStatusChange.due`).
    """
    order = Order.objects.select_related("customer").prefetch_related("lines").get(pk=change.order_id)
    told = order.confirmations.filter(event_added_at__isnull=False)
    if not told.exists():
        if order.confirmations.filter(state=State.WAITING).exists():
            raise BackendError("The order itself is not told yet.", code="not_told_yet")
        change.cancel("The customer was never told of this order.")
        return
    with transaction.atomic():
        body = snapshot.status_body(order, status=change.status, previous=change.previous, moved_at=change.created_at)
        conversation = conversations.open_for(order.customer)
        conversations.add_event(conversation, folds.ORDER_STATUS, body, key=f"order-status:{change.pk}")
    # All of it is database work: there is no call to the outside, but the outbox drives generators.
    yield from ()
