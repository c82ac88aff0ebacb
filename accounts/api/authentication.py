"""Who calls the API: the holder of a key."""

import re

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.api.throttling import counted, seconds_left, tell
from accounts.callers import address
from accounts.models import ApiKey, User

# What the package makes: eight characters, a dot, thirty-two characters. Anything else never reaches the database.
SHAPE = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}")
BAD_KEYS_PER_MINUTE = 30


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Token <key>`. No such header: somebody else's matter; a wrong, revoked or expired key: 401.

    429 after BAD_KEYS_PER_MINUTE such from one address, unless requests are not limited at all.
    """

    keyword = "Token"

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """The key's client and the key."""
        scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != self.keyword.lower():
            return None
        key = _valid_key(given.strip())
        if key is None:
            _count_bad_key(request)
            raise exceptions.AuthenticationFailed(_("This API key is not valid. Ask the shop's staff for a new one."), code="bad_key")
        key.note_use()
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """Makes the refusal a 401 that names the scheme."""
        return self.keyword


def _count_bad_key(request: Request) -> None:
    """Raise Throttled for one too many from that address; who has a good key goes on, also from there."""
    if not settings.API_REQUESTS_PER_MINUTE:
        return
    count = counted(f"bad_key:{address(request._request)}")
    tell(request.parser_context["view"], limit=BAD_KEYS_PER_MINUTE, count=count)
    if count > BAD_KEYS_PER_MINUTE:
        raise exceptions.Throttled(wait=seconds_left())


def _valid_key(given: str) -> ApiKey | None:
    if not SHAPE.fullmatch(given):
        return None
    try:
        key = ApiKey.objects.get_from_key(given)
    except ApiKey.DoesNotExist:
        return None
    return key if not key.has_expired and key.user.is_active else None
