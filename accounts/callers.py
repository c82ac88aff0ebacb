"""Where a request comes from."""

import ipaddress

from django.http import HttpRequest

LOOPBACK = {"127.0.0.1", "::1"}


def is_on_this_machine(request: HttpRequest) -> bool:
    """Whether the caller speaks to us over loopback. What a proxy's header says of the caller counts for nothing here."""
    return request.META.get("REMOTE_ADDR") in LOOPBACK


def address(request: HttpRequest) -> str:
    """The caller's address for counting, as the trusted proxies tell it: of IPv6 the network, because one client has 2**64 addresses."""
    given = request.META.get("REMOTE_ADDR", "")
    try:
        found = ipaddress.ip_address(given)
    except ValueError:
        return "0.0.0.0"  # noqa: S104 - not an address to listen on: whoever comes through a Unix socket counts as one caller
    return str(ipaddress.ip_network(f"{found}/64", strict=False).network_address) if found.version == 6 else str(found)
