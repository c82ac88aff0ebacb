"""How events get into the record: any number of them in one transaction, each under its conversation's next number.

Every door ends here, by `chat/conversations.py`. Numbers are gap-free because they are given under a lock on the conversation's row.
A retry is told by the constraint on the sender's key: looking for it first would cost every message a query, and retries are rare.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial

from django.db import DatabaseError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _  # worded by whoever asked, not in the language of whose turn it was

from chat import announced, backends, folds, metrics, outages, outbox, shapes, statements
from chat.hub import INBOX, Hint, hub
from chat.messages import JOINED, SOLVED, RefusedError
from chat.mirrored import MirroredEvent
from chat.models import JSON, Conversation, Event, Member
from chat.phones import waiting
from chat.wakes import wake

# The client key of a message that came by Vonage's webhook is this and its number there.
FROM_VONAGE = "vonage:"
ORDER_EVENTS = (folds.ORDER_CONFIRMED, folds.ORDER_STATUS)
NOTED = ("sequence", "last_event_at", "last_text", "waiting_since", "untold_since")
CONVERSATION = ("id", "public_id", "customer_id", *NOTED)
MARKS = ("seen_sequence", "seen_at", "paced_until")
MEMBER = ("id", *MARKS)
ORDER_STATE = ("version", "status", "total", "currency")


# Each is handed the new events of a transaction, inside it, and says what else is written with them.
Follower = Callable[[Sequence[Event]], statements.Statement[None]]
_followers: list[Follower] = []


def followed_by(follow: Follower) -> Follower:
    """Write what `follow` makes of new events (which have no keys yet) right after them; what it raises undoes them."""
    _followers.append(follow)
    return follow


@dataclass(frozen=True)
class Draft:
    """An event that is to be stored. The `sender` has its conversation and user at hand.

    `provider_id`: it came from Vonage under this id; all others are copied there, where Vonage is configured.
    `vonage_after`: the sender's browser may have sent it there itself, when our last event had this number; if its webhook was faster
    than the browser, what came of that is the answer. `based_on`: the last event that the sender had before their eyes (None: all), which
    they thereby have seen; an agent's words are not stored where a colleague has written since. `is_paced`: the sender's limit holds for
    it. `correlation_id`: of what causes it, where that is not the request or row in hand.
    """

    conversation_id: int
    kind: str
    body: JSON
    sender: Member | None = None
    key: str | None = None
    provider_id: str | None = None
    vonage_after: int | None = None
    based_on: int | None = None
    is_paced: bool = False
    correlation_id: str | None = None


@dataclass(frozen=True)
class Stored:
    """An event as it is stored; `is_new`: by this very draft."""

    event: Event
    is_new: bool

    @cached_property
    def text(self) -> str:
        """Its JSON (docs/chat-protocol.md), made once for everybody who gets it."""
        return json.dumps(shapes.event(self.event, self.event.conversation), ensure_ascii=False)


def store(drafts: Sequence[Draft]) -> list[Stored | Exception]:
    """What became of each, in order: the event, or why it can't be stored. All in one transaction; none harms another.

    Two drafts of one sender are stored in the order given. Raises only where the database fails as a whole.
    """
    if not any(draft.vonage_after is not None for draft in drafts):
        try:
            with transaction.atomic():
                return list(_Batch(drafts).store())
        except OperationalError as error:
            if not outages.is_deadlock(error):
                raise
        except (DatabaseError, RefusedError):
            pass  # a key that was used before, most probably, or a colleague's words: now each by itself, and with a look first
    return [_store_one(draft) for draft in drafts]


def _store_one(draft: Draft) -> Stored | Exception:
    try:
        with transaction.atomic():
            # The lock first: whoever stores the same key at this moment is through when we look.
            conversation = Conversation.objects.select_for_update(no_key=True).get(pk=draft.conversation_id)
            if draft.sender and draft.vonage_after is not None:
                Member.objects.filter(pk=draft.sender.pk).update(about_next=None)
                announced.take_key(draft.sender, draft.key)
            event = known(conversation, draft)
            if event:
                return Stored(event, is_new=False)
            return _Batch([draft]).store()[0]
    except OperationalError:
        raise
    except (DatabaseError, RefusedError) as error:
        return error


class _Batch:
    """Drafts on their way into the tables, inside a transaction."""

    def __init__(self, drafts: Sequence[Draft]) -> None:
        self.drafts, self.now = drafts, timezone.now()
        ids = {draft.conversation_id for draft in drafts}
        writers = {draft.sender.pk for draft in drafts if draft.sender and draft.kind == "message"}
        self.conversations: dict[int, Conversation]
        self.members: dict[int, Member]
        self.conversations, self.members = statements.run(
            statements.read(Conversation, CONVERSATION, ids, lock=True), statements.read(Member, MEMBER, writers, lock=True)
        )
        self.orders = _orders([draft for draft in drafts if draft.kind == "message" and draft.body.get("about")])

    def store(self) -> list[Stored | Exception]:
        """Number them, write them, and hint the listeners once all is committed."""
        outcomes = [self._number(draft) for draft in self.drafts]
        taken = [(draft, outcome) for draft, outcome in zip(self.drafts, outcomes, strict=True) if isinstance(outcome, Stored)]
        events = [stored.event for _draft, stored in taken]
        statements.run(statements.insert(events), *(follow(events) for follow in _followers), *self._marks(taken))
        self._copy(taken)
        self._call_agents(taken)
        for _draft, stored in taken:
            transaction.on_commit(partial(_tell, stored))
        return outcomes

    def _copy(self, taken: list[tuple[Draft, Stored]]) -> None:
        """A row for each copy that Vonage is to have, and the worker is told of them."""
        copies = [
            MirroredEvent(
                event=stored.event,
                conversation=stored.event.conversation,
                may_be_there=draft.vonage_after is not None,
                correlation_id=outbox.current_correlation_id() if draft.correlation_id is None else draft.correlation_id,
            )
            for draft, stored in taken
            if draft.provider_id is None and backends.mirror().wants(draft.kind)
        ]
        if copies:
            MirroredEvent.objects.bulk_create(copies)
            transaction.on_commit(wake)

    def _number(self, draft: Draft) -> Stored | Exception:
        """The event under its number, or why not; the conversation and the member in our hand know of it from then on."""
        conversation = self.conversations.get(draft.conversation_id)
        if conversation is None:
            return RefusedError(_("There is no such conversation."), code="closed")
        self._check_read(draft, conversation)
        member = self.members.get(draft.sender.pk) if draft.sender else None
        wait = member.take_turn(self.now) if member and draft.is_paced else 0
        if wait:
            return RefusedError(_("That was too fast. Wait a moment."), code="too_fast", retry=True, after_seconds=wait)
        conversation.sequence += 1
        if draft.kind != JOINED or conversation.last_event_at is None:
            # An agent who only looks moves nothing in the inbox.
            conversation.last_event_at = self.now
        state = self.orders.get((draft.conversation_id, draft.body.get("about")))
        added: JSON = {"about_order": state} if state else {}
        if member:
            has_seen_all = member.note_words(conversation.sequence, read=draft.based_on, at=self.now)
            _note_words(conversation, draft, at=self.now, has_seen_all=has_seen_all)
            added |= {} if has_seen_all else {"seen": member.seen_sequence}
        if draft.kind == SOLVED:
            conversation.waiting_since = None
        event = Event(
            conversation=conversation,
            sequence=conversation.sequence,
            type=draft.kind,
            from_member=draft.sender,
            body=draft.body | added,
            client_key=draft.key,
            provider_id=draft.provider_id,
            created_at=self.now,
        )
        return Stored(event, is_new=True)

    def _check_read(self, draft: Draft, conversation: Conversation) -> None:
        """Raise RefusedError where a colleague wrote what an agent's words are not based on. What may be at Vonage is said already."""
        agent, read = draft.sender, draft.based_on
        if agent is None or read is None or read >= conversation.sequence or draft.vonage_after is not None or agent.is_customer:
            return
        beside = (one.sender for one in self.drafts if one.conversation_id == conversation.pk and one.sender != agent)
        colleague = _writer_since(read, agent) or next((one for one in beside if one and not one.is_customer), None)
        if colleague:
            said = format_lazy(_("{name} has answered meanwhile."), name=colleague.user.display_name)
            raise RefusedError(said, code="written_since", field="based_on")

    def _marks(self, taken: list[tuple[Draft, Stored]]) -> list[statements.Statement[None]]:
        """What the inbox shows, on the conversations' own rows; and how far the writers have seen and gone."""
        told = [self.conversations[pk] for pk in {draft.conversation_id for draft, _stored in taken}]
        rows = [(one.pk, *(getattr(one, name) for name in NOTED)) for one in told]
        writers = [self.members[pk] for pk in {draft.sender.pk for draft, _stored in taken if draft.sender} & self.members.keys()]
        marks = [(one.pk, *(getattr(one, name) for name in MARKS)) for one in writers]
        return [
            statements.update(Conversation, NOTED, rows),
            statements.update(Member, MARKS, marks),
        ]

    def _call_agents(self, taken: list[tuple[Draft, Stored]]) -> None:
        """To the customers who wait from now on."""
        asked = {draft.conversation_id for draft, stored in taken if _is_customers(draft, stored.event.conversation)}
        for conversation in map(self.conversations.__getitem__, asked):
            if conversation.waiting_since:
                waiting.begin(conversation)


