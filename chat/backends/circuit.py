"""A provider that is down is asked by one call now and then, not by fifty threads that hang on it."""

import threading
import time

from chat.outbox import BackendError

FAILURES_IN_A_ROW = 10
PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 60.0


class Circuit:
    """Counts the calls to one provider that fail in a row; after ten it lets one call through each ten seconds until one succeeds.

    `name`: the provider's, for people. Of this process only: each finds out by itself, within ten calls.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._failures, self._closed_until = 0, 0.0

    def check(self) -> None:
        """Raise BackendError, to be tried again when the pause is over, unless a call may go out now."""
        now = time.time()
        with self._lock:
            wait = self._closed_until - now
            # A longer wait than we ever set means that the clock was set back.
            if 0 < wait <= LONGEST_PAUSE_SECONDS:
                raise BackendError(f"{self._name} does not answer well; we ask again in a moment.", code="circuit_open", retry_after=wait)
            if self._failures >= FAILURES_IN_A_ROW:
                self._closed_until = now + PAUSE_SECONDS

    def succeeded(self) -> None:
        """It answered as it should."""
        with self._lock:
            self._failures, self._closed_until = 0, 0.0

    def failed(self) -> None:
        """No answer, a server's error, or a key that is not taken: every other call would fare the same."""
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                self._closed_until = time.time() + PAUSE_SECONDS

    def pause(self, seconds: float) -> None:
        """It asked for a pause (429), which counts for every call; longer ones only for the call that was told."""
        with self._lock:
            self._closed_until = max(self._closed_until, time.time() + min(seconds, LONGEST_PAUSE_SECONDS))
