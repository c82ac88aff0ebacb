"""The sockets: a live conversation, and the live inbox (frames: docs/chat-protocol.md).

A socket only hints; what it sends is read from the database after its last number, so nothing is lost, doubled or out of order.
"""

import asyncio
import json
import logging
from collections.abc import Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error as DatabaseError
from django.utils.translation import gettext as _

from accounts import languages
from accounts.models import User
from chat import access, conversations, page, shapes
from chat.hub import INBOX, Hint, Listener, hub
from chat.models import Conversation, Member

logger = logging.getLogger(__name__)

LONGEST_FRAME = 64_000
NOT_YOURS = 4403
RESTART = 1012


class Frames(AsyncWebsocketConsumer):
    """JSON in, JSON out, one room to listen to."""

    def __init__(self) -> None:
        super().__init__()
        self.room = ""
        self.listener: Listener | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, *args: Any) -> None:
        """Live as long as the socket; however that ends, nobody is left in the hub."""
        try:
            await super().__call__(*args)
        finally:
            self._stop_listening()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Without a database the socket closes; its page comes back, catches up and sends again."""
        try:
            await super().dispatch(message)
        except DatabaseError as error:
            logger.warning("a socket is closed: the database failed with %s", type(error).__name__)
            await self.close(RESTART)

    async def listen(self, room: str, listener: Listener) -> None:
        """Hear the room's hints from now on."""
        self.room, self.listener = room, listener
        hub.join(room, listener)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside the socket; kept until it ends, as the event loop itself keeps no hold of it."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            # The page reconnects and catches up; a socket that only looks alive would be worse.
            logger.warning("a socket is closed: its work ended with %s", type(error).__name__)
            self.begin(self.close(RESTART))

    async def disconnect(self, code: int) -> None:
        """Stop listening."""
        self._stop_listening()
        for task in self.tasks:
            task.cancel()

    def _stop_listening(self) -> None:
        if self.listener:
            hub.leave(self.room, self.listener)
            self.listener = None

    async def tell(self, kind: str, **content: Any) -> None:
        """Send one frame."""
        await self.send(text_data=json.dumps({"type": kind, **content}, ensure_ascii=False))

    async def refuse(self, code: str, detail: str, *, client_key: object = None, retry: bool = False) -> None:
        """Answer a frame that can't be taken."""
        await self.tell("error", client_key=client_key, code=code, detail=detail, retry=retry)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Hand a frame to the method named for its type (`on_send`, …)."""
        if not self.listener:
            # It was closed out, and wrote before it heard so.
            return
        if text_data is None or len(text_data) > LONGEST_FRAME:
            await self.refuse("too_long", _("A frame is text of at most 64 kB."))
            return
        try:
            frame = json.loads(text_data)
        except (ValueError, RecursionError):
            frame = None
        kind = frame.get("type") if isinstance(frame, dict) else None
        method = getattr(self, f"on_{kind}", None) if isinstance(kind, str) and kind.isidentifier() else None
        if method is None:
            await self.refuse("bad_frame", _("We don't know this frame."))
            return
        with self.in_their_language():
            await method(frame)

    def in_their_language(self) -> AbstractContextManager[None]:
        """Whoever is at the other end reads what we refuse, and why."""
        return nullcontext()

    async def on_ping(self, frame: dict[str, Any]) -> None:
        """Keep the line open."""
        await self.tell("pong")

    @property
    def _query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.scope["query_string"].decode(errors="replace")).items()}

    @property
    def _user(self) -> User | None:
        user = self.scope.get("user")
        return user if isinstance(user, User) else None


class ConversationConsumer(Frames):
    """One party's live view of one conversation."""

    me: Member

    async def connect(self) -> None:
        """Let the party in, catch up after `?after=`, then say that the page is live."""
        await self.accept()
        try:
            self.me = await self._enter()
        except access.NoAccessError:
            await self.close(NOT_YOURS)
            return
        after = self._query.get("after", "0")
        # A number that we never gave counts as the last one, or nothing new would ever be sent.
        self.last = min(int(after), self.me.conversation.sequence) if after.isdecimal() and len(after) < 16 else 0
        self._pumping = False
        self._again = False
        await self.listen(self.me.conversation.public_id, self._hear)
        await self._pump()
        await self.tell("live", sequence=self.last, members=await self._members())

    def in_their_language(self) -> AbstractContextManager[None]:
        """The party's own."""
        return languages.as_read_by(self.me.user)

    async def on_send(self, frame: dict[str, Any]) -> None:
        """Store a message and acknowledge it; the same rule as the API's."""
        key = frame.get("client_key")
        try:
            conversations.check_key(key)
        except conversations.RefusedError as refused:
            await self.refuse(refused.code, str(refused))
            return
        body = _message_body(frame.get("event"))
        if body is None:
            await self.refuse("bad_type", _("Send an event of type message with a body of message_type text."), client_key=key)
            return
        try:
            stored = await self._send(body, key, _number(frame.get("vonage_after")))
        except conversations.RefusedError as refused:
            await self.refuse(refused.code, str(refused), client_key=key, retry=refused.retry)
            return
        await self.tell("ack", client_key=key, event=stored)

    async def on_typing(self, frame: dict[str, Any]) -> None:
        """Tell the others; nothing is stored."""
        hint = Hint(kind="typing", member=self.me.public_id, name=self.me.user.display_name)
        hub.publish(self.me.conversation.public_id, hint)

    async def on_seen(self, frame: dict[str, Any]) -> None:
        """Move this party's mark forward."""
        sequence = _number(frame.get("sequence"))
        if sequence is not None:
            await self._see(sequence)

    async def on_about(self, frame: dict[str, Any]) -> None:
        """Which order this party's next message through Vonage is about."""
        await self._announce(_number(frame.get("order")) or None)

    async def on_present(self, frame: dict[str, Any]) -> None:
        """A person is at the page: they moved, touched or typed, which no scanner of mails does."""
        await self._arrive()

    def _hear(self, hint: Hint) -> None:
        """Called on the event loop for each hint of the room."""
        self.begin(self._react(hint))

    async def _react(self, hint: Hint) -> None:
        if hint["kind"] == "events":
            await self._pump()
        elif hint["member"] != self.me.public_id:
            kind = str(hint["kind"])
            more = {"name": hint["name"]} if kind == "typing" else {"sequence": hint["sequence"]}
            await self.tell(kind, **{"from": hint["member"]}, **more)

    async def _pump(self) -> None:
        """Send everything after our last number; one pump at a time, and once more if a hint came meanwhile."""
        if self._pumping:
            self._again = True
            return
        self._pumping = True
        try:
            while True:
                self._again = False
                while events := await self._events_after(self.last):
                    self.last = events[-1]["id"]
                    await self.tell("events", events=events)
                if not self._again:
                    return
        finally:
            self._pumping = False

    @database_sync_to_async
    def _enter(self) -> Member:
        conversation_id = self.scope["url_route"]["kwargs"]["conversation_id"]
        username = self._query.get("as", "")
        me = access.party(conversation_id=conversation_id, username=username, user=self._user, session=self.scope.get("session"))
        return me.member()

    @database_sync_to_async
    def _events_after(self, sequence: int) -> list[shapes.Shape]:
        found = conversations.history(self.me.conversation, after=sequence, limit=conversations.LONGEST_PAGE)
        return shapes.events(found, self.me.conversation)

    @database_sync_to_async
    def _members(self) -> list[shapes.Shape]:
        return shapes.members(self.me.conversation)

    @database_sync_to_async
    def _send(self, body: dict[str, Any], key: str, vonage_after: int | None) -> shapes.Shape:
        text, about = body.get("text", ""), body.get("about")
        event = conversations.send_text(self.me, text, key=key, about=about, vonage_after=vonage_after)
        return shapes.event(event, self.me.conversation)

    @database_sync_to_async
    def _announce(self, order: int | None) -> None:
        conversations.announce(self.me, about=order)

    @database_sync_to_async
    def _arrive(self) -> None:
        conversations.arrive(self.me)

    @database_sync_to_async
    def _see(self, sequence: int) -> None:
        self.me.conversation.refresh_from_db(fields=["sequence"])
        conversations.see(self.me, sequence)


