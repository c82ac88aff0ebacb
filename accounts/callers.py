"""Where a request comes from."""

from django.http import HttpRequest

LOOPBACK = {"127.0.0.1", "::1"}


def is_on_this_machine(request: HttpRequest) -> bool:
    """Whether the caller speaks to us over loopback. What a proxy's header says of the caller counts for nothing here."""
    return request.META.get("REMOTE_ADDR") in LOOPBACK
