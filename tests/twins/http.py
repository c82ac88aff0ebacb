"""HTTP/1.1 on one connection, with the raw control that faults need.

Why asyncio streams and h11 instead of an ASGI server: a fault must be able to reset the connection, to close it without an
answer after the work was done, to promise more bytes than it sends, or to hang. ASGI gives an application no hold on the
connection, and the servers correct or refuse what we want to do wrong on purpose. h11 parses (so no parsing by hand) and is
in the requirements already.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

MAXIMUM_BODY_BYTES = 25 * 1024 * 1024


@dataclass(slots=True)
class Request:
    """One request as it arrived. `headers` has lower-case names; `parameters` are the parts of the path that a route named."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        self.path = unquote(parts.path)
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))

    def json(self) -> Any:
        """The body as JSON; None when there is no body. Raises ValueError when it is not JSON."""
        return json.loads(self.body) if self.body else None

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


TakeOver = Callable[[Request, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Response:
    """`take_over` gets the connection instead of anything being answered (a WebSocket answers for itself)."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    take_over: TakeOver | None = None


@dataclass(slots=True)
class Reply:
    """What to do with the connection: `manner` is one of

    answer (send the response) · last (send it, then close) · cut (send half of the promised bytes, then close)
    · close (close without an answer) · reset (RST without an answer) · hang (keep silent until the client leaves).
    """

    response: Response | None = None
    manner: str = "answer"


Answer = Callable[[Request], Awaitable[Reply]]


def json_response(status: int, payload: Any, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(status, body, {"content-type": "application/json", **(headers or {})})


def empty_response(status: int) -> Response:
    return Response(status)


class Connection:
    """Serves the requests of one client connection, one after the other."""

    def __init__(self, number: int, *, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle_seconds: float | None) -> None:
        self.number = number
        self._reader = reader
        self._writer = writer
        self._idle_seconds = idle_seconds
        self._parser = h11.Connection(h11.SERVER)

    async def serve(self, answer: Answer) -> None:
        """Runs until either side closes. Never raises for what a client does."""
        try:
            while await self._serve_one(answer):
                self._parser.start_next_cycle()
        except h11.RemoteProtocolError as error:
            await self._refuse(error)
        except (OSError, TimeoutError, h11.LocalProtocolError):
            pass
        except asyncio.CancelledError:
            self._writer.transport.abort()  # the twin stops: nobody's farewell is waited for
            raise
        finally:
            await self._close()

    async def _serve_one(self, answer: Answer) -> bool:
        request = await self._read_request()
        if request is None:
            return False
        reply = await answer(request)
        if reply.manner == "answer" and reply.response is not None and reply.response.take_over is not None:
            await reply.response.take_over(request, self._reader, self._writer)
            return False
        return await self._carry_out(reply)

    async def _read_request(self) -> Request | None:
        head = await self._next_event(self._idle_seconds)
        if not isinstance(head, h11.Request):
            return None
        body = bytearray()
        while not isinstance(event := await self._next_event(None), h11.EndOfMessage):
            if not isinstance(event, h11.Data) or len(body) > MAXIMUM_BODY_BYTES:
                return None
            body += event.data
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in head.headers}
        return Request(head.method.decode(), head.target.decode("latin-1"), headers, bytes(body), self.number)

    async def _next_event(self, timeout: float | None) -> object:
        while (event := self._parser.next_event()) is h11.NEED_DATA:
            if self._parser.they_are_waiting_for_100_continue:
                await self._write(self._parser.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            data = await asyncio.wait_for(self._reader.read(65536), timeout)
            self._parser.receive_data(data)
        return event

    async def _carry_out(self, reply: Reply) -> bool:
        """Sends or withholds the answer; True when the connection stays open for another request."""
        if reply.manner == "reset":
            self._reset()
        elif reply.manner == "hang":
            # A client that gives up closes its side; until then nothing is sent.
            while await self._reader.read(65536):
                pass
        elif reply.response is not None and reply.manner != "close":
            await self._write(self._encode(reply.response, reply.manner))
            return reply.manner == "answer" and self._parser.our_state is h11.DONE and self._parser.their_state is h11.DONE
        return False

    def _encode(self, response: Response, manner: str) -> bytes:
        headers = {**response.headers, "content-length": str(len(response.body)), "server": "twin"}
        if response.status in (204, 304):
            del headers["content-length"]
        if manner == "last":
            headers["connection"] = "close"
        head = self._parser.send(h11.Response(status_code=response.status, headers=list(headers.items()))) or b""
        if manner == "cut":
            return head + response.body[: len(response.body) // 2]
        data = self._parser.send(h11.Data(data=response.body)) or b"" if response.body else b""
        return head + data + (self._parser.send(h11.EndOfMessage()) or b"")

    async def _refuse(self, error: h11.RemoteProtocolError) -> None:
        with contextlib.suppress(OSError, h11.LocalProtocolError):
            body = b"malformed request"
            response = Response(error.error_status_hint, body, {"content-type": "text/plain"})
            await self._write(self._encode(response, "last"))

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def _reset(self) -> None:
        """Closes with RST: no lingering, whatever is still in flight is thrown away."""
        plain_socket = self._writer.get_extra_info("socket")
        plain_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 5)
