"""Which order a conversation is about: for its row in the inbox, for an agent's text and for the mail of an unseen answer.

It is the one that the last pinned message is about, whoever wrote it, where that order was told; else the newest one. Who looks for an
order by its number means that one.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from django.db.models import BigIntegerField, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from chat import folds
from chat.models import Conversation, Event

# Of so many of its newest events; a conversation whose messages have said nothing of an order since may be about any.
LOOKED_THROUGH = 1000


def number_of(conversation: Conversation) -> int:
    """The number of that order; 0 where none was told."""
    return next((int(order["id"]) for order in orders([conversation]).values()), 0)


def orders(found: Iterable[Conversation], *, sought: int | None = None) -> dict[int, folds.Fold]:
    """That order of each conversation, by its key, in its latest state; where one was told of the order `sought`, that one.

    The database picks it and what was told of it: a customer may have had hundreds, whose events nobody reads here.
    """
    asked = Conversation.objects.filter(pk__in=[conversation.pk for conversation in found]).order_by()
    confirmed = Event.objects.filter(pk__in=[key for key in asked.values_list(_told_last(sought), flat=True) if key]).order_by()
    since = confirmed.filter(
        conversation__events__type=folds.ORDER_STATUS,
        conversation__events__sequence__gt=F("sequence"),
        conversation__events__body__id=F("body__id"),
    )
    # A union, because PostgreSQL finds by no index what is of either.
    events = confirmed.union(Event.objects.filter(pk__in=since.values("conversation__events")).order_by(), all=True)
    by_conversation = groupby(events.order_by("conversation_id", "sequence"), key=lambda event: event.conversation_id)
    told = {key: folds.orders_from(its_events) for key, its_events in by_conversation}
    return {key: its_orders[0] for key, its_orders in told.items() if its_orders}


def _told_last(sought: int | None) -> Coalesce:
    """Of a conversation, the key of the event that told of that order last; the database goes on looking only until it has one."""
    told: QuerySet[Event] = Event.objects.filter(conversation=OuterRef("pk"), type=folds.ORDER_CONFIRMED)
    # Both ends, because in JSON what is no number is less than all numbers or more than all.
    numbered = told.filter(body__id__gte=1, body__id__lte=BigIntegerField.MAX_BIGINT)
    ways = [_pinned(), numbered.order_by("-body__id", "-sequence").values("pk")]
    if sought is not None:
        ways.insert(0, told.filter(body__id=sought).order_by("-sequence").values("pk"))
    return Coalesce(*(Subquery(way[:1]) for way in ways))


def _pinned() -> "QuerySet[Event, Any]":
    """The events that told of the order of the last pinned message: from there, so that it is looked for once and not for each order."""
    fresh = Event.objects.filter(conversation=OuterRef(OuterRef("pk")), sequence__gt=OuterRef(OuterRef("sequence")) - LOOKED_THROUGH)
    last = fresh.filter(type="message", body__about__isnull=False).order_by("-sequence").values("pk")[:1]
    told = Event.objects.filter(
        pk=Subquery(last), conversation__events__type=folds.ORDER_CONFIRMED, conversation__events__body__id=F("body__about")
    )
    return told.order_by("-conversation__events__sequence").values("conversation__events")
