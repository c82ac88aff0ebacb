"""The worker's one thread: claims due rows, drives their rules, and hands their outside calls to a pool of threads."""

import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django_guid import set_guid

from accounts import idempotency
from chat import alive, metrics, outbox
from chat.models import WorkerBeat
from chat.outbox import BackendError, Call, LeaseLostError, OutboxRow, Work

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
BEAT_SECONDS = 10.0
# How often a worker looks for others that died on this machine.
LOOK_SECONDS = 2.0
PRUNE_SECONDS = 3600.0


class Task:
    """One claimed row and its half-way rule."""

    def __init__(self, row: OutboxRow, rule: Callable[[Any], Work]) -> None:
        self.row = row
        self.work = self._begin(rule)

    def _begin(self, rule: Callable[[Any], Work]) -> Work:
        # Nothing of the rule runs before `advance`, which catches what it raises, even of a rule that is no generator.
        yield from rule(self.row)

    def advance(self, result: Any = None, error: BaseException | None = None) -> Call | None:
        """Run the rule up to its next outside call; None once the row came to an end of its attempt."""
        set_guid(self.row.correlation_id)
        try:
            while True:
                call = self.work.throw(error) if error else self.work.send(result)
                if not call.local:
                    return call
                result, error = _outcome(call)
        except StopIteration:
            self._close(None)
        except BackendError as refused:
            self._close(refused)
        except LeaseLostError:
            logger.warning("%s lost its lease; its new holder decides", self)
        except DatabaseError:
            # Nothing can be written now; the lease brings the row back.
            logger.exception("%s stopped: the database failed", self)
        except Exception as bug:
            logger.exception("%s met a fault of ours", self)
            self._close(BackendError(f"A fault of ours: {type(bug).__name__}. We keep trying.", code="internal"))
        return None

    def _close(self, error: BackendError | None) -> None:
        try:
            if error is None:
                self.row.finish()
            else:
                self.row.give_back(error)
            outcome = (error.code or "error") if error else "done"
            metrics.ATTEMPTS.labels(self.row._meta.model_name, outcome).inc()
            logger.info("%s: attempt %d ended with %s", self, self.row.attempts, outcome)
        except (LeaseLostError, DatabaseError) as lost:
            logger.warning("%s could not be closed: %s", self, type(lost).__name__)

    def __str__(self) -> str:
        return f"{self.row._meta.model_name} {self.row.pk}"


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
        """What was due could not be done."""
        self._next = 0.0


class Coordinator:
    """Works on every kind of row until it is told to stop."""

    def __init__(self, *, threads: int | None = None) -> None:
        self.slots = threads or settings.OUTBOX_THREADS
        self.under_way: set[Task] = set()
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.stopping = threading.Event()
        self._chores: list[tuple[Every, Callable[[], object]]] = [
            (Every(settings.OUTBOX_LEASE_SECONDS / 3), self._renew),
            (Every(BEAT_SECONDS), self._beat),
            (Every(LOOK_SECONDS), alive.free_rows_of_the_dead),
            (Every(PRUNE_SECONDS), idempotency.prune),
        ]
        self._done: SimpleQueue[tuple[Task, Future[Any]] | None] = SimpleQueue()
        self._pool = ThreadPoolExecutor(self.slots, thread_name_prefix="outside")

    def run(self) -> None:
        """Work until `stop`; then begin nothing new, wait for what is under way, and return."""
        sign = alive.Sign()
        outbox.listen(self._done)
        while not self.stopping.is_set() or self.under_way:
            began = self._begin()
            if not began or len(self.under_way) >= self.slots:
                self._collect(block=True)
            self._collect(block=False)
        outbox.ignore(self._done)
        self._pool.shutdown()
        sign.end()
        connection.close()

    def stop(self) -> None:
        """Ask `run` to end; safe from any thread and from a signal handler."""
        self.stopping.set()
        self._done.put(None)

    def _beat(self) -> None:
        """Leave a sign of life for `/readyz`."""
        WorkerBeat.objects.update_or_create(name=self.name, defaults={"beat_at": outbox.clock()})
        WorkerBeat.objects.filter(beat_at__lt=outbox.clock() - timedelta(days=1)).delete()

    def _renew(self) -> None:
        """Keep what is under way ours, however long it takes."""
        for model in outbox.rules():
            if rows := [task.row for task in self.under_way if isinstance(task.row, model)]:
                model.renew(rows)

    def _keep_up(self) -> None:
        """What is to be done from time to time; what fails is due again at once."""
        for due, act in self._chores:
            if due.is_due():
                try:
                    act()
                except Exception:
                    due.again()
                    raise

    def _begin(self) -> int:
        """Claim and begin what is due; the number of rows. Whatever goes wrong here, the next turn tries again."""
        try:
            self._keep_up()
            return 0 if self.stopping.is_set() else self._claim()
        except DatabaseError as error:
            logger.warning("the database can't be asked for work (%s); we try again", type(error).__name__)
        except Exception:
            logger.exception("a fault of ours while asking for work; we try again")
        connection.close()
        self.stopping.wait(POLL_SECONDS)
        return 0

    def _claim(self) -> int:
        """Begin what is due; the kind of which the least is under way comes first, so that a backlog of one holds up no other."""
        began, under_way = 0, Counter(type(task.row) for task in self.under_way)
        for model, rule in sorted(outbox.rules().items(), key=lambda kind: under_way[kind[0]]):
            free = self.slots - len(self.under_way)
            if free <= 0:
                break
            for row in model.claim(free):
                began += 1
                task = Task(row, rule)
                self._hand_out(task, task.advance())
        return began

    def _collect(self, *, block: bool) -> None:
        try:
            while True:
                item = self._done.get(block=block, timeout=POLL_SECONDS if block else None)
                block = False
                if item is not None:
                    task, future = item
                    self.under_way.discard(task)
                    error = future.exception()
                    self._hand_out(task, task.advance(None if error else future.result(), error))
        except Empty:
            return

    def _hand_out(self, task: Task, call: Call | None) -> None:
        if call is None:
            return
        self.under_way.add(task)
        # In a copy of this context, so that a provider's log lines carry the row's correlation id.
        future = self._pool.submit(copy_context().run, _timed, call)
        future.add_done_callback(lambda done: self._done.put((task, done)))


def _timed(call: Call) -> Any:
    """Make the call, and note how long it took and how it ended."""
    began, outcome = time.perf_counter(), "ok"
    try:
        return call.function()
    except BackendError as refused:
        outcome = "unknown" if refused.unknown else "permanent" if refused.permanent else "temporary"
        raise
    except Exception:
        outcome = "fault"
        raise
    finally:
        metrics.PROVIDER_SECONDS.labels(call.provider, outcome).observe(time.perf_counter() - began)


def drain() -> int:
    """Work on all rows that are due now, in this thread, and return how many attempts that took (tests and commands)."""
    attempts = 0
    while rows := [(rule, row) for model, rule in outbox.rules().items() for row in model.claim(100)]:
        for rule, row in rows:
            attempts += 1
            task = Task(row, rule)
            call = task.advance()
            while call is not None:
                call = task.advance(*_outcome(call))
    return attempts


def _outcome(call: Call) -> tuple[Any, BaseException | None]:
    try:
        return _timed(call), None
    except Exception as error:
        return None, error
