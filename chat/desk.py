"""What the inbox shows of each conversation, for its first paint, its API and its socket."""

from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from chat import folds, links, shapes
from chat.entry import devices
from chat.models import Conversation, Event, Member

Context = dict[str, Any]


def rows(conversations_found: "QuerySet[Conversation] | list[Conversation]", agent: User) -> list[Context]:
    """The inbox's rows as JSON (docs/chat-protocol.md), in the order given."""
    found = list(conversations_found)
    unread, latest = _unread(found, agent), _latest_orders(found)
    new = set(devices.unconfirmed().filter(conversation__in=found).values_list("conversation_id", flat=True))
    return [
        _row(conversation, agent, unread.get(conversation.pk, 0), latest.get(conversation.pk)) | {"new_device": conversation.pk in new}
        for conversation in found
    ]


def with_dates(row: Context) -> Context:
    """A row for the template: times as datetimes and the wait in whole minutes."""
    waiting = datetime.fromisoformat(row["waiting_since"]) if row["waiting_since"] else None
    last = datetime.fromisoformat(row["last_event_at"]) if row["last_event_at"] else None
    minutes = int((timezone.now() - waiting).total_seconds() // 60) if waiting else None
    return row | {"waiting_since_date": waiting, "last_event_at_date": last, "waiting_minutes": minutes}


def _row(conversation: Conversation, agent: User, unread: int, order: folds.Fold | None) -> Context:
    return {
        "id": conversation.public_id,
        "customer": shapes.user(conversation.customer),
        "sequence": conversation.sequence,
        "last_text": conversation.last_text,
        "last_event_at": shapes.timestamp(conversation.last_event_at) if conversation.last_event_at else None,
        "waiting_since": shapes.timestamp(conversation.waiting_since) if conversation.waiting_since else None,
        "unread": unread,
        "order": {name: order[name] for name in ("id", "status", "total", "currency") if name in order} if order else None,
        "url": links.path_for(conversation, order["id"] if order else 0, username=agent.username),
    }


def _unread(found: list[Conversation], agent: User) -> dict[int, int]:
    """How many of the customer's messages each conversation has that this agent has not had before their eyes."""
    seen = Member.objects.filter(conversation=OuterRef("conversation"), user=agent).values("seen_sequence")
    messages = Event.objects.filter(conversation__in=found, type="message", from_member__user=F("conversation__customer"))
    fresh = messages.filter(sequence__gt=Coalesce(Subquery(seen), 0)).order_by()
    return dict(fresh.values("conversation_id").annotate(count=Count("pk")).values_list("conversation_id", "count"))


def _latest_orders(found: list[Conversation]) -> dict[int, folds.Fold]:
    """The newest order of each conversation, in its latest state."""
    told = Event.objects.filter(conversation__in=found, type__in=[folds.ORDER_CONFIRMED, folds.ORDER_STATUS]).order_by(
        "conversation_id", "sequence"
    )
    latest = {}
    for conversation_id, events in groupby(told, key=lambda event: event.conversation_id):
        orders = folds.orders_from(events)
        if orders:
            latest[conversation_id] = orders[0]
    return latest