def _writer_since(sequence: int, agent: Member) -> Member | None:
    """The colleague of that agent who wrote last after that number."""
    words = agent.conversation.events.filter(type="message", sequence__gt=sequence, from_member__isnull=False)
    theirs = words.exclude(Q(from_member=agent.pk) | Q(from_member__user=agent.conversation.customer_id))
    last = theirs.select_related("from_member__user").order_by("-sequence").first()
    return last.from_member if last else None


def _is_customers(draft: Draft, conversation: Conversation) -> bool:
    return draft.kind == "message" and draft.sender is not None and draft.sender.user_id == conversation.customer_id


def _note_words(conversation: Conversation, draft: Draft, *, at: datetime, has_seen_all: bool) -> None:
    conversation.last_text = str(draft.body.get("text", ""))[:200]
    is_customers = _is_customers(draft, conversation)
    conversation.waiting_since = (conversation.waiting_since or at) if is_customers else None
    if not is_customers:
        conversation.untold_since = conversation.untold_since or at
    elif has_seen_all:
        conversation.untold_since = None


def _orders(drafts: Sequence[Draft]) -> dict[tuple[int, object], JSON]:
    """The orders that the drafts are about, as their conversations' events tell of them so far: by conversation and number."""
    if not drafts:
        return {}
    numbers = [number for draft in drafts if isinstance(number := draft.body["about"], int)]
    conversations = {draft.conversation_id for draft in drafts}
    told = Event.objects.filter(conversation__in=conversations, type__in=ORDER_EVENTS, body__id__in=numbers).order_by("sequence")
    states: dict[tuple[int, object], JSON] = {}
    for conversation_id, kind, body in told.values_list("conversation_id", "type", "body"):
        said = folds.changed_by(kind, body)
        states.setdefault((conversation_id, body["id"]), {}).update({name: said[name] for name in ORDER_STATE if name in said})
    return states


