"""Hours in seconds: the real coordinator, its rules, its pool and its circuits, on a clock that jumps from one event to the next.

The clock moves only in the coordinator's own thread, where it would wait for its queue, and only when no call is under way or every
call under way sleeps. A sleep of a call, the coordinator's poll and `at` are the events. HTTP to a twin in this process is real, takes
no simulated time by itself, and the twin reads the same clock.
"""

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from queue import Empty
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from chat import coordinator, mirrored, outbox
from chat.backends import circuit
from chat.backends.pace import Pace

PATIENCE_SECONDS = 60.0


class Simulation:
    """The clock, what is to happen when, and who sleeps."""

    def __init__(self, traveller: Any) -> None:
        self.now = time.time()
        self._traveller = traveller
        self._changed = threading.Condition()
        self._awake = 0
        self._numbers = itertools.count()
        self._sleepers: list[tuple[float, int, threading.Event]] = []
        self._acts: list[tuple[float, int, Callable[[], object]]] = []

    def at(self, moment: float, act: Callable[[], object]) -> None:
        """Do this at that moment, in the coordinator's thread."""
        heapq.heappush(self._acts, (moment, next(self._numbers), act))

    def sleep(self, seconds: float) -> None:
        """What `time.sleep` does in a call's thread."""
        if seconds <= 0:
            return
        woken = threading.Event()
        with self._changed:
            heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), woken))
            self._awake -= 1
            self._changed.notify_all()
        assert woken.wait(PATIENCE_SECONDS)

    def begins(self) -> None:
        """A call is handed to the pool."""
        with self._changed:
            self._awake += 1

    def ended(self) -> None:
        """Its result is in the coordinator's queue."""
        with self._changed:
            self._awake -= 1
            self._changed.notify_all()

    def go_on(self, *, until: float, unless: Callable[[], bool]) -> None:
        """Wait until every call sleeps or ended; then, `unless` something came, move to the next event, or to `until`."""
        with self._changed:
            assert self._changed.wait_for(lambda: unless() or not self._awake, PATIENCE_SECONDS)
            if unless():
                return
            events = [heap[0][0] for heap in (self._sleepers, self._acts) if heap]
            self.now = max(self.now, min([until, *events]))
            self._traveller.move_to(datetime.fromtimestamp(self.now, UTC), tick=False)
            while self._sleepers and self._sleepers[0][0] <= self.now:
                self._awake += 1
                heapq.heappop(self._sleepers)[2].set()
        while self._acts and self._acts[0][0] <= self.now:
            heapq.heappop(self._acts)[2]()


class _Queue:
    """The coordinator's queue, at which the time passes."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation, self._items = simulation, deque[Any]()

    def put(self, item: Any) -> None:
        self._items.append(item)
        if item is not None:
            self._simulation.ended()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        until = self._simulation.now + (timeout or 0.0)
        while not self._items:
            if not block or self._simulation.now >= until:
                raise Empty
            self._simulation.go_on(until=until, unless=lambda: bool(self._items))
        return self._items.popleft()


class _Pool(ThreadPoolExecutor):
    """The coordinator's pool; each of its calls ends with one `put`."""

    def __init__(self, simulation: Simulation, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._simulation = simulation

    def submit(self, *arguments: Any, **options: Any) -> "Future[Any]":  # type: ignore[override]
        self._simulation.begins()
        return super().submit(*arguments, **options)


@contextmanager
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulation]:
    """Make coordinators, circuits and paces that are made in here, the outbox and the twins go by one clock that only we move."""
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller, monkeypatch.context() as patch:
        simulation, sleep = Simulation(traveller), time.sleep
        for module in (outbox, mirrored):
            patch.setattr(module, "clock", timezone.now)
        patch.setattr(circuit, "Pace", partial(Pace, clock=lambda: simulation.now))
        patch.setattr(coordinator, "SimpleQueue", partial(_Queue, simulation))
        patch.setattr(coordinator, "ThreadPoolExecutor", partial(_Pool, simulation))
        patch.setattr(time, "monotonic", lambda: simulation.now)
        patch.setattr(time, "sleep", lambda seconds: (simulation.sleep if "outside" in threading.current_thread().name else sleep)(seconds))
        yield simulation
