"""What many sockets want written at one moment, written together: while one transaction commits, the next one's work gathers.

A commit waits for the disk, so a transaction for each message would make them queue up behind it. Nobody waits for company: who comes
while nothing is under way is written at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from channels.db import database_sync_to_async
from django.db import connections

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")
Write = Callable[[Sequence[Any]], Awaitable[Sequence[Any]]]
MOST_AT_ONCE = 100
# Fetching a connection and asking whether it lives costs as much as writing a message; until nobody has come for so long, it is kept.
KEPT_SECONDS = 1.0


class Gathering(Generic[Work, Outcome]):
    """`write` gets a list of work and answers each one's outcome, in order; an outcome that is an exception is raised to whoever asked.

    All gatherings of an event loop write one after the other: SQLite makes two writers wait for each other by sleeping.
    """

    def __init__(self, write: Callable[[Sequence[Work]], Sequence[Outcome | Exception]]) -> None:
        self._write: Write = sync_to_async(write)

    async def put(self, work: Work) -> Outcome:
        """The outcome of `work`, once it is committed."""
        loop = asyncio.get_running_loop()
        if (line := _lines.get(loop)) is None:
            line = _lines[loop] = _Line()
            line.task = loop.create_task(line.serve())
        done: asyncio.Future[Outcome] = loop.create_future()
        line.join(self._write, work, done)
        return await done


class _Line:
    """What waits in one event loop, by how it is written; and the task that sees to it, in a thread of its own."""

    task: "asyncio.Task[None]"

    def __init__(self) -> None:
        self._waiting: dict[Write, list[tuple[Any, asyncio.Future[Any]]]] = {}
        self._come = asyncio.Event()

    def join(self, write: Write, work: Any, done: "asyncio.Future[Any]") -> None:
        self._waiting.setdefault(write, []).append((work, done))
        self._come.set()

    async def serve(self) -> None:
        """Until nobody has come for a while. Those who read the database have another thread, and hold nobody up here."""
        async with ThreadSensitiveContext():
            try:
                while await self._has_come():
                    await self._write_next()
            finally:
                # At once, so that nobody joins a line that is not served any more. The thread ends, and its connection with it.
                del _lines[asyncio.get_running_loop()]
                await sync_to_async(connections.close_all)()

    async def _has_come(self) -> bool:
        if not self._waiting:
            self._come.clear()
            try:
                async with asyncio.timeout(KEPT_SECONDS):
                    await self._come.wait()
            except TimeoutError:
                pass
        return bool(self._waiting)

    async def _write_next(self) -> None:
        write, all_of_it = next(iter(self._waiting.items()))
        batch, rest = all_of_it[:MOST_AT_ONCE], all_of_it[MOST_AT_ONCE:]
        del self._waiting[write]
        if rest:
            self._waiting[write] = rest  # behind those who wait for something else
        outcomes: Sequence[Any]
        try:
            outcomes = await write([work for work, _done in batch])
        except Exception as error:
            outcomes = [error] * len(batch)
            await _give_the_connection_back()
        for (_work, done), outcome in zip(batch, outcomes, strict=True):
            if done.done():
                continue  # whoever asked has gone
            if isinstance(outcome, Exception):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)


@database_sync_to_async
def _give_the_connection_back() -> None:
    """As this decorator does after each call; the next one is asked whether it lives."""


_lines: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Line]" = WeakKeyDictionary()
