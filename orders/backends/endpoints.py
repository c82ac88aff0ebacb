"""A POST to an address that a client gave us: only to where it may go, once, and without following anything.

A name is resolved here and the connection made to that very address, so that it can't mean another one a moment later (DNS rebinding).
The answer's body is never read: nobody learns through us what an address inside says.
"""

import ipaddress
import socket
from functools import cache
from urllib.parse import SplitResult, urlsplit

import certifi
import urllib3
from django.conf import settings

from chat.backends.circuit import Circuit
from chat.outbox import BackendError
from chat.sentences import said

TIMEOUT = urllib3.Timeout(connect=5.0, read=10.0)
# Addresses in which an IPv4 address hides: translators and tunnels.
TUNNELS = [ipaddress.ip_network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]
DEFAULT_PORTS = {"https": 443, "http": 80}


def refusal(url: str) -> str:
    """Why nothing may be sent to this address, as far as its words tell; empty where it may."""
    try:
        parts, host, _port = _read(url)
    except ValueError:
        return "Write a whole address, such as https://shop.example.com/hooks."
    if parts.username or parts.password or parts.fragment:
        return "Leave user, password and fragment out of the address; each delivery is signed."
    if settings.WEBHOOKS_TO_PRIVATE:
        return ""
    if parts.scheme != "https":
        return "The address must begin with https://."
    is_inside = host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or not _may_be_public(host)
    return "The address is inside a private network. Only public addresses are told." if is_inside else ""


def post(url: str, body: bytes, headers: dict[str, str], *, name: str) -> int:
    """Send, and answer the status (2xx). Raises BackendError. `name`: the endpoint's, whose circuit it is."""
    circuit = _circuit(name)
    circuit.check()
    try:
        status = _post(url, body, headers)
    except BackendError:
        circuit.failed()
        raise
    circuit.succeeded()
    return status


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    if refused := refusal(url):
        raise BackendError(refused, code="address_refused", permanent=True)
    parts, host, port = _read(url)
    pool = _pool(parts.scheme, host, port, _resolve(host, port))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    own = {"Host": host if port == DEFAULT_PORTS[parts.scheme] else f"{host}:{port}"}
    try:
        answer = pool.urlopen("POST", target, body=body, headers=headers | own, redirect=False, retries=False, preload_content=False)
        answer.close()
    except urllib3.exceptions.HTTPError as error:
        raise BackendError(said("The address does not answer (%(error)s).", error=type(error).__name__), code="no_answer") from None
    finally:
        pool.close()
    if 200 <= answer.status < 300:
        return answer.status
    is_gone = answer.status == 410
    words = (
        said("The address says that it is gone (410).")
        if is_gone
        else said("The address answered %(status)s, not 2xx.", status=answer.status)
    )
    raise BackendError(words, code=f"http_{answer.status}", permanent=is_gone, retry_after=_retry_after(answer.headers.get("Retry-After")))


def _read(url: str) -> tuple[SplitResult, str, int]:
    """Raises ValueError for what is no web address."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or any(character.isspace() for character in url) or not url.isascii():
        raise ValueError(url)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    return parts, f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname, port


def _resolve(host: str, port: int) -> str:
    """One of the name's addresses. Where any of them is private, none is taken: that is no name of a public receiver."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise BackendError("The address has a name that can't be found.", code="no_such_host") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not settings.WEBHOOKS_TO_PRIVATE and not all(_may_be_public(address) for address in addresses):
        raise BackendError(
            "The address is inside a private network. Only public addresses are told.", code="address_refused", permanent=True
        )
    return addresses[0]


def _may_be_public(host: str) -> bool:
    """Whether an IP address is a public one; a name may be."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return True
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped:
        address = mapped
    in_tunnel = any(address in network for network in TUNNELS if network.version == address.version)
    return address.is_global and not (address.is_multicast or address.is_reserved or in_tunnel)


def _pool(scheme: str, host: str, port: int, address: str) -> urllib3.HTTPConnectionPool:
    if scheme == "http":
        return urllib3.HTTPConnectionPool(address, port, timeout=TIMEOUT, maxsize=1)
    name = host.strip("[]")
    return urllib3.HTTPSConnectionPool(
        address,
        port,
        timeout=TIMEOUT,
        maxsize=1,
        cert_reqs="CERT_REQUIRED",
        ca_certs=certifi.where(),
        server_hostname=name,
        assert_hostname=name,
    )


def _retry_after(value: str | None) -> float | None:
    return float(value) if value and value.isascii() and value.isdigit() and len(value) < 7 else None


@cache
def _circuit(name: str) -> Circuit:
    return Circuit(f"webhook {name}")
