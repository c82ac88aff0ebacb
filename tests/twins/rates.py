"""A cap of so many calls per second, in fixed windows of one second."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Taken:
    """`reset_seconds` until the window ends."""

    is_allowed: bool
    limit: int
    remaining: int
    reset_seconds: float


class RateCap:
    def __init__(self, window_seconds: float = 1.0) -> None:
        self._window_seconds = window_seconds
        self._began = 0.0
        self._used = 0

    def take(self, limit: int) -> Taken:
        """Counts one call against `limit`. A refused call is not counted."""
        now = time.monotonic()
        if now - self._began >= self._window_seconds:
            self._began, self._used = now, 0
        is_allowed = self._used < limit
        self._used += int(is_allowed)
        return Taken(is_allowed, limit, limit - self._used, self._began + self._window_seconds - now)
