"""What an idle socket weighs, and how soon everybody is back after the server was killed.

    python -m benchmarks.sockets [--sockets 1000] [--repeats 3] [--database postgres]

A thousand people, each logged in and caught up in a conversation of two. Weight: the process's PSS (as Linux shares it out) with and
without them, each repeat in a new process, beside uvicorn with nothing behind it. Return: kill -9 under a thousand sockets, a message
for each conversation that nobody was told of (it is stored while the server is down), start, and the seconds from the moment at which
the port listens again until every one has that message and is live. Everybody comes back as the page does at its first try, within a
second.
"""

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks.chat import cpu_seconds, database, listens, prepared, process
from tests.chaos.processes import ROOT, environment
from tests.services import free_port

AT_ONCE = 50
SAY = """
from chat import conversations
from chat.models import Member
for member in Member.objects.select_related("conversation__customer", "user").filter(user__username__endswith="-0"):
    conversations.send_text(member, "While you were away")
"""


class Sockets:
    """Many sockets at one server."""

    def __init__(self, port: int, seats: list[tuple[str, str]]) -> None:
        self._origin, self._seats = f"127.0.0.1:{port}", seats
        self.sockets: list[ClientConnection] = []
        self.lasts: list[int] = []

    async def open(self) -> None:
        """All of them, each until it is live."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> tuple[ClientConnection, int]:
            async with gate:
                return await self._come(number, after=0)

        came = await asyncio.gather(*(one(number) for number in range(len(self._seats))))
        self.sockets, self.lasts = [socket for socket, _last in came], [last for _socket, last in came]

    async def come_back(self) -> float:
        """Seconds until everybody has one event more, and is live."""
        began, dice = time.perf_counter(), random.Random(7)
        missed = await asyncio.gather(*(self._return(number, pause=dice.random()) for number in range(len(self._seats))))
        assert all(missed), f"{missed.count(False)} came back without what they missed"
        return time.perf_counter() - began

    async def _return(self, number: int, *, pause: float) -> bool:
        await asyncio.sleep(pause)
        while True:
            try:
                socket, last = await self._come(number, after=self.lasts[number])
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(0.2)
                continue
            self.sockets[number] = socket
            return last == self.lasts[number] + 1

    async def _come(self, number: int, *, after: int) -> tuple[ClientConnection, int]:
        path, cookie = self._seats[number]
        address = f"ws://{self._origin}{path}?after={after}"
        headers = {"Cookie": cookie, "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
        socket = await connect(address, additional_headers=headers, origin=f"http://{self._origin}", compression=None, open_timeout=60)  # type: ignore[arg-type]
        last = after
        while (frame := json.loads(await socket.recv()))["type"] != "live":
            if frame["type"] == "events":
                last = frame["events"][-1]["id"]
        return socket, last

    async def close(self) -> None:
        """All of them."""
        await asyncio.gather(*(socket.close() for socket in self.sockets))


def pss_kilobytes(pid: int) -> int:
    """The process's memory, what it shares with others divided among them."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def weigh(command: list[str], known: dict[str, str], seats: list[tuple[str, str]]) -> float:
    """Kilobytes for each socket."""
    port = free_port()
    with process(*command, str(port), port=port, known=known) as pid:

        async def with_and_without() -> float:
            warm = Sockets(port, seats[:20])
            await warm.open()
            await warm.close()
            await asyncio.sleep(1)
            before = pss_kilobytes(pid)
            everybody = Sockets(port, seats)
            await everybody.open()
            await asyncio.sleep(2)
            weight = (pss_kilobytes(pid) - before) / len(seats)
            await everybody.close()
            return weight

        return uvloop.run(with_and_without())


def back_after_a_kill(known: dict[str, str], seats: list[tuple[str, str]]) -> tuple[float, float]:
    """Seconds as the module says, and the seconds of one core that the server needed for it."""
    port = free_port()

    async def play() -> tuple[float, float]:
        everybody = Sockets(port, seats)
        with process("manage.py", "serve", "--port", str(port), port=port, known=known) as pid:
            await everybody.open()
            os.kill(pid, 9)
        said = subprocess.run([sys.executable, "manage.py", "shell", "-v0", "-c", SAY], cwd=ROOT, env=known, check=True)
        assert said.returncode == 0
        with process("manage.py", "serve", "--port", str(port), port=port, known=known) as pid:
            assert listens(port)
            before = cpu_seconds(pid)
            seconds = await everybody.come_back()
            used = cpu_seconds(pid) - before
            await everybody.close()
            return seconds, used

    return uvloop.run(play())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sockets")
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(database(options.database, folder))
        known = environment(ENV_FILE=os.devnull, SECRET_KEY="k" * 50, LOG_LEVEL="ERROR", DATABASE_URL=url)
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=known, check=True)
        seats = everybody_of(prepared(known, options.sockets // 2))
        rows: list[tuple[float, ...]] = []
        for _repeat in range(options.repeats):
            ours, bare = weigh(["manage.py", "serve", "--port"], known, seats), weigh(["-m", "benchmarks.bare_socket"], known, seats)
            rows.append((ours, bare, *back_after_a_kill(known, seats)))
            back, used = rows[-1][2:]
            weights = f"{ours:.1f} kB | bare {bare:.1f} kB"
            print(f"{weights} | back after {back:.1f} s, {used:.1f} s of CPU | load {os.getloadavg()[0]:.1f}", flush=True)
    ours, bare, back, used = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"\n{options.database}, {len(seats)} sockets, median of {len(rows)}:")
    print(f"{ours:.1f} kB each, bare uvicorn {bare:.1f} kB, everybody back after {back:.1f} s, {used:.1f} s of the server's CPU")


def everybody_of(rooms: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The socket's path and the cookie of each seat."""
    return [(f"/ws/conversations/{room['conversation']}/", seat["cookie"]) for room in rooms for seat in room["seats"]]


if __name__ == "__main__":
    main()
