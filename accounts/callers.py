"""Where a request comes from, and from whom."""

import hashlib
import ipaddress
from typing import TYPE_CHECKING

from django.http import HttpRequest

from accounts.models import User

if TYPE_CHECKING:
    from rest_framework.request import Request

# The names that a machine has for itself, as a caller's address or as the host of a URL.
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def is_on_this_machine(request: HttpRequest) -> bool:
    """Whether the caller speaks to us over loopback, as the trusted proxies tell it (`TRUSTED_PROXIES`)."""
    return request.META.get("REMOTE_ADDR") in LOOPBACK


def address(request: HttpRequest) -> str:
    """The caller's address for counting, as the trusted proxies tell it: of IPv6 the network, because one client has 2**64 addresses."""
    given = request.META.get("REMOTE_ADDR", "")
    try:
        found = ipaddress.ip_address(given)
    except ValueError:
        return "0.0.0.0"  # noqa: S104 - not an address to listen on: whoever comes through a Unix socket counts as one caller
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network(f"{found}/64", strict=False).network_address)
    # A socket, or a proxy, that hears both kinds names an IPv4 address ::ffff:192.0.2.7: as a network that would be the whole Internet.
    return str(getattr(found, "ipv4_mapped", None) or found)


def user_of(request: "HttpRequest | Request") -> User | None:
    """Who is logged in, or whose key it is; None for a stranger."""
    return request.user if isinstance(request.user, User) else None


def name_of(request: "Request") -> str:
    """Who asks the API, for whatever is kept or counted for each: a client or a person; a customer, by the session that their link
    opened; anybody else by their address.
    """
    if isinstance(request.user, User):
        return f"user:{request.user.pk}"
    session = request._request.session.session_key or ""
    return f"session:{hashlib.sha256(session.encode()).hexdigest()}" if session else f"address:{address(request._request)}"
