"""What one client may cost: the sizes of a request, and the time that it may take to come.

Pages run on a few threads, so none of them may wait for a slow client: heads and bodies are read whole, on the event loop, before a
thread begins, and what a thread answers is buffered if the client reads slowly.
"""

import asyncio
import json
from asyncio import Transport
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from accounts.api.problems import problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MOST_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 20.0
BODY_SECONDS = 30.0
# How long, and how much, of a body that is refused may still come.
DRAIN_SECONDS = 2.0
DRAIN_BYTES = 20_000_000
# The largest static file and then some.
ANSWER_BUFFER_BYTES = 4 * 1024 * 1024


class TooMuchError(Exception):
    """The body is longer than DATA_UPLOAD_MAX_MEMORY_SIZE."""


class GoneError(Exception):
    """The client left before its body was whole."""


class Bounded:
    """An ASGI application whose HTTP requests come with their whole body, of at most DATA_UPLOAD_MAX_MEMORY_SIZE, or not at all.

    413 where the body is longer (at once where it says so itself), 408 where it takes more than BODY_SECONDS.
    """

    def __init__(self, application: App) -> None:
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Read, then hand on."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(scope, receive)
        except TooMuchError:
            # Whoever asks first whether to send the body does not send it any more.
            coming = None if any(name == b"expect" for name, _value in scope["headers"]) else receive
            await _refuse(send, 413, "too_large", f"At most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes are taken.", receive=coming)
        except TimeoutError:
            await _refuse(send, 408, "too_slow", f"The whole request must be here within {BODY_SECONDS:.0f} seconds.")
        except GoneError:
            return
        else:
            # A body in chunks has no length of its own, and WSGI reads none without.
            length = (b"content-length", str(len(body)).encode())
            others = [header for header in scope["headers"] if header[0] not in {b"content-length", b"transfer-encoding"}]
            await self.application({**scope, "headers": [*others, length]}, _again(body, receive), send)


async def _body(scope: Message, receive: Receive) -> bytes:
    most, body, is_whole = settings.DATA_UPLOAD_MAX_MEMORY_SIZE, b"", False
    if any(int(value) > most for name, value in scope["headers"] if name == b"content-length" and value.isdigit()):
        raise TooMuchError
    while not is_whole:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        body += message.get("body", b"")
        is_whole = not message.get("more_body", False)
        if len(body) > most:
            raise TooMuchError
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """Receive the body once more, then whatever comes."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again


async def _refuse(send: Send, status: int, code: str, detail: str, *, receive: Receive | None = None) -> None:
    content = json.dumps(problem(status, [{"field": None, "code": code, "detail": detail}])).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    if receive:
        await _drain(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(receive: Receive) -> None:
    """Read on for a while and keep nothing: a connection that is closed on bytes on their way is reset, and takes the answer with it."""
    left = DRAIN_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return


class ImpatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, which by itself waits for a request's head as long as the client likes, however long it gets."""

    head_bytes = 0
    head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """The first head is expected from now on."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=ANSWER_BUFFER_BYTES)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._head_is_here()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A further head on the same connection begins."""
        super().on_message_begin()
        if self.head_timer is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """The head is whole; the body is for Bounded to look at."""
        self._head_is_here()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Count what comes while the head is not whole."""
        super().data_received(data)
        if self.head_timer is not None:
            self.head_bytes += len(data)
            if self.head_bytes > MOST_HEAD_BYTES:
                self._give_up(b"431 Request Header Fields Too Large")

    def _expect_head(self) -> None:
        self.head_bytes = 0
        self.head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up, b"408 Request Timeout")

    def _head_is_here(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def _give_up(self, status: bytes) -> None:
        self._head_is_here()
        self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
