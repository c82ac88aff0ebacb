"""The worker's one thread: claims due rows, drives their rules, and hands their outside calls to a pool of threads.

It goes round in turns. In each it takes whatever calls have ended, claims what there is room for, brings all those rows forward in one
transaction (`chat/tasks.py`), and after the commit hands out the calls that they wait for. A kind of row is asked for when something
woke us, each second, and for as long as there was more of it than room.
"""

import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django_guid import set_guid

from accounts import idempotency
from chat import alive, chores, outages, outbox, recovery, stops, tasks, wakes
from chat.models import WorkerBeat
from chat.outbox import Call, OutboxRow, TooEarlyError
from chat.sentences import said
from chat.tasks import Ready, Task

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
BEAT_SECONDS = 10.0
# How often a worker looks for others that died on this machine.
LOOK_SECONDS = 2.0
PRUNE_SECONDS = 3600.0
# For how long a row waits whose call found no thread.
NO_THREAD_SECONDS = 5.0


class Every:
    """Says once each so many seconds that it is time; the first time at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._next = seconds, 0.0

    def is_due(self) -> bool:
        """Whether it is time; then not again for a while."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True

    def again(self) -> None:
        """What was due could not be done: it is due again soon."""
        self._next = time.monotonic() + POLL_SECONDS


class Coordinator:
    """Works on every kind of row until it is told to stop."""

    def __init__(self, *, threads: int | None = None) -> None:
        self.slots = threads or settings.OUTBOX_THREADS
        self.under_way: set[Task] = set()
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.stopping = threading.Event()
        self._polls = Every(POLL_SECONDS)
        self._chores: list[tuple[Every, Callable[[], object]]] = [
            (Every(settings.OUTBOX_LEASE_SECONDS / 3), self._renew),
            (Every(BEAT_SECONDS), self._beat),
            (Every(LOOK_SECONDS), alive.free_rows_of_the_dead),
            (Every(PRUNE_SECONDS), idempotency.prune),
            (Every(0.0), recovery.wake_what_waited),
            *((Every(seconds), act) for seconds, act in chores.all_of_them()),
        ]
        # The kinds of which something may be due.
        self._asked: set[type[OutboxRow]] = set()
        # Calls that have ended, and those of the embedded side, which are made in the turn that takes their result.
        self._ready: list[Ready] = []
        self._done: SimpleQueue[tuple[Task, Future[Any]] | None] = SimpleQueue()
        self._pool = ThreadPoolExecutor(self.slots, thread_name_prefix="outside")

    def run(self) -> None:
        """Work until `stop`; then begin nothing new, wait for what is under way (or break it off where it may be), and return."""
        sign = alive.Sign()
        wakes.listen(self._done)
        while not self.stopping.is_set() or self.under_way:
            self._turn()
            if self.stopping.is_set():
                stops.break_off()
        wakes.ignore(self._done)
        self._pool.shutdown()
        sign.end()
        connection.close()

    def stop(self) -> None:
        """Ask `run` to end; safe from any thread and from a signal handler."""
        self.stopping.set()
        self._done.put(None)

    def _turn(self) -> None:
        rows = self._claim_due()
        self._collect(block=not rows and not self._ready)
        ready, self._ready = self._ready, []
        if ready or rows:
            self._advance(ready, rows)

    def _beat(self) -> None:
        """Leave a sign of life for `/readyz`."""
        WorkerBeat.objects.update_or_create(name=self.name, defaults={"beat_at": outbox.clock()})
        WorkerBeat.objects.filter(beat_at__lt=outbox.clock() - timedelta(days=1)).delete()

    def _renew(self) -> None:
        """Keep what is under way ours, however long it takes."""
        for model in outbox.rules():
            if rows := [task.row for task in self.under_way if isinstance(task.row, model)]:
                model.renew(rows)

    def _keep_up(self) -> Exception | None:
        """What is to be done from time to time; why one of it failed, which goes last from then on, so that the others get their turn."""
        for chore in list(self._chores):
            due, act = chore
            if due.is_due():
                try:
                    act()
                except Exception as error:
                    due.again()
                    self._chores.remove(chore)
                    self._chores.append(chore)
                    return error
        return None

    def _claim_due(self) -> list[OutboxRow]:
        """Claim what is due. Whatever goes wrong here, the next turn tries again."""
        claimed: list[OutboxRow] = []
        try:
            failure = self._keep_up()
            if not self.stopping.is_set():
                self._claim(claimed)
            if failure is None:
                return claimed
            raise failure
        except DatabaseError as error:
            logger.warning("the database can't be asked for work (%s); we try again", outages.reason(error))
        except Exception:
            logger.exception("a fault of ours while asking for work; we try again")
        if not claimed:
            self._pause()
        return claimed

    def _claim(self, claimed: list[OutboxRow]) -> None:
        """Kind by kind, the one of which the least is under way first, so that a backlog of one holds up no other."""
        if self._polls.is_due():
            self._asked.update(outbox.rules())
        under_way = Counter(type(task.row) for task in self.under_way)
        for model in sorted(self._asked, key=lambda kind: under_way[kind]):
            free = self.slots - len(self.under_way) - len(claimed)
            if free <= 0:
                break
            rows = model.claim(free)
            claimed += rows
            if len(rows) < free:
                self._asked.discard(model)

    def _collect(self, *, block: bool) -> None:
        """Take what has ended; with `block`, wait for it, or for something to do."""
        try:
            while True:
                item = self._done.get(block=block, timeout=POLL_SECONDS if block else None)
                block = False
                if item is None:
                    self._asked.update(outbox.rules())
                else:
                    task, future = item
                    self._ready.append((task, future.result))
        except Empty:
            return

    def _advance(self, ready: Sequence[Ready], rows: Sequence[OutboxRow]) -> None:
        for task, _outcome in ready:
            self.under_way.discard(task)
            # Where one ended the next of its kind may be due: a conversation's copies go one after the other.
            self._asked.add(type(task.row))
        try:
            calls = tasks.advance(ready, rows)
        except Exception as error:
            # Nothing is lost: every call before this was made under a stamp that was committed before it.
            sentence = "%d rows stopped: their transaction failed (%s); they come back with their leases"
            logger.exception(sentence, len(ready) + len(rows), outages.reason(error))
            self._pause()
            return
        for task, call in calls:
            self._hand_out(task, call)

    def _hand_out(self, task: Task, call: Call) -> None:
        self.under_way.add(task)
        if call.local:
            self._ready.append((task, partial(tasks.make, call)))
            return
        # In a context of its own, so that a provider's log lines carry the row's correlation id, and nothing that follows here does.
        context = copy_context()
        context.run(set_guid, task.row.correlation_id)
        outcome: Future[Any] = Future()
        try:
            self._pool.submit(context.run, _make, call, outcome)
        except RuntimeError as error:
            # The system gives no further thread. The pool keeps the call all the same, for a thread of its own that has time later.
            if outcome.cancel():
                logger.warning("%s waits: its call found no thread (%s)", task, error)
                self._ready.append((task, _no_thread))
                return
        outcome.add_done_callback(lambda done: self._done.put((task, done)))

    def _pause(self) -> None:
        """The database, or we, failed: a new connection, and a moment of peace."""
        connection.close()
        self._polls.again()
        self.stopping.wait(POLL_SECONDS)


