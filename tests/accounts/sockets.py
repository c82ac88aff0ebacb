"""A browser's WebSocket, for tests: connect, send JSON, compare the whole answer."""

import functools
import json
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.test import Client

from ordersupport.asgi import application
from tests.accounts.threads import THREADS
from tests.running import PATIENCE_SECONDS

Frame = dict[str, Any]
ORIGIN = "http://localhost:3000"


def browser_test(test: Callable[..., Coroutine[Any, Any, None]]) -> Any:
    """A test that talks over sockets. What touches the database runs in the test's own thread, as `async_to_sync` has it."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        # As Django's own test client does: the test's connection, in its transaction, is not an old one. And no other thread sees it.
        with patch("channels.db.close_old_connections"), patch("chat.gathering.ThreadSensitiveContext", nullcontext):
            async_to_sync(test)(**fixtures)

    return run


def live_test(test: Callable[..., Coroutine[Any, Any, None]]) -> Any:
    """The same, with transactions that are really committed: only then do others hear of what was written."""
    return THREADS(browser_test(test))


class Socket:
    """One browser's socket."""

    def __init__(self, path: str, client: Client | None = None, *, origin: str | None = ORIGIN) -> None:
        address, _question_mark, query = path.partition("?")
        cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in client.cookies.items()) if client else ""
        headers = [(b"cookie", cookies.encode()), (b"host", b"localhost:3000")]
        self.scope: dict[str, Any] = {
            "type": "websocket",
            "path": unquote(address),
            "query_string": query.encode(),
            "headers": headers + ([(b"origin", origin.encode())] if origin else []),
            "subprotocols": [],
        }

    async def open(self) -> bool:
        """Whether the server takes the connection at all."""
        self.line = ApplicationCommunicator(application, self.scope)
        await self.line.send_input({"type": "websocket.connect"})
        return bool((await self.line.receive_output(PATIENCE_SECONDS))["type"] == "websocket.accept")

    async def __aenter__(self) -> "Socket":
        assert await self.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.line.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.line.wait(PATIENCE_SECONDS)

    async def send(self, frame: object) -> None:
        """Send a frame as JSON."""
        await self.send_raw(text=json.dumps(frame))

    async def send_raw(self, **content: Any) -> None:
        """Send what is no frame: `text` or `bytes`."""
        await self.line.send_input({"type": "websocket.receive", **content})

    async def receive(self) -> Frame:
        """The next frame."""
        output = await self.line.receive_output(PATIENCE_SECONDS)
        assert output["type"] == "websocket.send", output
        # A server sends UTF-8, and would end the connection over anything else.
        output["text"].encode()
        frame: Frame = json.loads(output["text"])
        return frame

    async def ask(self, frame: object) -> Frame:
        """Send a frame and get the next one back."""
        await self.send(frame)
        return await self.receive()

    async def until(self, kind: str) -> Frame:
        """The next frame of that type."""
        while (frame := await self.receive())["type"] != kind:
            pass
        return frame

    async def hears_nothing(self) -> bool:
        """Whether the server stays silent for a moment."""
        return bool(await self.line.receive_nothing())

    async def close_code(self) -> int:
        """The code with which the server closes."""
        output = await self.line.receive_output(PATIENCE_SECONDS)
        assert output["type"] == "websocket.close", output
        return int(output["code"])
