"""How fast calls go out to one provider: as fast as they come, until it asks to slow down; then a little slower than it took them.

A provider's limit is learned and not set: the calls it took in the second before its first 429 are the limit, whatever its plan.
Each later 429 lowers the pace (another process may share the limit), and quiet time raises it again, a little at a time.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

MARGIN = 0.97
SLOWER = 0.9
FASTER = 1.05
QUIET_SECONDS = 20.0
# The calls that were under way when the first 429 came say nothing new.
SAME_BURST_SECONDS = 1.5
SLOWEST_PER_SECOND = 0.5


class Pace:
    """Hands out the moments at which calls may begin. Safe from many threads; a process has one for each limit."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: deque[float] = deque(maxlen=10_000)
        self._per_second: float | None = None
        self._next_at = 0.0
        self._slowed_at = 0.0

    @property
    def per_second(self) -> float | None:
        """Calls a second, or None where nothing limits them."""
        return self._per_second

    def reserve(self) -> float:
        """Take the next free moment; the seconds until then."""
        with self._lock:
            if self._per_second is None:
                return 0.0
            now = self._clock()
            if now - self._slowed_at > QUIET_SECONDS:
                self._per_second, self._slowed_at = self._per_second * FASTER, now
            begins = max(now, self._next_at)
            self._next_at = begins + 1 / self._per_second
            return begins - now

    def took(self) -> None:
        """The provider took a call."""
        with self._lock:
            self._taken.append(self._clock())

    def slow_down(self, *, seconds: float) -> None:
        """It took no more: wait `seconds`, then go on slower."""
        with self._lock:
            now = self._clock()
            if self._slowed_at and now - self._slowed_at < SAME_BURST_SECONDS:
                return
            if self._per_second is None:
                self._per_second = MARGIN * sum(1 for moment in self._taken if now - moment <= 1.0)
            else:
                self._per_second *= SLOWER
            self._per_second = max(SLOWEST_PER_SECOND, self._per_second)
            self._slowed_at, self._next_at = now, max(self._next_at, now + seconds)
