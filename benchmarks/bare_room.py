"""The limit that the chat is measured against: a room that stores durably and does nothing else.

    python -m benchmarks.bare_room PORT DATABASE_URL

One process, `websockets` on uvloop, no compression. Whoever connects to /<room> gets every line of that room once it is committed: one
thread takes what has gathered, inserts it and commits (SQLite with synchronous=FULL, or PostgreSQL). No log-in, no membership, no
numbers, no retries, no limit.
"""

import asyncio
import sqlite3
import sys
import threading
from collections import defaultdict
from queue import SimpleQueue
from typing import Any

import psycopg
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

Line = tuple[str, str]


class Disk:
    """One thread and one connection; `told(lines)` is called in the event loop after each commit."""

    def __init__(self, url: str, told: Any) -> None:
        self.lines: SimpleQueue[Line] = SimpleQueue()
        self._url, self._told, self._loop = url, told, asyncio.get_running_loop()
        threading.Thread(target=self._write, daemon=True).start()

    def _write(self) -> None:
        insert, connection = self._open()
        while True:
            batch = [self.lines.get()]
            while not self.lines.empty():
                batch.append(self.lines.get())
            cursor = connection.cursor()
            cursor.executemany(insert, batch)
            connection.commit()
            self._loop.call_soon_threadsafe(self._told, batch)

    def _open(self) -> tuple[str, Any]:
        table = "CREATE TABLE IF NOT EXISTS bare_lines (room TEXT, line TEXT)"
        if self._url.startswith("sqlite:///"):
            connection: Any = sqlite3.connect(self._url.removeprefix("sqlite:///"))
            connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {table}")
            return "INSERT INTO bare_lines VALUES (?, ?)", connection
        connection = psycopg.connect(self._url)
        connection.execute(table)
        connection.commit()
        return "INSERT INTO bare_lines VALUES (%s, %s)", connection


async def main(port: int, url: str) -> None:
    """Serve until the process is ended."""
    rooms: dict[str, set[ServerConnection]] = defaultdict(set)

    def told(batch: list[Line]) -> None:
        for room, line in batch:
            broadcast(rooms[room], line)

    disk = Disk(url, told)

    async def meet(socket: ServerConnection) -> None:
        room = socket.request.path if socket.request else "/"
        rooms[room].add(socket)
        try:
            async for line in socket:
                disk.lines.put((room, str(line)))
        finally:
            rooms[room].discard(socket)

    async with serve(meet, "127.0.0.1", port, compression=None):
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
