"""What sockets want written at one moment, written together, in one thread."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from channels.db import database_sync_to_async
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from chat import gathering
from chat.gathering import Gathering
from tests.accounts.threads import THREADS

# What is done with connections after a write is done in threads of the pool, which earlier tests may have left connections in.
pytestmark = THREADS


class Slow:
    """Writes numbers, each batch once it may; what is negative is refused."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Semaphore(0), threading.Semaphore(0)
        self.batches: list[list[int]] = []

    def write(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(numbers))
        self.begun.release()
        assert self.may_end.acquire(timeout=10)
        return [number * 10 if number >= 0 else ValueError(number) for number in numbers]


def test_what_comes_during_a_commit_is_written_together_after_it() -> None:
    slow = Slow()

    async def talk() -> list[int]:
        numbers = Gathering(slow.write)
        first = asyncio.create_task(numbers.put(1))
        await asyncio.to_thread(slow.begun.acquire)
        others = [asyncio.create_task(numbers.put(number)) for number in (2, 3, 4)]
        await asyncio.sleep(0)
        slow.may_end.release(2)
        return list(await asyncio.gather(first, *others))

    assert (asyncio.run(talk()), slow.batches) == ([10, 20, 30, 40], [[1], [2, 3, 4]])


def test_one_that_is_refused_harms_no_other() -> None:
    slow = Slow()
    slow.may_end.release()

    async def talk() -> list[int]:
        numbers = Gathering(slow.write)
        one, refused, three = (asyncio.create_task(numbers.put(number)) for number in (1, -2, 3))
        with pytest.raises(ValueError, match="-2"):
            await refused
        return [await one, await three]

    assert (asyncio.run(talk()), slow.batches) == ([10, 30], [[1, -2, 3]])


def test_a_batch_that_fails_as_a_whole_fails_for_each_and_the_next_is_written() -> None:
    fails = [True]

    def write(numbers: Sequence[int]) -> list[int | Exception]:
        if fails.pop():
            fails.append(False)
            raise OSError("no disk")
        fails.append(False)
        return list(numbers)

    async def talk() -> list[int | BaseException]:
        numbers = Gathering(write)
        failed = await asyncio.gather(numbers.put(1), numbers.put(2), return_exceptions=True)
        return [*failed, await numbers.put(3)]

    one, two, three = asyncio.run(talk())
    assert (type(one), type(two), three) == (OSError, OSError, 3)


def test_all_write_in_one_thread_that_readers_do_not_use() -> None:
    def thread(works: Sequence[None]) -> list[threading.Thread | Exception]:
        return [threading.current_thread() for _ in works]

    async def talk() -> tuple[set[threading.Thread], threading.Thread]:
        messages, marks = Gathering(thread), Gathering(thread)
        writers = await asyncio.gather(messages.put(None), marks.put(None))
        return {*writers, await messages.put(None)}, await database_sync_to_async(threading.current_thread)()

    writers, reader = asyncio.run(talk())
    assert (len(writers), reader in writers, threading.current_thread() in writers) == (1, False, False)


def test_the_connection_is_kept_from_one_to_the_next_and_given_back_when_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    monkeypatch.setattr(gathering, "KEPT_SECONDS", 0.2)
    own: list[BaseDatabaseWrapper] = []

    def write(works: Sequence[None]) -> list[bool | Exception]:
        own.append(connections[DEFAULT_DB_ALIAS])
        was_open = own[-1].connection is not None
        own[-1].ensure_connection()
        return [was_open for _ in works]

    async def talk() -> list[bool]:
        marks = Gathering(write)
        found = []
        for _again in range(2):
            found += [await marks.put(None), await marks.put(None), own[-1].connection is not None]
            [line] = gathering._lines.values()
            await line.task
            found.append(own[-1].connection is not None)
        return found

    assert asyncio.run(talk()) == [False, True, True, False] * 2
