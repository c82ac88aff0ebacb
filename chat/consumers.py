"""The socket of a live conversation (frames: docs/chat-protocol.md).

A socket only hints. An event that this process stored comes with the hint and is passed on if it is the next one; in every other case
the database is read after the socket's last number. So nothing is lost, doubled or out of order.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from channels.db import database_sync_to_async
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import languages
from chat import access, conversations, record, shapes
from chat.frames import NOT_YOURS, STALE_SECONDS, Frames
from chat.gathering import Gathering
from chat.hub import Hint, hub
from chat.models import Member

# A socket that takes nothing at the moment keeps so many events in hand, and reads the rest from the database when it does.
MOST_NEWS = 20
TYPING_SECONDS = 1.0
# Who talks on is looked after beside the talk, and waits for that only after a pause (STALE_SECONDS).
FRESH_SECONDS = 8.0

Mark = tuple[Member, int]


def _see(marks: Sequence[Mark]) -> list[bool | Exception]:
    with transaction.atomic():
        # In the order of their keys, as whoever stores messages locks their writers.
        moved = {number: conversations.see(*marks[number]) for number in sorted(range(len(marks)), key=lambda number: marks[number][0].pk)}
        return [moved[number] for number in range(len(marks))]


_sends: Gathering[record.Draft, record.Stored] = Gathering(record.store)
_marks: Gathering[Mark, bool] = Gathering(_see)


class ConversationConsumer(Frames):
    """One party's live view of one conversation. `last`: the number of the last event that was sent to it."""

    me: Member

    async def connect(self) -> None:
        """Let the party in, catch up after `?after=`, then say that the page is live."""
        await self.accept()
        self._news: list[Hint] = []
        self._whispers: dict[tuple[str, str], Hint] = {}
        self._is_behind = False
        self._is_telling = True  # until it is caught up
        self.last = 0
        # Those who came at one moment, after a restart, are not looked after at one moment.
        self._typed_at, self._checked_at = 0.0, self._now() - random.uniform(0, FRESH_SECONDS)  # noqa: S311 - no secret
        after = self.query.get("after", "0")
        wanted = int(after) if after.isdecimal() and len(after) < 16 else 0
        self.conversation_id = str(self.scope["url_route"]["kwargs"]["conversation_id"])
        try:
            if not self.conversation_id.isprintable():
                raise access.NoAccessError
            # Before the database is read: what is stored after that reading is heard.
            await self.listen(self.conversation_id, self._hear)
            self.me, events, members = await self._enter(wanted)
        except access.UnconfirmedError as error:
            await self.refuse(error.code, _("This is a new device. Enter the mailed code on the order's page."))
            await self.end(NOT_YOURS)
            return
        except access.NoAccessError:
            await self.end(NOT_YOURS)
            return
        self.forget_the_request()
        await self._begin(wanted, events, members)

    async def _begin(self, wanted: int, events: list[shapes.Shape], members: list[shapes.Shape]) -> None:
        self.last = min(wanted, self.me.conversation.sequence)
        if wanted > self.last:
            with self.in_their_language():
                await self.refuse_the_future()
        if events:
            self.last = events[-1]["id"]
            await self.tell("events", events=events)
        if len(events) == conversations.LONGEST_PAGE:
            await self._catch_up()
        await self.tell("live", sequence=self.last, members=members)
        await self._tell_news()

    def in_their_language(self) -> AbstractContextManager[None]:
        """The party's own."""
        return languages.as_read_by(self.me.user)

    async def on_send(self, frame: dict[str, Any]) -> None:
        """Store a message and acknowledge it; the same rule as the API's."""
        key = frame.get("client_key")
        key = key if isinstance(key, str) else ""
        try:
            conversations.check_key(key)
            body = conversations.body_of(frame.get("event"))
            more = {name: _number(frame.get(name)) for name in ("vonage_after", "based_on")}
            draft = conversations.message(self.me, body.get("text", ""), key=key, about=body.get("about"), **more)
            if not await self._may_stay():
                return
            stored = await _sends.put(draft)
        except conversations.RefusedError as refused:
            named = None if refused.code == "bad_key" else key
            after = {"after_seconds": refused.after_seconds} if refused.after_seconds else {}
            await self.refuse(refused.code, str(refused), client_key=named, retry=refused.retry, **after)
            return
        if self.listener:  # not closed out meanwhile
            await self.send(f'{{"type": "ack", "client_key": {json.dumps(key)}, "event": {stored.text}}}')

    async def on_typing(self, frame: dict[str, Any]) -> None:
        """Tell the others, once in a second; nothing is stored."""
        if self._now() - self._typed_at >= TYPING_SECONDS and await self._may_stay():
            self._typed_at = self._now()
            hint = Hint(kind="typing", member=self.me.public_id, name=self.me.user.display_name)
            hub.publish(self.me.conversation.public_id, hint)

    async def on_seen(self, frame: dict[str, Any]) -> None:
        """Move this party's mark forward."""
        sequence = frame.get("sequence")
        if type(sequence) is not int or sequence < 0:
            await self.refuse("bad_frame", _("Name the last event that was seen by its number."))
            return
        if not await self._may_stay():
            return
        # What the socket was sent is there, whatever our copy of the conversation says.
        self.me.conversation.sequence = max(self.me.conversation.sequence, self.last)
        if sequence > self.last:
            await self._refresh()
            if sequence > self.me.conversation.sequence:
                await self.refuse_the_future()
        await _marks.put((self.me, sequence))

    async def on_about(self, frame: dict[str, Any]) -> None:
        """Which message of this party comes next through Vonage, and which order it is about."""
        order = frame.get("order")
        try:
            conversations.check_about(order)
        except conversations.RefusedError as refused:
            await self.refuse("bad_frame", str(refused))
            return
        try:
            await self._announce(order, frame.get("client_key"), frame.get("text"))
        except conversations.RefusedError as refused:
            await self.refuse(refused.code, str(refused))

    async def on_present(self, frame: dict[str, Any]) -> None:
        """A person is at the page: they moved, touched or typed, which no scanner of mails does."""
        await self._arrive()

    async def refuse_the_future(self) -> None:
        """A number that we never gave; the last one is taken instead, or nothing new would ever be heard of."""
        await self.refuse("future_sequence", _("The conversation has no event of this number yet."))

    def _hear(self, hint: Hint) -> None:
        """Called on the event loop for each hint of the room. However slow the socket is, little of it is kept."""
        if hint["kind"] == "access":
            # Somebody was shut out: nothing more is said here before it is known who.
            self._checked_at, self._is_behind = float("-inf"), True
        elif hint["kind"] != "events":
            self._whispers[str(hint["kind"]), str(hint["member"])] = hint
        elif isinstance(number := hint["sequence"], int) and number <= self.last:
            return  # the tail's, which tells everybody everything
        elif len(self._news) < MOST_NEWS:
            self._news.append(hint)
        else:
            self._news, self._is_behind = [], True
        if not self._is_telling:
            self._is_telling = True
            self.begin(self._tell_news())

    async def _tell_news(self) -> None:
        """Send what there is to tell; one at a time, so that nothing overtakes."""
        try:
            while (self._news or self._whispers or self._is_behind) and await self._may_stay():
                await self._tell_events()
                if self._is_behind:
                    await self._catch_up()
                await self._tell_whispers()
        finally:
            self._is_telling = False

    async def _tell_events(self) -> None:
        news, self._news = self._news, []
        texts = []
        for hint in news:
            sequence = hint["sequence"]
            if isinstance(sequence, int) and sequence > self.last:
                if sequence != self.last + 1 or hint.event is None:
                    self._is_behind = True
                    break
                self.last = sequence
                texts.append(hint.event)
        if texts:
            await self.send(f'{{"type": "events", "events": [{", ".join(texts)}]}}')

    async def _tell_whispers(self) -> None:
        whispers, self._whispers = self._whispers, {}
        for (kind, member), hint in whispers.items():
            if member == self.me.public_id:
                continue
            # A process of the version before this one names no moment.
            more = {"name": hint["name"]} if kind == "typing" else {"sequence": hint["sequence"], "at": hint.get("at")}
            await self.tell(kind, **{"from": member}, **more)

    async def _catch_up(self) -> None:
        """Send everything after our last number."""
        self._is_behind = False
        while events := await self._events_after(self.last):
            self.last = events[-1]["id"]
            await self.tell("events", events=events)

    async def _may_stay(self) -> bool:
        """Whether whoever came in still may be here; looked after only where something goes in or out."""
        age = self._now() - self._checked_at
        if age > STALE_SECONDS:
            await self._look()
        elif age > FRESH_SECONDS and self.listener:
            self.begin(self._look())
        return self.listener is not None

    async def _look(self) -> None:
        self._checked_at = self._now()
        try:
            await self._look_again()
        except access.NoAccessError:
            await self.end_stay()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _party(self) -> access.Party:
        session, user = self.read_session()
        return access.party(conversation_id=self.conversation_id, username=self.query.get("as", ""), user=user, session=session)

    @database_sync_to_async
    def _look_again(self) -> None:
        self._party()

    @database_sync_to_async
    def _enter(self, wanted: int) -> tuple[Member, list[shapes.Shape], list[shapes.Shape]]:
        """Everything that a page needs to be live, in one go: after a restart everybody comes at once."""
        party = self._party()
        conversation = party.conversation
        people = list(conversation.members.select_related("user").order_by("pk"))
        me = next((one for one in people if one.user_id == party.user.pk), None)
        if me is None:
            me = party.member()
            people.append(me)
        me.conversation, me.user = conversation, party.user
        is_behind = conversation.sequence > wanted
        events = conversations.history(conversation, after=wanted, limit=conversations.LONGEST_PAGE) if is_behind else []
        return me, shapes.events(events, conversation), [shapes.member(one, conversation) for one in people]

    @database_sync_to_async
    def _events_after(self, sequence: int) -> list[shapes.Shape]:
        found = conversations.history(self.me.conversation, after=sequence, limit=conversations.LONGEST_PAGE)
        return shapes.events(found, self.me.conversation)

    @database_sync_to_async
    def _refresh(self) -> None:
        self.me.conversation.refresh_from_db(fields=["sequence"])

    @database_sync_to_async
    def _announce(self, order: int | None, key: object, text: object) -> None:
        conversations.announce(self.me, about=order, key=key, text=text)

    @database_sync_to_async
    def _arrive(self) -> None:
        conversations.arrive(self.me)


def _number(value: object) -> int | None:
    """An event's number; None for anything else."""
    return value if type(value) is int and 0 <= value < 2**53 else None
