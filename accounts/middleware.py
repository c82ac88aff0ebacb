"""Times as the person who is logged in reads them."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User


def own_time_zone(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Show times in the time zone of whoever is logged in; everybody else reads the shop's."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not isinstance(request.user, User):
            return get_response(request)
        with timezone.override(zone_of(request.user)):
            return get_response(request)

    return answer


def zone_of(user: User) -> zoneinfo.ZoneInfo:
    """The person's time zone; a name that this machine does not know reads as UTC."""
    try:
        return zoneinfo.ZoneInfo(user.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")
