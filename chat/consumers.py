"""The sockets: a live conversation, and the live inbox (frames: docs/chat-protocol.md).

A socket only hints. An event that this process stored comes with the hint and is passed on if it is the next one; in every other case
the database is read after the socket's last number. So nothing is lost, doubled or out of order.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from channels.db import database_sync_to_async
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import languages
from accounts.models import User
from chat import access, conversations, page, record, shapes
from chat.frames import NOT_YOURS, STALE_SECONDS, Frames
from chat.gathering import Gathering
from chat.hub import INBOX, Hint, hub
from chat.models import Conversation, Member

# A socket that takes nothing at the moment keeps so many events in hand, and reads the rest from the database when it does.
MOST_NEWS = 20
TYPING_SECONDS = 1.0
INBOX_SECONDS = 0.3

Mark = tuple[Member, int]


def _see(marks: Sequence[Mark]) -> list[bool | Exception]:
    with transaction.atomic():
        return [conversations.see(member, sequence) for member, sequence in marks]


_sends: Gathering[record.Draft, record.Stored] = Gathering(record.store)
_marks: Gathering[Mark, bool] = Gathering(_see)


class ConversationConsumer(Frames):
    """One party's live view of one conversation. `last`: the number of the last event that was sent to it."""

    me: Member

    async def connect(self) -> None:
        """Let the party in, catch up after `?after=`, then say that the page is live."""
        await self.accept()
        try:
            self.me = await self._enter()
        except access.UnconfirmedError as error:
            await self.refuse(error.code, _("This is a new device. Enter the mailed code on the order's page."))
            await self.close(NOT_YOURS)
            return
        except access.NoAccessError:
            await self.close(NOT_YOURS)
            return
        self._news: list[Hint] = []
        self._whispers: dict[tuple[str, str], Hint] = {}
        self._is_behind = self._is_telling = True
        self._checked_at, self._typed_at = self._now(), 0.0
        after = self.query.get("after", "0")
        wanted = int(after) if after.isdecimal() and len(after) < 16 else 0
        self.last = min(wanted, self.me.conversation.sequence)
        await self.listen(self.me.conversation.public_id, self._hear)
        if wanted > self.last:
            with self.in_their_language():
                await self.refuse_the_future()
        await self._catch_up()
        await self.tell("live", sequence=self.last, members=await self._members())
        await self._tell_news()

    def in_their_language(self) -> AbstractContextManager[None]:
        """The party's own."""
        return languages.as_read_by(self.me.user)

    async def on_send(self, frame: dict[str, Any]) -> None:
        """Store a message and acknowledge it; the same rule as the API's."""
        key = frame.get("client_key")
        key = key if isinstance(key, str) else ""
        body = _message_body(frame.get("event"))
        try:
            conversations.check_key(key)
            if body is None:
                raise conversations.RefusedError(_("Send an event of type message with a body of message_type text."), code="bad_type")
            more = {"about": body.get("about"), "vonage_after": _number(frame.get("vonage_after"))}
            draft = conversations.message(self.me, body.get("text", ""), key=key, **more)
            if not await self._may_stay():
                return
            stored = await _sends.put(draft)
        except conversations.RefusedError as refused:
            named = None if refused.code == "bad_key" else key
            after = {"after_seconds": refused.after_seconds} if refused.after_seconds else {}
            await self.refuse(refused.code, str(refused), client_key=named, retry=refused.retry, **after)
            return
        await self.send(f'{{"type": "ack", "client_key": {json.dumps(key)}, "event": {stored.text}}}')

    async def on_typing(self, frame: dict[str, Any]) -> None:
        """Tell the others, once in a second; nothing is stored."""
        if self._now() - self._typed_at >= TYPING_SECONDS and await self._may_stay():
            self._typed_at = self._now()
            hint = Hint(kind="typing", member=self.me.public_id, name=self.me.user.display_name)
            hub.publish(self.me.conversation.public_id, hint)

    async def on_seen(self, frame: dict[str, Any]) -> None:
        """Move this party's mark forward."""
        sequence = _number(frame.get("sequence"))
        if sequence is None or not await self._may_stay():
            return
        # What the socket was sent is there, whatever our copy of the conversation says.
        self.me.conversation.sequence = max(self.me.conversation.sequence, self.last)
        if sequence > self.last:
            await self._refresh()
            if sequence > self.me.conversation.sequence:
                await self.refuse_the_future()
        await _marks.put((self.me, sequence))

    async def on_about(self, frame: dict[str, Any]) -> None:
        """Which order this party's next message through Vonage is about."""
        await self._announce(_number(frame.get("order")) or None)

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
            if hint["member"] != self.me.public_id:
                self._whispers[str(hint["kind"]), str(hint["member"])] = hint
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
            more = {"name": hint["name"]} if kind == "typing" else {"sequence": hint["sequence"]}
            await self.tell(kind, **{"from": member}, **more)

    async def _catch_up(self) -> None:
        """Send everything after our last number."""
        self._is_behind = False
        while events := await self._events_after(self.last):
            self.last = events[-1]["id"]
            await self.tell("events", events=events)

    async def _may_stay(self) -> bool:
        """Whether whoever came in still may be here; looked after at most every STALE_SECONDS, and only where something goes in or out."""
        if self._now() - self._checked_at > STALE_SECONDS:
            self._checked_at = self._now()
            try:
                await self._enter()
            except access.NoAccessError:
                await self.end_stay()
        return self.listener is not None

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    @database_sync_to_async
    def _enter(self) -> Member:
        session, user = self.read_session()
        conversation_id, username = self.scope["url_route"]["kwargs"]["conversation_id"], self.query.get("as", "")
        return access.party(conversation_id=conversation_id, username=username, user=user, session=session).member()

    @database_sync_to_async
    def _events_after(self, sequence: int) -> list[shapes.Shape]:
        found = conversations.history(self.me.conversation, after=sequence, limit=conversations.LONGEST_PAGE)
        return shapes.events(found, self.me.conversation)

    @database_sync_to_async
    def _members(self) -> list[shapes.Shape]:
        return shapes.members(self.me.conversation)

    @database_sync_to_async
    def _refresh(self) -> None:
        self.me.conversation.refresh_from_db(fields=["sequence"])

    @database_sync_to_async
    def _announce(self, order: int | None) -> None:
        conversations.announce(self.me, about=order)

    @database_sync_to_async
    def _arrive(self) -> None:
        conversations.arrive(self.me)