class InboxConsumer(Frames):
    """The inbox's rows, each as soon as it changes."""

    async def connect(self) -> None:
        """Agents only."""
        await self.accept()
        if not await self._may_enter():
            await self.close(NOT_YOURS)
            return
        await self.listen(INBOX, self._hear)
        await self.tell("live")

    def _hear(self, hint: Hint) -> None:
        self.begin(self._react(str(hint["conversation"])))

    async def _react(self, conversation_id: str) -> None:
        for row in await self._rows(conversation_id):
            await self.tell("conversation", conversation=row)

    @database_sync_to_async
    def _may_enter(self) -> bool:
        return self._user is not None and self._user.is_agent

    @database_sync_to_async
    def _rows(self, conversation_id: str) -> list[shapes.Shape]:
        found = Conversation.objects.select_related("customer").filter(public_id=conversation_id)
        return page.inbox_rows(found, self._user) if self._user else []


def _number(value: object) -> int | None:
    """An event's number; None for anything else."""
    return value if type(value) is int and 0 <= value < 2**53 else None


def _message_body(event: object) -> dict[str, Any] | None:
    """The body of an event that is a message of text; None for anything else."""
    if not isinstance(event, dict) or event.get("type", "message") != "message":
        return None
    body = event.get("body")
    return body if isinstance(body, dict) and body.get("message_type", "text") == "text" else None
