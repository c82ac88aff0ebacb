"""The clients. Each holds a socket, comes back whenever it breaks, and sends its lines one after the other, each until it is acknowledged.

An attempt that is to be cut off ends, by chance, in one of three ways: the connection is gone before the message has left, in the middle
of it, or after it, before the answer is read. Then the same line goes out again under the same key, over a new connection.
"""

import asyncio
import http.client
import json
import random
from collections import Counter
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.chat_proof.plan import Line

JSON = dict[str, Any]
PATIENCE_SECONDS = 20.0
GIVE_UP_SECONDS = 240.0
CUTS = ("before it left", "in the middle", "before the answer")


class CutError(Exception):
    """The attempt came to nothing, or nobody knows; the line goes out again."""


class TooFastError(Exception):
    """The server asks for so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


class Client:
    """One seat. `log`: the events as they came, each number once; `acks`: what the server said of each key."""

    def __init__(self, seat: JSON, conversation: str, *, lines: list[Line], ports: list[int], drop: int, seed: int) -> None:
        self.seat, self.conversation, self.lines, self._ports, self._drop = seat, conversation, lines, ports, drop
        self.log: list[JSON] = []
        self.acks: dict[str, JSON] = {}
        self.troubles: Counter[str] = Counter()
        self.gaps = self.false_lives = 0
        self._dice = random.Random(f"{seed}/{seat['name']}")
        self._socket: ClientConnection | None = None
        self._live = asyncio.Event()
        self._answers: dict[str, asyncio.Future[JSON]] = {}

    @property
    def last(self) -> int:
        """The number of the newest event."""
        return int(self.log[-1]["id"]) if self.log else 0

    async def listen(self) -> None:
        """Hold a socket, until cancelled."""
        while True:
            try:
                await self._hold()
            except (OSError, WebSocketException, TimeoutError) as error:
                self.troubles[f"socket: {type(error).__name__}"] += 1
            self._socket = None
            self._live.clear()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(CutError("the socket is gone"))
            await asyncio.sleep(self._dice.uniform(0.02, 0.3))

    async def speak(self) -> None:
        """Send every line, each until the server has acknowledged it."""
        for line in self.lines:
            until = asyncio.get_running_loop().time() + GIVE_UP_SECONDS
            while line.key not in self.acks:
                if asyncio.get_running_loop().time() > until:
                    raise TimeoutError(f"{line.key} was not taken within {GIVE_UP_SECONDS:.0f} s")
                await self._try(line)

    async def _try(self, line: Line) -> None:
        cut = self._dice.choice(CUTS) if self._dice.uniform(0, 100) < self._drop else ""
        try:
            self.acks[line.key] = await (self._post(line, cut) if line.by_http else self._send(line, cut))
        except TooFastError as refused:
            self.troubles["asked to wait"] += 1
            await asyncio.sleep(refused.seconds)
        except (CutError, OSError, http.client.HTTPException, WebSocketException, TimeoutError) as error:
            self.troubles[f"cut {cut}" if cut else f"{'http' if line.by_http else 'send'}: {type(error).__name__}"] += 1
            await asyncio.sleep(self._dice.uniform(0, 0.1))

    # --- The socket ------------------------------------------------------------------------------------------------------

    async def _hold(self) -> None:
        port = self._dice.choice(self._ports)
        address = f"ws://127.0.0.1:{port}/ws/conversations/{self.conversation}/?after={self.last}"
        headers, origin = {"Cookie": self.seat["cookie"]}, f"http://127.0.0.1:{port}"
        async with connect(address, additional_headers=headers, origin=origin, compression=None, close_timeout=1) as socket:  # type: ignore[arg-type]
            self._socket = socket
            async for frame in socket:
                self._hear(json.loads(frame))

    def _hear(self, frame: JSON) -> None:
        answer = self._answers.get(frame.get("client_key") or "")
        if frame["type"] == "events":
            for event in frame["events"]:
                self._keep(event)
        elif frame["type"] == "live":
            self.false_lives += self.last < frame["sequence"]
            self._live.set()
        elif frame["type"] == "ack" and answer and not answer.done():
            answer.set_result(frame["event"])
        elif frame["type"] == "error" and answer and not answer.done():
            answer.set_exception(_refusal(frame))

    def _keep(self, event: JSON) -> None:
        if event["id"] <= self.last:
            return  # may repeat, says the protocol
        self.gaps += event["id"] != self.last + 1
        self.log.append(event)

    async def _send(self, line: Line, cut: str) -> JSON:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._live.wait()
        socket = self._socket
        if socket is None:
            raise CutError
        if cut == CUTS[0]:
            socket.transport.abort()
            raise CutError
        self._answers[line.key] = asyncio.get_running_loop().create_future()
        frame = json.dumps({"type": "send", "client_key": line.key, "event": {"type": "message", "body": {"text": line.text}}})
        try:
            # In the middle: the first half as a fragment of its own, and no other.
            await socket.send(_halves(socket, frame) if cut == CUTS[1] else frame)
            if cut:
                socket.transport.abort()
                raise CutError
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._answers[line.key]
        finally:
            del self._answers[line.key]

    # --- HTTP --------------------------------------------------------------------------------------------------------------

    async def _post(self, line: Line, cut: str) -> JSON:
        return await asyncio.to_thread(self._post_now, line, cut, self._dice.choice(self._ports))

    def _post_now(self, line: Line, cut: str, port: int) -> JSON:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        body = json.dumps({"type": "message", "body": {"text": line.text}, "client_key": line.key}).encode()
        try:
            connection.putrequest("POST", f"/api/conversations/{self.conversation}/events/")
            headers = {"Cookie": self.seat["cookie"], "X-CSRFToken": self.seat["csrf"], "Content-Type": "application/json"}
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            if cut == CUTS[0]:
                raise CutError
            connection.endheaders()
            connection.send(body[: len(body) // 2] if cut == CUTS[1] else body)
            if cut:
                raise CutError
            answer = connection.getresponse()
            return self._read(answer.status, answer.read(), retry_after=answer.headers.get("Retry-After"))
        finally:
            connection.close()

    def _read(self, status: int, content: bytes, *, retry_after: str | None) -> JSON:
        if status in {200, 201}:
            event: JSON = json.loads(content)
            return event
        if status == 429:
            raise TooFastError(float(retry_after or 1))
        if status >= 500:
            raise CutError(f"answer {status}")
        raise AssertionError(f"{status}: {content[:300]!r}")


async def _halves(socket: ClientConnection, frame: str) -> Any:
    yield frame[: len(frame) // 2]
    socket.transport.abort()
    yield frame[len(frame) // 2 :]


def _refusal(frame: JSON) -> Exception:
    if frame["code"] == "too_fast":
        return TooFastError(frame.get("after_seconds", 1))
    return AssertionError(f"refused: {frame}")
