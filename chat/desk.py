"""What the inbox shows, for its first paint, its API and its socket: which conversations, in which order, and what of each."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from chat import finding, folds, formats, links, shapes, subjects
from chat.entry import devices
from chat.messages import SOLVED
from chat.models import Conversation, Event, Member

ROWS = 50
# Beyond this many nobody counts rows, and the database need not either.
MOST = 500
# How many of the newest events are looked through for an answer.
LOOKED_THROUGH = 5000
Context = dict[str, Any]


def inbox(agent: User, *, show: str, words: str = "") -> Context:
    """The template's context: `rows`, `counts` of each tab, and, where nobody waits, when somebody was `answered` last.

    `show`: "waiting" for those who wait alone, anything else for all. `words`: only what they find, among all.
    """
    words = finding.cleaned(words)
    only_waiting = show == "waiting" and not words
    counts = {"waiting": _counted(Conversation.objects.waiting()), "all": _counted(Conversation.objects.all())}
    answered = last_answer() if only_waiting and counts["waiting"] == "0" else None
    page = {
        "me": {"username": agent.username, "name": agent.display_name},
        "urls": {
            "conversations": reverse("api:conversations"),
            "socket": f"/ws/inbox/?{urlencode({'q': words})}" if words else "/ws/inbox/",
        },
        "show": "found" if words else "waiting" if only_waiting else "all",
        "words": words,
        "answered_at": shapes.timestamp(answered) if answered else None,
        "most": MOST,
    }
    shown = [with_dates(row) for row in rows(listed(ROWS, only_waiting=only_waiting, words=words), agent, words=words)]
    return {"page": page, "rows": shown, "counts": counts, "answered": answered and {"at": answered, "minutes": _minutes_since(answered)}}


def listed(most: int, *, only_waiting: bool = False, words: str = "") -> list[Conversation]:
    """At most so many conversations, of those that the words find: those that wait, longest first, then the others, newest first."""
    found = finding.meant_by(words).select_related("customer")
    waiting = list(found.waiting().order_by("waiting_since", "pk")[:most])
    if only_waiting:
        return waiting
    others = found.filter(waiting_since=None).order_by("-last_event_at", "-pk")
    return [*waiting, *others[: most - len(waiting)]]


def others(conversation: Conversation) -> int:
    """How many customers wait in other conversations."""
    return Conversation.objects.waiting().exclude(pk=conversation.pk).count()


def last_answer() -> datetime | None:
    """When one of us answered last, or said that it is solved; None where the newest events hold nothing of the kind."""
    newest = Event.objects.order_by("-pk").annotate(edge=F("pk") - LOOKED_THROUGH).values("edge")[:1]
    said = Event.objects.filter(pk__gt=Subquery(newest), type__in=["message", SOLVED], from_member__isnull=False)
    answers = said.exclude(from_member__user=F("conversation__customer"))
    return answers.order_by("-pk").values_list("created_at", flat=True).first()


def _counted(found: "QuerySet[Conversation]") -> str:
    """How many, in words for a tab: "6", or "500+"."""
    # In no order: SQLite would look for those who wait among all, newest first.
    count = found.order_by()[: MOST + 1].count()
    return str(count) if count <= MOST else f"{MOST}+"


def _minutes_since(moment: datetime) -> int:
    return int((timezone.now() - moment).total_seconds() // 60)


def rows(conversations_found: "QuerySet[Conversation] | list[Conversation]", agent: User, *, words: str = "") -> list[Context]:
    """The inbox's rows as JSON (docs/chat-protocol.md), in the order given. `words`: what an agent who sees them looked for."""
    found = list(conversations_found)
    unread, about = _unread(found, agent), subjects.orders(found, sought=finding.number(words))
    solved = _solved(found)
    new = set(devices.unconfirmed().filter(conversation__in=found).values_list("conversation_id", flat=True))
    return [
        _row(conversation, agent, unread.get(conversation.pk, 0), about.get(conversation.pk))
        | {"new_device": conversation.pk in new, "solved": conversation.pk in solved}
        for conversation in found
    ]


def with_dates(row: Context) -> Context:
    """A row for the template: times as datetimes and in words, and the wait in whole minutes."""
    waiting = datetime.fromisoformat(row["waiting_since"]) if row["waiting_since"] else None
    last = datetime.fromisoformat(row["last_event_at"]) if row["last_event_at"] else None
    return row | {
        "waiting_since_date": waiting,
        "last_event_at_date": last,
        "last_event_at_text": formats.day_or_time(last) if last else "",
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


def _solved(found: list[Conversation]) -> set[int]:
    """Which of them an agent has called solved after the last message; the index on types answers it, however long they are."""
    newest = Event.objects.filter(conversation=OuterRef("pk")).order_by("-sequence").values("sequence")
    marked = Conversation.objects.filter(pk__in=[conversation.pk for conversation in found]).annotate(
        said=Subquery(newest.filter(type="message")[:1]), solved=Subquery(newest.filter(type=SOLVED)[:1])
    )
    return set(marked.filter(solved__gt=Coalesce(F("said"), 0)).values_list("pk", flat=True))
