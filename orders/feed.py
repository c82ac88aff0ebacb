"""The feed: everything that a program may want to know, in one gap-free order, whoever did it and whichever process stored it.

A row is written in the transaction of what it tells. The worker numbers it after the commit, one worker at a time. So whoever has read
up to a number has missed nothing before it: a number given in the transaction itself would be overtaken by a later one that commits
earlier, or would make all writers wait for each other.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from chat import chores, record, statements, wakes
from chat.models import Event
from chat.outbox import State
from chat.shapes import timestamp
from orders.feed_models import FeedCounter, FeedEvent, Happening
from orders.models import Order, OrderConfirmation
from orders.webhook_models import WebhookDelivery, WebhookEndpoint

BATCH = 500
# Each numbering is a commit of its own; the feed may be so far behind.
FEED_SECONDS = 0.25
LONGEST_PAGE = 500
JSON = dict[str, Any]


def add(kind: Happening, order: Order, *, key: object, **data: Any) -> None:
    """Tell of something that became of an order, in the transaction that does it; once for each `key`."""
    _write([FeedEvent(type=kind, key=f"{kind}:{key}", order=order, data=data)])


def number() -> int:
    """Give what was committed its numbers, and write who is to be told of it; how many events."""
    # In order, although one is enough: PostgreSQL takes nearly all rows for such, and without an order it reads them all to find none.
    if not (FeedEvent.objects.filter(sequence=None).exists() or _unfed().order_by("pk").values("pk").first()):
        return 0
    with transaction.atomic():
        FeedCounter.objects.get_or_create(pk=1)
        counter = FeedCounter.objects.select_for_update(no_key=True).get(pk=1)
        events = list(FeedEvent.objects.filter(sequence=None).order_by("pk")[:BATCH])
        # Read after the events, so that whatever is told of an order comes after its being placed.
        # What a worker is writing at this moment is told of the next time: who waits for no row waits with nobody in a circle.
        unfed = _unfed().select_for_update(skip_locked=True, no_key=True)
        events += _of_confirmations(list(unfed.order_by("pk")[:BATCH]))
        for event in sorted(events, key=lambda event: event.happened_at):
            counter.last += 1
            event.sequence = counter.last
        statements.run(statements.update(FeedEvent, ("sequence",), [(event.pk, event.sequence) for event in events if event.pk]))
        FeedEvent.objects.bulk_create([event for event in events if not event.pk])
        counter.save(update_fields=["last"])
        _address(events)
    return len(events)


def _address(events: list[FeedEvent]) -> None:
    """A delivery for each endpoint that wants the event: in the transaction that numbers it, so that none is forgotten or told twice."""
    endpoints = list(WebhookEndpoint.objects.filter(is_active=True))
    wanted = [(endpoint, event) for event in events for endpoint in endpoints if endpoint.wants(event.type)]
    if wanted:
        WebhookDelivery.objects.bulk_create(WebhookDelivery(endpoint=endpoint, event=event) for endpoint, event in wanted)
        transaction.on_commit(wakes.wake)


def _unfed() -> QuerySet[OrderConfirmation]:
    """Confirmations in another state than the feed told of. Reading them costs those who place and tell orders nothing."""
    return OrderConfirmation.objects.exclude(fed_state=F("state"))


def _of_confirmations(rows: list[OrderConfirmation]) -> list[FeedEvent]:
    """What became of them since, not stored yet; and that the feed knows it."""
    events = []
    for row in rows:
        if row.version == 1 and not row.fed_state:
            events.append(_told(Happening.ORDER_PLACED, row, at=row.created_at))
        if row.state == State.DONE:
            events.append(_told(Happening.ORDER_TOLD, row, at=row.mail_sent_at or row.finished_at))
        if row.state == State.FAILED:
            events.append(_told(Happening.ORDER_NOT_TOLD, row, at=row.finished_at, code=row.error_code))
    for state in {row.state for row in rows}:
        # The state that we saw, whatever it has become by now: then there is more to tell.
        OrderConfirmation.objects.filter(pk__in=[row.pk for row in rows if row.state == state]).update(fed_state=state)
    return events


def _told(kind: Happening, row: OrderConfirmation, *, at: datetime | None, **data: Any) -> FeedEvent:
    at = at or timezone.now()
    key = f"{kind}:{row.order_id}:{row.version}:{at:%Y%m%dT%H%M%S.%f}"
    return FeedEvent(type=kind, key=key, order_id=row.order_id, data={"version": row.version, **data}, happened_at=at)


def page(*, after: int, limit: int, types: list[str]) -> tuple[list[FeedEvent], int]:
    """Events that came after a number, in order, and the last number that was given, whether or not its event is still kept."""
    last = FeedCounter.objects.values_list("last", flat=True).first() or 0
    events = FeedEvent.objects.filter(sequence__gt=after).select_related("order__customer", "conversation")
    if types:
        events = events.filter(type__in=types)
    return list(events.order_by("sequence")[:limit]), last


def shape(event: FeedEvent) -> JSON:
    """An event as the feed and the webhooks show it."""
    order = event.order
    return {
        "sequence": event.sequence,
        "type": event.type,
        "happened_at": timestamp(event.happened_at),
        "order": order and {"number": order.number, "external_id": order.external_id, "customer": order.customer.username},
        "conversation_id": event.conversation and event.conversation.public_id,
        "data": event.data,
    }


@record.followed_by
def hear(events: Sequence[Event]) -> statements.Statement[None]:
    """Messages in conversations; their words stay there."""
    messages = [event for event in events if event.type == "message" and event.from_member]
    # No wake: a worker that got up for each message would cost the chat more than the message itself. It looks once a second anyway.
    return statements.insert([_of_message(event) for event in messages])


def _of_message(event: Event) -> FeedEvent:
    by_customer = event.from_member is not None and event.from_member.user_id == event.conversation.customer_id
    kind = Happening.MESSAGE_RECEIVED if by_customer else Happening.MESSAGE_SENT
    data = {"id": event.sequence, "about": event.body.get("about")}
    key = f"{kind}:{event.conversation_id}:{event.sequence}"
    return FeedEvent(type=kind, key=key, conversation=event.conversation, data=data)


def _write(rows: list[FeedEvent]) -> None:
    FeedEvent.objects.bulk_create(rows, ignore_conflicts=True)
    transaction.on_commit(wakes.wake)


chores.every(FEED_SECONDS, number)
