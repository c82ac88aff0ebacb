"""Who is at the other end of a socket: the browser's session, read in one go, and again later."""

from collections.abc import Iterable, Sequence
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.http import HttpRequest, parse_cookie
from django.utils import timezone

from accounts.models import User


def key_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The session's key in a request's headers."""
    cookies = (parse_cookie(value.decode("latin-1")) for name, value in headers if name == b"cookie")
    return next((jar[settings.SESSION_COOKIE_NAME] for jar in cookies if settings.SESSION_COOKIE_NAME in jar), None)


def living(session_keys: Sequence[str]) -> set[str]:
    """Those of these sessions that have not ended, by one query."""
    found = Session.objects.filter(session_key__in=session_keys, expire_date__gt=timezone.now())
    return set(found.values_list("session_key", flat=True))


def read(session_key: str | None) -> tuple[SessionBase, User | None]:
    """The session as it is now (an ended one is empty), and who is logged in by it."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return request.session, user if isinstance(user, User) else None
