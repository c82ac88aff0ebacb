"""How fast calls go out to one provider: as fast as they come, until it asks to slow down; then a little slower than it took them.

A provider's limit is learned and not set: the calls it took in the second before it refused several are the limit, whatever its plan.
A refusal now and then is no limit: it teaches nothing, and only takes back what was tried beyond the limit since the last one. Many at
once lower the pace (another process may share the limit); quiet time raises it, the longer the quieter, and in the end forgets it.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable

MARGIN = 0.97
SLOWER = 0.9
FASTER = 0.05
QUIET_SECONDS = 20.0
FORGOTTEN_AFTER_SECONDS = 600.0
# The calls that were under way when a refusal came say nothing new.
SAME_BURST_SECONDS = 1.5
SLOWEST_PER_SECOND = 0.5
# Fewer than these among the calls of a few seconds are a provider's bad moment and no limit.
FEWEST_REFUSALS = 3
SHARE_OF_A_LIMIT = 0.05
SHARE_OF_A_LOWER_LIMIT = 0.15
LOOK_BACK_SECONDS = 5.0


class Pace:
    """Hands out the moments at which calls may begin. Safe from many threads; a process has one for each limit."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: deque[float] = deque(maxlen=10_000)
        self._refused: deque[float] = deque(maxlen=1_000)
        self._per_second: float | None = None
        self._next_at = 0.0
        # When the pace was last changed, and by which factor it was raised since the last refusal.
        self._changed_at, self._raised_by, self._step = 0.0, 1.0, FASTER

    @property
    def per_second(self) -> float | None:
        """Calls a second, or None where nothing limits them."""
        return self._per_second

    def reserve(self, *, longest: float = math.inf) -> float:
        """The seconds until the next free moment, which is taken only if it comes within `longest`.

        Whoever comes again later must not leave a moment behind that nobody uses: else all wait for ever.
        """
        with self._lock:
            now = self._clock()
            self._recover(now)
            if self._per_second is None:
                return 0.0
            begins = max(now, self._next_at)
            if begins - now <= longest:
                self._next_at = begins + 1 / self._per_second
            return begins - now

    def took(self) -> None:
        """The provider took a call."""
        with self._lock:
            self._taken.append(self._clock())

    def slow_down(self, *, seconds: float) -> None:
        """It took no more: nothing begins for `seconds`, and if this is a limit, calls go on slower."""
        with self._lock:
            now = self._clock()
            self._refused.append(now)
            self._next_at = max(self._next_at, now + seconds)
            if self._per_second is None:
                if self._is_limit(now, seconds=1.0, share=SHARE_OF_A_LIMIT):
                    self._set(MARGIN * self._count(self._taken, now, seconds=1.0), now)
            elif now - self._changed_at >= SAME_BURST_SECONDS:
                self._go_slower(self._per_second, now)

    def _go_slower(self, per_second: float, now: float) -> None:
        if self._raised_by > 1.0:
            self._set(per_second / self._raised_by, now)
        elif self._is_limit(now, seconds=min(LOOK_BACK_SECONDS, now - self._changed_at - SAME_BURST_SECONDS), share=SHARE_OF_A_LOWER_LIMIT):
            self._set(per_second * SLOWER, now)

    def _set(self, per_second: float, now: float) -> None:
        self._per_second = max(SLOWEST_PER_SECOND, per_second)
        self._changed_at, self._raised_by, self._step = now, 1.0, FASTER

    def _recover(self, now: float) -> None:
        if self._per_second is None or not self._refused:
            return
        if now - self._refused[-1] > FORGOTTEN_AFTER_SECONDS:
            self._per_second = None
        elif now - max(self._changed_at, self._refused[-1]) > QUIET_SECONDS:
            self._per_second *= 1 + self._step
            self._raised_by *= 1 + self._step
            self._changed_at, self._step = now, 2 * self._step

    def _is_limit(self, now: float, *, seconds: float, share: float) -> bool:
        refused, taken = (self._count(moments, now, seconds=seconds) for moments in (self._refused, self._taken))
        return refused >= FEWEST_REFUSALS and refused >= share * (refused + taken)

    def _count(self, moments: "deque[float]", now: float, *, seconds: float) -> int:
        return sum(1 for moment in moments if now - moment < seconds)
