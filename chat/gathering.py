"""What many sockets want written at one moment, written together: while one transaction commits, the next one's work gathers.

A commit waits for the disk, so a transaction for each message would make them queue up behind it. Nobody waits for company: who comes
while nothing is under way is written at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")
MOST_AT_ONCE = 100


class Gathering(Generic[Work, Outcome]):
    """`write` gets a list of work and answers each one's outcome, in order; an outcome that is an exception is raised to whoever asked."""

    def __init__(self, write: Callable[[Sequence[Work]], Sequence[Outcome | Exception]]) -> None:
        self._write = write
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line[Work, Outcome]] = WeakKeyDictionary()

    async def put(self, work: Work) -> Outcome:
        """The outcome of `work`, once it is committed."""
        loop = asyncio.get_running_loop()
        line = self._lines.setdefault(loop, _Line())
        done: asyncio.Future[Outcome] = loop.create_future()
        line.waiting.append((work, done))
        if line.task is None:
            line.task = loop.create_task(self._drain(line))
        return await done

    async def _drain(self, line: "_Line[Work, Outcome]") -> None:
        while line.waiting:
            batch, line.waiting = line.waiting[:MOST_AT_ONCE], line.waiting[MOST_AT_ONCE:]
            outcomes: Sequence[Outcome | Exception]
            try:
                outcomes = await database_sync_to_async(self._write)([work for work, _done in batch])
            except Exception as error:
                outcomes = [error] * len(batch)
            for (_work, done), outcome in zip(batch, outcomes, strict=True):
                if done.done():
                    continue  # whoever asked has gone
                if isinstance(outcome, Exception):
                    done.set_exception(outcome)
                else:
                    done.set_result(outcome)
        line.task = None


class _Line(Generic[Work, Outcome]):
    """What waits in one event loop, and the task that works on it."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Work, asyncio.Future[Outcome]]] = []
        self.task: asyncio.Task[None] | None = None