def known(conversation: Conversation, draft: Draft) -> Event | None:
    """The event that an earlier try of this draft became. Raises RefusedError where its key stands for another event."""
    if draft.key is None:
        return None
    event = conversation.events.filter(from_member=draft.sender, client_key=draft.key).first() or _came_back(conversation, draft)
    if event is None:
        return None
    event.conversation, event.from_member = conversation, draft.sender
    # Which order a message through Vonage is about is told beside it, and may get lost.
    beside = {"about_order", "seen"} | ({"about"} if event.provider_id else set())
    old, new = ({name: said[name] for name in said if name not in beside} for said in (event.body, draft.body))
    if event.type != draft.kind or (draft.kind == "message" and old != new):
        raise RefusedError(_("This client key was used for another message."), code="key_reused", field="client_key")
    return event


def _came_back(conversation: Conversation, draft: Draft) -> Event | None:
    """The sender's message that Vonage's webhook brought, told by its words; from now on it has the sender's own key."""
    if draft.vonage_after is None:
        return None
    newer = conversation.events.filter(
        from_member=draft.sender, type="message", sequence__gt=draft.vonage_after, client_key__startswith=FROM_VONAGE
    )
    event = next((event for event in newer.order_by("sequence") if event.body.get("text") == draft.body.get("text")), None)
    if event:
        event.client_key = draft.key
        event.save(update_fields=["client_key"])
    return event


def _tell(stored: Stored) -> None:
    metrics.EVENTS.labels(stored.event.type.partition(":")[0]).inc()
    room = stored.event.conversation.public_id
    hint = Hint(kind="events", conversation=room, sequence=stored.event.sequence)
    hint.event = stored.text
    hub.publish(room, hint)
    hub.publish(INBOX, hint)