class InboxConsumer(Frames):
    """The inbox's rows, each as soon as it changes; where much changes, in bundles."""

    async def connect(self) -> None:
        """Agents only."""
        await self.accept()
        self._changed: set[str] = set()
        self._is_telling = False
        if not await self._may_enter():
            await self.close(NOT_YOURS)
            return
        await self.listen(INBOX, self._hear)
        await self.tell("live")

    def _hear(self, hint: Hint) -> None:
        self._changed.add(str(hint["conversation"]))
        if not self._is_telling:
            self._is_telling = True
            self.begin(self._tell_rows())

    async def _tell_rows(self) -> None:
        try:
            while self._changed:
                changed, self._changed = self._changed, set()
                rows = await self._rows(changed)
                if rows is None:
                    await self.end_stay()
                    return
                for row in rows:
                    await self.tell("conversation", conversation=row)
                await asyncio.sleep(INBOX_SECONDS)
        finally:
            self._is_telling = False

    @database_sync_to_async
    def _may_enter(self) -> bool:
        return self._agent() is not None

    @database_sync_to_async
    def _rows(self, conversation_ids: set[str]) -> list[shapes.Shape] | None:
        """None where nobody may see them any more."""
        agent = self._agent()
        found = Conversation.objects.select_related("customer").filter(public_id__in=conversation_ids)
        return page.inbox_rows(found, agent) if agent else None

    def _agent(self) -> User | None:
        _session, user = self.read_session()
        return user if user and user.is_active and user.is_agent else None


def _number(value: object) -> int | None:
    """An event's number; None for anything else."""
    return value if type(value) is int and 0 <= value < 2**53 else None


def _message_body(event: object) -> dict[str, Any] | None:
    """The body of an event that is a message of text; None for anything else."""
    if not isinstance(event, dict) or event.get("type", "message") != "message":
        return None
    body = event.get("body")
    return body if isinstance(body, dict) and body.get("message_type", "text") == "text" else None