def drain() -> int:
    """Work on all rows that are due now, in this thread, and return how many attempts that took (tests and commands)."""
    attempts = 0
    while rows := _due():
        attempts += len(rows)
        calls = tasks.advance([], rows)
        while calls:
            calls = tasks.advance([(task, _outcome(task, call)) for task, call in calls])
    return attempts


def _due() -> list[OutboxRow]:
    for _seconds, act in chores.all_of_them():
        act()
    return [row for model in outbox.rules() for row in model.claim(100)]


def _outcome(task: Task, call: Call) -> tasks.Outcome:
    """Made at once, and before the transaction that takes its result, unless it is the embedded side's."""
    if call.local:
        return partial(tasks.make, call)
    set_guid(task.row.correlation_id)
    done: Future[Any] = Future()
    _make(call, done)
    return done.result


def _make(call: Call, outcome: Future[Any]) -> None:
    """Make the call, unless its outcome was cancelled before."""
    if not outcome.set_running_or_notify_cancel():
        return
    try:
        outcome.set_result(tasks.make(call))
    except BaseException as error:
        outcome.set_exception(error)


def _no_thread() -> Any:
    """The outcome of a call that was not made."""
    raise TooEarlyError(said("This machine gave no thread for the call. We keep trying."), code="no_thread", retry_after=NO_THREAD_SECONDS)
