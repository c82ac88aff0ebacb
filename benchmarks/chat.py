"""How fast a message gets from one person to the other, and how many a second, against a bare durable room in the same run.

    python -m benchmarks.chat [--database postgres] [--repeats 5] [--seconds 5]

Fifty rooms of a customer and an agent, a hundred bytes a message. Product and bare room (benchmarks/bare_room.py) run alternately, each
with the same client, which has one core's worth of work of its own. At a fixed rate the time runs from the moment at which a message
was meant to be sent until the other person has it; at saturation everybody sends the next message as soon as their last one is
acknowledged. The product runs as it is shipped, but for the limit on one sender's messages. A message that is lost or doubled fails it.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from tests.chaos.processes import ROOT, environment
from tests.running import wait_for
from tests.services import free_port, private_services

ROOMS = 50
RATES = (10, 200)
TEXT = "x" * 100


@dataclass
class Seat:
    """One socket, and what came over it."""

    socket: ClientConnection
    keys: set[str] = field(default_factory=set)
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)


class Bare:
    """The bare room."""

    name = "bare room"

    def __init__(self, port: int) -> None:
        self._url = f"ws://127.0.0.1:{port}"

    async def connect(self, room: int, seat: int) -> ClientConnection:
        """A person in a room."""
        return await connect(f"{self._url}/{room}", compression=None)

    def frame(self, key: str) -> str:
        """A message."""
        return json.dumps({"key": key, "text": TEXT})

    def keys(self, frame: str) -> list[str]:
        """The messages in what came."""
        return [json.loads(frame)["key"]]


class Product:
    """Our own server."""

    name = "product"

    def __init__(self, port: int, rooms: list[dict[str, Any]]) -> None:
        self._origin, self._rooms = f"127.0.0.1:{port}", rooms

    async def connect(self, room: int, seat: int) -> ClientConnection:
        """A person in a room, caught up."""
        found = self._rooms[room]
        address = f"ws://{self._origin}/ws/conversations/{found['conversation']}/"
        headers = {"Cookie": found["seats"][seat]["cookie"]}
        socket = await connect(address, additional_headers=headers, origin=f"http://{self._origin}", compression=None)  # type: ignore[arg-type]
        while json.loads(await socket.recv())["type"] != "live":
            pass
        return socket

    def frame(self, key: str) -> str:
        """A message."""
        return json.dumps({"type": "send", "client_key": key, "event": {"type": "message", "body": {"text": TEXT}}})

    def keys(self, frame: str) -> list[str]:
        """The messages in what came."""
        content = json.loads(frame)
        if content["type"] == "error":
            raise AssertionError(frame)
        return [event["client_key"] for event in content["events"]] if content["type"] == "events" else []


@dataclass(frozen=True)
class Figures:
    """One repeat of one side: milliseconds at each rate (p50, p95), messages a second at saturation, server's CPU per message there."""

    p50: dict[int, float]
    p95: dict[int, float]
    per_second: float
    cpu_us: float


