"""What both sockets have in common: JSON in, JSON out, one room to listen to, and an end that nobody forgets (docs/chat-protocol.md)."""

import asyncio
import json
import logging
from collections.abc import Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.sessions.backends.base import SessionBase
from django.db import Error as DatabaseError
from django.utils.translation import gettext as _

from accounts import sessions
from accounts.models import User
from chat import outages
from chat.hub import Listener, hub

logger = logging.getLogger(__name__)

# 8,000 characters, each written as an escaped pair of surrogates, and what goes round them.
LONGEST_FRAME = 100_000
FRAMES_PER_SECOND = 50
FRAMES_AT_ONCE = 500
NOT_YOURS = 4403
NOWHERE = 4404
ENDED = 4401
TOO_FAST = 4429
RESTART = 1012
# A socket lives longer than a session or a permission may; so long it may go on after their end.
STALE_SECONDS = 10.0


async def nowhere(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An address that is no socket's. Accepted first, because a page never learns why a handshake was refused."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": NOWHERE})


# Those that are open in this process, to be looked after together.
stays: set["Frames"] = set()


class Frames(AsyncWebsocketConsumer):
    """JSON in, JSON out, one room to listen to."""

    scope: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self.room = ""
        self.listener: Listener | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self._frames_until = 0.0
        self.has_session = False
        self._has_ended = False

    async def __call__(self, scope: dict[str, Any], *more: Any) -> None:
        """Live as long as the socket; however that ends, nobody is left in the hub."""
        self.query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode(errors="replace")).items()}
        self.session_key = sessions.key_of(scope["headers"])
        try:
            await super().__call__(scope, *more)
        finally:
            self._stop_listening()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Without a database the socket closes; its page comes back, catches up and sends again."""
        try:
            # Not Channels' own dispatch: it goes to a thread and back for each frame, to look after connections that we don't hold.
            await getattr(self, message["type"].replace(".", "_"))(message)
        except DatabaseError as error:
            logger.warning("a socket is closed: the database failed (%s)", outages.reason(error))
            await self.end(RESTART)

    async def listen(self, room: str, listener: Listener) -> None:
        """Hear the room's hints from now on."""
        self.room, self.listener = room, listener
        hub.join(room, listener)
        stays.add(self)

    def forget_the_request(self) -> None:
        """Its headers are known to everybody on the way here, and needed by nobody any more: the most of an idle socket's weight."""
        self.scope["headers"].clear()
        self.scope = {}

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside the socket; kept until it ends, as the event loop itself keeps no hold of it."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        # An OSError: the browser has gone, which needs no more words.
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, OSError):
            # The page reconnects and catches up; a socket that only looks alive would be worse.
            logger.warning("a socket is closed: its work ended with %s", type(error).__name__)
            self.begin(self.end(RESTART))

    async def disconnect(self, code: int) -> None:
        """Stop listening."""
        self._stop_listening()
        for task in self.tasks:
            task.cancel()

    def _stop_listening(self) -> None:
        if self.listener:
            hub.leave(self.room, self.listener)
            self.listener = None
            stays.discard(self)

    async def end(self, code: int) -> None:
        """Close with that code, once, and hear nothing more: what the server raises over a second good-bye would ask for a third."""
        self._stop_listening()
        if not self._has_ended:
            self._has_ended = True
            await self.close(code)

    def read_session(self) -> tuple[SessionBase, User | None]:
        """The browser's session as it is now, and who is logged in by it."""
        session, user = sessions.read(self.session_key)
        self.has_session = session.session_key == self.session_key
        return session, user

    async def end_stay(self) -> None:
        """Close on who may not be here any more. Without its session the browser may have a newer one, so its page is to come back."""
        await self.end(ENDED if self.has_session else RESTART)

    async def tell(self, kind: str, **content: Any) -> None:
        """Send one frame."""
        await self.send(text_data=json.dumps({"type": kind, **content}, ensure_ascii=False))

    async def refuse(self, code: str, detail: str, *, client_key: object = None, retry: bool = False, **more: object) -> None:
        """Answer a frame that can't be taken."""
        await self.tell("error", client_key=client_key, code=code, detail=detail, retry=retry, **more)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Hand a frame to the method named for its type (`on_send`, …)."""
        if not self.listener:
            # It was closed out, and wrote before it heard so.
            return
        if self._is_flooding():
            await self.end(TOO_FAST)
            return
        if text_data is None:
            await self.refuse("bad_frame", _("A frame is text, not bytes."))
            return
        if len(text_data) > LONGEST_FRAME:
            await self.refuse("too_long", _("A frame has at most %d characters.") % LONGEST_FRAME)
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

    def _is_flooding(self) -> bool:
        """Whether more frames came than any page sends: FRAMES_PER_SECOND, and FRAMES_AT_ONCE ahead of that."""
        now = asyncio.get_running_loop().time()
        self._frames_until = max(now, self._frames_until) + 1 / FRAMES_PER_SECOND
        return self._frames_until - now > FRAMES_AT_ONCE / FRAMES_PER_SECOND
