"""How many requests one caller may make in a minute, and the headers that say so.

Counted in each process's own memory: a guard against a client that runs wild, and no request waits for another machine to be counted.
Header names: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-07
"""

import math
import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from rest_framework.exceptions import APIException, Throttled
from rest_framework.throttling import BaseThrottle

from accounts.callers import name_of

if TYPE_CHECKING:
    # DRF reads this module by name while its own views module is still loading.
    from rest_framework.request import Request
    from rest_framework.views import APIView

WINDOW_SECONDS = 60


class PerCaller(BaseThrottle):
    """API_REQUESTS_PER_MINUTE of each caller in each minute of the clock; 0 means no limit."""

    _seconds_left = 0

    def allow_request(self, request: "Request", view: "APIView") -> bool:
        """Count the request, and tell the caller what is left."""
        limit = settings.API_REQUESTS_PER_MINUTE
        if not limit:
            return True
        self._seconds_left = seconds_left()
        count = counted(f"api:{name_of(request)}")
        tell(view, limit=limit, count=count)
        return count <= limit

    def wait(self) -> float:
        """Seconds until the next minute, for Retry-After."""
        return self._seconds_left


def tell(view: "APIView", *, limit: int, count: int) -> None:
    """Put into the headers of the view's answer what is left of the limit after `count` requests."""
    left = {"Limit": limit, "Remaining": max(0, limit - count), "Reset": seconds_left()}
    view.headers |= {f"RateLimit-{name}": str(value) for name, value in left.items()}


def counted_too(error: Exception, view: "APIView", request: "Request") -> Exception:
    """`error`, counted like an answer: DRF counts those alone whom it lets in. One refusal too many is a Throttled instead."""
    if not isinstance(error, APIException) or "RateLimit-Limit" in view.headers:
        return error
    try:
        view.check_throttles(request)
    except Throttled as too_many:
        return too_many
    except APIException:
        # Nobody has looked at the caller's key yet, and it is a wrong one, which is counted by itself.
        return error
    return error


def seconds_left() -> int:
    """Until the next minute of the clock begins."""
    return math.ceil(WINDOW_SECONDS - time.time() % WINDOW_SECONDS)


def counted(what: str) -> int:
    """Count once more in this minute of the clock; how often by now."""
    name = f"{what}:{int(time.time() // WINDOW_SECONDS)}"
    cache.add(name, 0, timeout=2 * WINDOW_SECONDS)
    try:
        return cache.incr(name)
    except ValueError:
        # Dropped in between, because the cache is full of other callers.
        return 1
