"""The pipeline: an order that was placed becomes a conversation, an event in it, and one mail.

The first two steps are database work and are done for all orders that are ready at once; the mail goes out by itself. Each step is
stamped in the transaction that does it, and a repeat begins after the last stamp. Repeating a step does no harm either: the
conversation is the customer's only one, the event has a key of its own, the mail carries an idempotency key kept on the row.
"""

from functools import partial

from django.db import transaction
from django.db.models import prefetch_related_objects

from chat import folds, links, outbox, system_events
from chat.mails import Mail
from chat.models import Conversation
from chat.outbox import Work
from chat.system_events import News
from orders import emails, mailing, snapshot
from orders.models import Order, OrderConfirmation


@outbox.works_on_many(OrderConfirmation)
def tell(confirmations: list[OrderConfirmation]) -> list[Work]:
    """Tell customers of a version of their orders each: the event in their conversation here, the mail in what is answered."""
    prefetch_related_objects(confirmations, "order__customer__conversation", "order__lines")
    taken_back = {row.pk for row in confirmations if row.is_taken_back}
    # Found before this attempt writes its own.
    tried_at = {row.pk: row.mail_tried_at for row in confirmations}
    untold = [row for row in confirmations if not row.event_added_at and row.pk not in taken_back]
    told = _add_events(untold) if untold else {}
    mailed = [row for row in confirmations if row.pk not in taken_back]
    carried = links.in_mails(
        {row.idempotency_key: (told.get(row.order.customer_id) or row.order.customer.conversation, row.order_id) for row in mailed}
    )
    works = []
    for row in confirmations:
        if row.pk in taken_back:
            works.append(_take_back(row))
        else:
            url = links.url_for(carried[row.idempotency_key])
            works.append(mailing.send(row, partial(_mail, row, url), tried_at=tried_at[row.pk]))
    return works


def _take_back(confirmation: OrderConfirmation) -> Work:
    yield from ()
    confirmation.cancel("The order was taken back before its customer was told.")


def _add_events(confirmations: list[OrderConfirmation]) -> dict[int, Conversation]:
    """Open the conversations, add the events, and stamp both; the conversations by customer."""
    news = [
        News(
            customer=row.order.customer,
            type=folds.ORDER_CONFIRMED,
            body=snapshot.confirm_body(row.order),
            key=f"order-confirm:{row.order_id}:{row.version}",
            correlation_id=row.correlation_id,
        )
        for row in confirmations
    ]
    # Of a mail that may have left before the event was here (a restored backup's) it stays known since when.
    doubted = [row for row in confirmations if row.mail_tried_at]
    with transaction.atomic():
        told = system_events.add(news)
        now = outbox.clock()
        OrderConfirmation.stamp_together(doubted, conversation_opened_at=now, event_added_at=now)
        # The mail's attempt begins right away; saying so in this commit saves one.
        untried = [row for row in confirmations if not row.mail_tried_at]
        OrderConfirmation.stamp_together(untried, conversation_opened_at=now, event_added_at=now, mail_tried_at=now)
    return told


def _mail(confirmation: OrderConfirmation, url: str) -> Mail:
    return emails.confirmation(confirmation.order, url=url, idempotency_key=confirmation.idempotency_key)


def resend(order: Order) -> OrderConfirmation:
    """Tell the customer again: a failed or waiting confirmation is tried at once, a finished one gets a new version."""
    with transaction.atomic():
        # Two who press at once wait for each other, and the second finds the first one's row.
        Order.objects.select_for_update(no_key=True).get(pk=order.pk)
        latest = order.confirmations.order_by("-version").first()
        if latest and latest.state in {outbox.State.FAILED, outbox.State.WAITING}:
            latest.retry_now()
            return latest
        order.count_version()
        return OrderConfirmation.objects.create(order=order, version=order.version)
