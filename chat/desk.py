"""What the inbox shows, for its first paint, its API and its socket: which conversations, in which order, and what of each."""

from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from chat import folds, links, shapes
from chat.entry import devices
from chat.messages import SOLVED
from chat.models import Conversation, Event, Member

ROWS = 50
# Beyond this many nobody counts rows, and the database need not either.
MOST = 500
# How many of the newest events are looked through for an answer.
LOOKED_THROUGH = 5000
Context = dict[str, Any]


def inbox(agent: User, *, show: str) -> Context:
    """The template's context: `rows`, `counts` of each tab, and, where nobody waits, when somebody was `answered` last.

    `show`: "waiting" for those who wait alone, anything else for all.
    """
    only_waiting = show == "waiting"
    counts = {"waiting": _counted(Conversation.objects.waiting()), "all": _counted(Conversation.objects.all())}
    answered = last_answer() if only_waiting and counts["waiting"] == "0" else None
    page = {
        "me": {"username": agent.username, "name": agent.display_name},
        "urls": {"conversations": reverse("api:conversations"), "socket": "/ws/inbox/"},
        "show": "waiting" if only_waiting else "all",
        "answered_at": shapes.timestamp(answered) if answered else None,
        "most": MOST,
    }
    shown = [with_dates(row) for row in rows(listed(ROWS, only_waiting=only_waiting), agent)]
    return {"page": page, "rows": shown, "counts": counts, "answered": answered and {"at": answered, "minutes": _minutes_since(answered)}}


def listed(most: int, *, only_waiting: bool = False) -> list[Conversation]:
    """At most so many conversations: those that wait, longest first, then the others, newest first."""
    found = Conversation.objects.select_related("customer")
    waiting = list(found.waiting().order_by("waiting_since", "pk")[:most])
    if only_waiting:
        return waiting
    others = found.filter(waiting_since=None).order_by("-last_event_at", "-pk")
    return [*waiting, *others[: most - len(waiting)]]


def last_answer() -> datetime | None:
    """When one of us answered last, or said that it is solved; None where the newest events hold nothing of the kind."""
    newest = Event.objects.order_by("-pk").annotate(edge=F("pk") - LOOKED_THROUGH).values("edge")[:1]
    said = Event.objects.filter(pk__gt=Subquery(newest), type__in=["message", SOLVED], from_member__isnull=False)
    answers = said.exclude(from_member__user=F("conversation__customer"))
    return answers.order_by("-pk").values_list("created_at", flat=True).first()


def _counted(found: "QuerySet[Conversation]") -> str:
    """How many, in words for a tab: "6", or "500+"."""
    count = found[: MOST + 1].count()
    return str(count) if count <= MOST else f"{MOST}+"


def _minutes_since(moment: datetime) -> int:
    return int((timezone.now() - moment).total_seconds() // 60)


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
    return row | {
        "waiting_since_date": waiting,
        "last_event_at_date": last,
        "waiting_minutes": _minutes_since(waiting) if waiting else None,
    }


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
