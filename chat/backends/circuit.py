"""A provider that is down is asked by one call now and then, not by fifty threads that hang on it."""

import logging
import threading
import time
import weakref
from collections import deque

from chat.backends.pace import FIRST_PER_SECOND, Pace
from chat.backoff import PACED
from chat.outbox import BackendError, TooEarlyError
from chat.sentences import said

logger = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 10
PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 60.0
# A short pause is slept through in the call's own thread: giving the row back would only have it claimed again.
LONGEST_SLEEP_SECONDS = 2.0
# Who was told to wait within this time is taken for the queue.
QUEUE_SECONDS = 10.0
# A slow pace may be over sooner than it looks.
LONGEST_QUEUE_SECONDS = 30.0


# A circuit that nobody uses any more drops out by itself.
_circuits: "weakref.WeakSet[Circuit]" = weakref.WeakSet()
_circuits_lock = threading.Lock()
_came_back: set[str] = set()


def all_circuits() -> "list[Circuit]":
    """Those that there are at this moment: each thread may make one of its own at any other."""
    with _circuits_lock:
        return list(_circuits)


def came_back() -> set[str]:
    """The names of the circuits that were open and closed again since this was last asked."""
    names = _came_back.copy()
    _came_back.difference_update(names)
    return names


def still_to_wake(names: set[str]) -> None:
    """What waits for them could not be woken: `came_back` names them again."""
    _came_back.update(names)


class Circuit:
    """Counts the calls to one provider that fail in a row; after ten it lets one call through each ten seconds until one succeeds.

    `name`: the provider's, for people. Of this process only: each finds out by itself, within ten calls.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._failures, self._closed_until = 0, 0.0
        self.pace = Pace()
        self._told_to_wait: deque[float] = deque()
        # When this thread's call began, by the clock of the pace.
        self._of_thread = threading.local()
        with _circuits_lock:
            _circuits.add(self)

    @property
    def name(self) -> str:
        """The provider's, for people."""
        return self._name

    @property
    def is_open(self) -> bool:
        """Whether calls are held back now."""
        return self._closed_until > time.time()

    def check(self) -> None:
        """Raise BackendError, to be tried again when the pause is over, unless a call may go out now."""
        time.sleep(self._wait())
        # A pause that was asked for meanwhile is for everybody.
        while self.pace.is_paused:
            time.sleep(self._wait())
        self._of_thread.began = self.pace.now

    def _wait(self) -> float:
        """Seconds until this call may begin; raises BackendError where that is too long to hold a thread for."""
        now = time.time()
        with self._lock:
            wait = self._closed_until - now
            # A longer wait than we ever set means that the clock was set back.
            if LONGEST_SLEEP_SECONDS < wait <= LONGEST_PAUSE_SECONDS:
                raise BackendError(
                    said("%(provider)s does not answer well; we ask again in a moment.", provider=self._name),
                    code="circuit_open",
                    retry_after=wait,
                )
            if self._failures >= FAILURES_IN_A_ROW:
                self._closed_until = now + PAUSE_SECONDS
        turn = max(wait if 0 < wait <= LONGEST_SLEEP_SECONDS else 0.0, self.pace.reserve(longest=LONGEST_SLEEP_SECONDS))
        if turn > LONGEST_SLEEP_SECONDS:
            told = said("%(provider)s takes no more at a time; this one waits its turn.", provider=self._name)
            raise TooEarlyError(told, code=PACED, retry_after=turn + self._queue_seconds(now))
        return turn

    def _queue_seconds(self, now: float) -> float:
        """How long the calls of late that were told to come again take: the longer the queue, the later it is worth asking again."""
        with self._lock:
            self._told_to_wait.append(now)
            while self._told_to_wait[0] <= now - QUEUE_SECONDS:
                self._told_to_wait.popleft()
            return min(len(self._told_to_wait) / (self.pace.per_second or FIRST_PER_SECOND), LONGEST_QUEUE_SECONDS)

    def succeeded(self) -> None:
        """It answered as it should."""
        self.pace.took(began=self._began())
        with self._lock:
            if self._failures >= FAILURES_IN_A_ROW:
                _came_back.add(self._name)
                # What else is asked of the same provider need not wait until its own pause is over.
                for other in [door for door in all_circuits() if door._name == self._name]:
                    other._closed_until = 0.0
            self._failures, self._closed_until = 0, 0.0

    def failed(self) -> None:
        """No answer, a server's error, or a key that is not taken: every other call would fare the same."""
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                self._closed_until = time.time() + PAUSE_SECONDS
            has_just_opened = self._failures == FAILURES_IN_A_ROW
        if has_just_opened:
            logger.warning(
                "%s failed %d times in a row; it is asked once in %d s until it answers", self._name, FAILURES_IN_A_ROW, PAUSE_SECONDS
            )

    def pause(self, seconds: float) -> None:
        """It refused this call and asked for a pause (429): see Pace. Nobody else waits longer than a minute for it."""
        self.pace.slow_down(seconds=min(seconds, LONGEST_PAUSE_SECONDS), began=self._began())

    def _began(self) -> float | None:
        began: float | None = getattr(self._of_thread, "began", None)
        return began
