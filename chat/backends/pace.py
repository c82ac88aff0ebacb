"""How fast calls go out to one provider: as fast as it takes them, and a little slower than that once it has said or shown its limit.

A provider's limit is learned and not set, whatever its plan. Where its answers say it, nothing goes faster. Else it is found out: three
calls refused one after the other, none taken between them, are a limit, and the calls that it took in the second before are what it
takes. A refusal between calls that are taken is none (a gateway's bad moment): it holds up nothing but its own call. Quiet time raises
the pace, the longer the quieter, and in the end forgets it; a raise with which more is refused than before is taken back. A pace that
fell steeply, which may be chance, grows back within seconds, once.
Whoever did not call for a second begins slowly and doubles quickly: so a limit that is met for the first time costs few refusals, and
a provider that comes back is not run over. Moments are spread evenly. One that nobody was there to use (every thread was at work, the
machine was busy) is made up for soon after, but never so that more calls begin in a second than the pace allows.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

REFUSALS_IN_A_ROW, ROW_SECONDS = 3, 5.0
# In which a provider counts: what began in the one before may still be counted with what begins now.
WINDOW_SECONDS = 1.0
MARGIN = 0.97
# Of how much time unused moments are made up for, and how much faster than the pace.
LATE_SECONDS, CATCH_UP = 0.5, 1.25
# Who got so much of the limit that is said shares it with nobody.
NEARLY_ALL = 0.95
SLOWER = 0.9
# One lesson never slows a known pace down further than this, and what falls below this much of it may be chance.
MOST_SLOWER, STEEP = 0.5, 0.8
FASTER, QUIET_SECONDS = 0.05, 20.0
GROW_BACK, GROW_BACK_SECONDS = 1.5, 2.0
FORGOTTEN_AFTER_SECONDS = 600.0
SLOWEST_PER_SECOND = 0.5
# A raise is taken back where it more than doubles the share of refused calls, and by more than this.
SHARE_OF_A_RAISE = 0.005
# Where more than this is refused one by one, a little less may be the limit; that is tried once.
SHARE_OF_A_LIMIT = 0.01
# A pause up to here may be the rest of one second; who asks for a longer one means every call.
LONGEST_OWN_PAUSE_SECONDS = 1.5
# The pace of the first second, and how much faster than in the last second the next calls may come.
FIRST_PER_SECOND, GROWTH = 150.0, 2.0


@dataclass
class _Level:
    """How a pace has gone since it was set. Until `settled_at` the one before it still has its effects."""

    began_at: float
    settled_at: float
    raised_by: float = 1.0
    next_raise: float = FASTER
    share_before: float = 0.0
    calls: int = 0
    refusals: int = 0

    @property
    def share(self) -> float:
        return self.refusals / self.calls if self.calls else 0.0

    @property
    def is_worse(self) -> bool:
        return self.raised_by > 1.0 and self.refusals > 1 and self.share > 2 * self.share_before + SHARE_OF_A_RAISE

    @property
    def is_too_high(self) -> bool:
        return self.raised_by == 1.0 and self.refusals > 2 and self.share > SHARE_OF_A_LIMIT


@dataclass(frozen=True)
class _Lesson:
    """A limit that was met by a call begun at `at`. Calls of the second before, whose answers come later, may raise the pace to `most`."""

    at: float
    most: float


class Pace:
    """Hands out the moments at which calls may begin. Safe from many threads; a process has one for each limit."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._per_second: float | None = None
        # What it was before it fell steeply, until it is there again or the fall is confirmed.
        self._fell_from = 0.0
        # What the provider's answers say.
        self._told = math.inf
        self._next_at, self._paused_until = -math.inf, -math.inf
        # The moments that were given, oldest first.
        self._given: deque[float] = deque(maxlen=5_000)
        # Of the calls of late: when the taken ones were answered, when they began, when the refused ones began.
        self._answered: deque[float] = deque()
        self._taken: deque[float] = deque(maxlen=5_000)
        self._refused: deque[float] = deque(maxlen=100)
        self._last_taken = self._last_refused = -math.inf
        self._level = _Level(-math.inf, -math.inf)
        self._lesson: _Lesson | None = None

    @property
    def per_second(self) -> float | None:
        """Calls a second, or None where no limit is known."""
        known = self._per_second or self._told
        return known if known < math.inf else None

    @property
    def learned(self) -> float | None:
        """Calls a second as learned from refusals, or None."""
        return self._per_second

    @property
    def now(self) -> float:
        """The moment, by the clock of this pace."""
        return self._clock()

    @property
    def is_paused(self) -> bool:
        """Whether nothing may begin now, not even what was given this moment."""
        return self._clock() < self._paused_until

    def reserve(self, *, longest: float = math.inf) -> float:
        """The seconds until the next free moment, which is taken only if it comes within `longest`.

        Whoever comes again later must not leave a moment behind that nobody uses: else all wait for ever.
        """
        with self._lock:
            now = self._clock()
            self._recover(now)
            rate = self._rate(now)
            turn = max(self._next_at, self._makes_up_from(now))
            begins = max(now, turn, self._has_room_at(rate))
            if begins - now <= longest:
                self._next_at = turn + 1 / rate
                self._given.append(begins)
            return begins - now

    def says_limit(self, calls: int) -> None:
        """It says that it takes so many calls in its window, which is a second or longer: so never more than these a second."""
        with self._lock:
            self._told = max(SLOWEST_PER_SECOND, MARGIN * calls)
            if self._per_second:
                self._per_second = min(self._per_second, self._told)

    def took(self, *, began: float | None = None) -> None:
        """The provider took a call that began at this moment (by the same clock; None: now)."""
        with self._lock:
            now = self._clock()
            began = now if began is None else began
            self._answered.append(now)
            self._taken.append(began)
            self._last_taken = max(self._last_taken, began)
            self._level.calls += began > self._level.settled_at
            if self._per_second and self._lesson and self._lesson.at - 1.0 < began <= self._lesson.at:
                found = min(self._lesson.most, MARGIN * self._taken_in_the_second_to(self._lesson.at))
                self._per_second = self._within(max(self._per_second, found))

    def slow_down(self, *, seconds: float, began: float | None = None) -> None:
        """It refused a call and asked for a pause, which everybody makes where this is its limit; then calls go on slower."""
        with self._lock:
            now = self._clock()
            began = now if began is None else began
            self._refused.append(began)
            self._last_refused = now
            # A call that was given its moment at the pace before says nothing about this one.
            is_news = began > self._level.settled_at
            self._level.calls, self._level.refusals = self._level.calls + is_news, self._level.refusals + is_news
            row = [moment for moment in self._refused if moment > max(self._last_taken, began - ROW_SECONDS)]
            if len(row) >= REFUSALS_IN_A_ROW or seconds > LONGEST_OWN_PAUSE_SECONDS:
                self._pause(now, seconds)
            news = [moment for moment in row if moment > self._level.settled_at]
            if len(news) >= REFUSALS_IN_A_ROW:
                self._learn(min(news), now)
            elif news and self._per_second and self._level.is_worse:
                # Where it was growing back from a fall, that is answered.
                self._fell_from = 0.0
                self._set(self._per_second / self._level.raised_by, now)
            elif news and self._per_second and self._level.is_too_high:
                self._change(MARGIN, now)

    def _pause(self, now: float, seconds: float) -> None:
        self._next_at = max(self._next_at, now + seconds)
        self._paused_until = max(self._paused_until, now + seconds)
        # Whoever had a moment asks for another one.
        self._given.clear()

    def _learn(self, at: float, now: float) -> None:
        taken, before = MARGIN * self._taken_in_the_second_to(at), self._per_second
        if taken >= NEARLY_ALL * self._told and now - self._level.began_at > QUIET_SECONDS:
            # It took what it says, from us alone: our calls came in a throng (a stall, the network), which the pause mends. Once.
            self._level = _Level(now, self._settles_at(now))
            return
        if before is None:
            most, fell_from = math.inf, 0.0
            self._set(taken, now)
        else:
            raised = self._level.raised_by > 1.0
            most, fell_from = (before / self._level.raised_by, 0.0) if raised else (SLOWER * before, max(self._fell_from, before))
            self._set(max(MOST_SLOWER * before, min(taken, most)), now)
        self._lesson = _Lesson(at, most)
        self._fell_from = fell_from if self._per_second and self._per_second < STEEP * fell_from else 0.0

    def _set(self, per_second: float, now: float) -> None:
        self._per_second = self._within(per_second)
        self._level = _Level(now, self._settles_at(now))

    def _recover(self, now: float) -> None:
        if self._per_second is None:
            return
        quiet, level = now - self._level.began_at, self._level
        if now - self._last_refused > FORGOTTEN_AFTER_SECONDS:
            self._per_second, self._fell_from = None, 0.0
        elif self._per_second < self._fell_from and quiet > GROW_BACK_SECONDS:
            self._change(min(GROW_BACK, self._fell_from / self._per_second), now)
        elif quiet > QUIET_SECONDS and self._per_second < self._told:
            # It was lowered, and no less is refused for it: that was no limit.
            undone = level.raised_by if level.raised_by < 1.0 and level.share > level.share_before / 2 else 1.0
            self._change((1 + level.next_raise) / undone, now, then=2 * level.next_raise)

    def _change(self, factor: float, now: float, *, then: float = FASTER) -> None:
        before = self._per_second or SLOWEST_PER_SECOND
        self._per_second = self._within(before * factor)
        raised_by = self._per_second / before
        self._level = _Level(now, self._settles_at(now), raised_by=raised_by, next_raise=then, share_before=self._level.share)

    def _within(self, per_second: float) -> float:
        return min(max(SLOWEST_PER_SECOND, per_second), self._told)

    def _has_room_at(self, rate: float) -> float:
        """When one more call makes no second fuller than the pace allows, nor comes too close to the last one."""
        if not self._given:
            return -math.inf
        calls = max(1, math.ceil(rate * WINDOW_SECONDS))
        full = self._given[-calls] + calls / rate if len(self._given) >= calls else -math.inf
        return max(full, self._given[-1] + 1 / (CATCH_UP * rate))

    def _makes_up_from(self, now: float) -> float:
        """The oldest moment that may still be used. Whoever had nothing to do for a second has nothing to make up for."""
        is_busy = self._given and now - self._given[-1] < WINDOW_SECONDS
        return now - LATE_SECONDS if is_busy else now

    def _settles_at(self, now: float) -> float:
        return max(now, self._next_at) + WINDOW_SECONDS

    def _rate(self, now: float) -> float:
        while self._answered and now - self._answered[0] >= 1.0:
            self._answered.popleft()
        return min(self._per_second or self._told, FIRST_PER_SECOND + GROWTH * len(self._answered))

    def _taken_in_the_second_to(self, moment: float) -> int:
        return sum(1 for began in self._taken if moment - 1.0 < began <= moment)