class Load:
    """The hundred clients."""

    def __init__(self, side: Bare | Product) -> None:
        self.side = side
        self.meant: dict[str, float] = {}
        self.delays: list[float] = []
        self.received = 0

    async def measure(self, seconds: float, pid: int) -> Figures:
        """Every rate, then saturation."""
        self.rooms = [[Seat(await self.side.connect(room, seat)) for seat in (0, 1)] for room in range(ROOMS)]
        readers = [asyncio.create_task(self._read(seat)) for room in self.rooms for seat in room]
        p50, p95 = {}, {}
        for rate in RATES:
            await self._at_rate(rate, seconds)
            p50[rate], p95[rate] = statistics.median(self.delays), statistics.quantiles(self.delays, n=20)[-1]
        before, began = cpu_seconds(pid), time.perf_counter()
        count = await self._saturate(seconds)
        took, cpu = time.perf_counter() - began, cpu_seconds(pid) - before
        for reader in readers:
            reader.cancel()
        for room in self.rooms:
            for seat in room:
                await seat.socket.close()
        return Figures(p50, p95, count / took, cpu / count * 1e6)

    async def _at_rate(self, rate: int, seconds: float) -> None:
        self.meant, self.delays, self.received = {}, [], 0
        count, began = int(rate * seconds), time.perf_counter() + 0.1
        for number in range(count):
            at = began + number / rate
            if (pause := at - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            key = f"{id(self)}-{rate}-{began}-{number}"
            self.meant[key] = at
            await self.rooms[number % ROOMS][number // ROOMS % 2].socket.send(self.side.frame(key))
        await self._settled(count)

    async def _saturate(self, seconds: float) -> int:
        self.meant, self.delays, self.received = {}, [], 0
        until = time.perf_counter() + seconds
        sent = await asyncio.gather(*(self._chain(seat, until) for room in self.rooms for seat in room))
        await self._settled(sum(sent))
        return sum(sent)

    async def _chain(self, seat: Seat, until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            key = f"{id(seat)}-{until}-{count}"
            self.meant[key] = time.perf_counter()
            seat.acknowledged.clear()
            await seat.socket.send(self.side.frame(key))
            await asyncio.wait_for(seat.acknowledged.wait(), 30)
            count += 1
        return count

    async def _read(self, seat: Seat) -> None:
        async for frame in seat.socket:
            now = time.perf_counter()
            for key in self.side.keys(str(frame)):
                assert key not in seat.keys, "a message came twice"
                seat.keys.add(key)
                self.received += 1
                if key.startswith(f"{id(seat)}-"):
                    seat.acknowledged.set()
                else:
                    self.delays.append((now - self.meant[key]) * 1000)

    async def _settled(self, count: int) -> None:
        """Until both people of each room have everything."""
        until = time.perf_counter() + 30
        while self.received < 2 * count:
            assert time.perf_counter() < until, f"{2 * count - self.received} messages were lost"
            await asyncio.sleep(0.02)


def cpu_seconds(pid: int) -> float:
    """What the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def process(*command: str, port: int, known: dict[str, str]) -> Iterator[int]:
    """Run it until the end of the block; its id, once it listens."""
    running = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=known, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(port), f"port {port}")
        yield running.pid
    finally:
        running.terminate()
        running.wait(30)


def listens(port: int) -> bool:
    """Whether something does."""
    return re.search(rf":{port:04X} 00000000:0000 0A", Path("/proc/net/tcp").read_text()) is not None


def prepared(known: dict[str, str], rooms: int) -> list[dict[str, Any]]:
    """Rooms of two, with sessions."""
    asked = json.dumps({"rooms": [[f"room-{room}-{seat}" for seat in range(2)] for room in range(rooms)]})
    command = [sys.executable, "-m", "tests.chat_proof.inside", "prepare"]
    done = subprocess.run(command, cwd=ROOT, env=known, input=asked, capture_output=True, text=True, check=True)
    rooms_made: list[dict[str, Any]] = json.loads(done.stdout)["rooms"]
    return rooms_made


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The address of a fresh one."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'db.sqlite3'}"
        return
    with private_services() as (postgres, _redis):
        yield postgres.url


def main() -> None:
    """Alternate, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chat")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(database(options.database, folder))
        port, bare_port = free_port(), free_port()
        known = environment(ENV_FILE=os.devnull, SECRET_KEY="k" * 50, LOG_LEVEL="ERROR", DATABASE_URL=url, MESSAGES_PER_MINUTE="1000000")
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=known, check=True)
        pid = stack.enter_context(process("manage.py", "serve", "--port", str(port), port=port, known=known))
        bare_url = url if options.database == "postgres" else f"sqlite:///{folder / 'bare.sqlite3'}"
        bare_pid = stack.enter_context(process("-m", "benchmarks.bare_room", str(bare_port), bare_url, port=bare_port, known=known))
        product, bare = Product(port, prepared(known, ROOMS)), Bare(bare_port)
        pairs = []
        for _repeat in range(options.repeats):
            ours = uvloop.run(Load(product).measure(options.seconds, pid))
            theirs = uvloop.run(Load(bare).measure(options.seconds, bare_pid))
            pairs.append((ours, theirs))
            print(line(ours, theirs), flush=True)
    summary(pairs, options.database)


def line(ours: Figures, theirs: Figures) -> str:
    """One repeat."""
    rates = " | ".join(f"{rate}/s: {ours.p50[rate]:.1f} / {theirs.p50[rate]:.1f} ms" for rate in RATES)
    return f"{rates} | saturation {ours.per_second:.0f} / {theirs.per_second:.0f} | load {os.getloadavg()[0]:.1f}"


def summary(pairs: list[tuple[Figures, Figures]], kind: str) -> None:
    """Medians, and the median of each repeat's ratio."""
    print(f"\n| {kind}, median of {len(pairs)} | product | bare room | ratio |\n|---|---|---|---|")
    for rate in RATES:
        for name in ("p50", "p95"):
            row(f"send to receipt at {rate}/s, {name}, ms", [(getattr(a, name)[rate], getattr(b, name)[rate]) for a, b in pairs])
    row("messages a second at saturation", [(a.per_second, b.per_second) for a, b in pairs])
    row("the server's CPU per message there, µs", [(a.cpu_us, b.cpu_us) for a, b in pairs])


def row(name: str, pairs: list[tuple[float, float]]) -> None:
    """One line of the table."""
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = [a / b for a, b in pairs]
    print(f"| {name} | {ours:.1f} | {theirs:.1f} | {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) |")


if __name__ == "__main__":
    main()
