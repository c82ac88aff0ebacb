"""A POST to an address that a client gave us: only to where it may go, once, and without following anything.

A name is resolved here and the connection made to that very address, so that it can't mean another one a moment later (DNS rebinding).
The answer's body is never read: nobody learns through us what an address inside says.

A socket's timeout begins again with each byte, so it ends no call to a receiver that drips. Each call's socket is therefore cut at a
deadline for the whole exchange, or when the process stops.
"""

import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import SplitResult, urlsplit

import certifi
from django.conf import settings

from chat import stops
from chat.backends.circuit import Circuit
from chat.outbox import BackendError
from chat.sentences import said

CONNECT_SECONDS = 5.0
# From the first word to the last, well below OUTBOX_LEASE_SECONDS.
EXCHANGE_SECONDS = 15.0
# What is no public receiver's address, whatever table this version of Python brings: the registries of special-purpose addresses
# (https://www.iana.org/assignments/iana-ipv4-special-registry, …-ipv6-…), multicast, and translators and tunnels, in which an IPv4
# address hides.
NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16"),
        *("3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
]
# What ends like this is read as an IPv4 address by browsers and resolvers: 2130706433, 0x7f.1, 127.1.
NUMBER = re.compile(r"(\d+|0x[0-9a-f]*)")
INSIDE_NAMES = (".localhost", ".local", ".internal", ".localdomain")
# 410: the address says itself that it is to be told of nothing any more.
GONE = 410
DEFAULT_PORTS = {"https": 443, "http": 80}


class NotTakenError(BackendError):
    """The address answered, but not with 2xx. `status`: its answer."""

    def __init__(self, message: str, *, status: int, retry_after: float | None) -> None:
        super().__init__(message, code=f"http_{status}", permanent=status == GONE, retry_after=retry_after)
        self.status = status


def refusal(url: str) -> str:
    """Why nothing may be sent to this address, as far as its words tell; empty where it may. In English, for `sentences.in_words`."""
    try:
        parts, host, _port = _read(url)
    except ValueError:
        return said("Write a whole address, such as https://shop.example.com/hooks.")
    if parts.username or parts.password or parts.fragment:
        return said("Leave user, password and fragment out of the address; each delivery is signed.")
    if settings.WEBHOOKS_TO_PRIVATE:
        return ""
    if parts.scheme != "https":
        return said("The address must begin with https://.")
    return "" if _may_be_public(host) else said("The address is inside a private network. Only public addresses are told.")


def post(url: str, body: bytes, headers: dict[str, str], *, name: str) -> int:
    """Send, and answer the status (2xx). Raises BackendError. `name`: the circuit's."""
    circuit = _circuit(name)
    circuit.check()
    try:
        status = _post(url, body, headers)
    except BackendError as refused:
        if refused.code != stops.CODE:
            circuit.failed()
        raise
    circuit.succeeded()
    return status


class Line:
    """One call's socket, which another thread may cut: whatever waits for it then fails at once. `broken_by`: why it was cut."""

    def __init__(self) -> None:
        self.broken_by: BackendError | None = None
        self._socket: socket.socket | None = None

    @contextmanager
    def to(self, address: str, port: int, *, tls_name: str | None) -> Iterator[socket.socket]:
        """Connect (with TLS where the name on its certificate is given), and be cut at the deadline or when the process stops."""
        clock = threading.Timer(EXCHANGE_SECONDS, self._end)
        clock.daemon = True
        with socket.create_connection((address, port), timeout=CONNECT_SECONDS) as plain:
            # Later than the clock, which says what it was.
            plain.settimeout(2 * EXCHANGE_SECONDS)
            with _secured(plain, tls_name) as self._socket, stops.breaks_off(self._stop):
                clock.start()
                try:
                    if isinstance(self._socket, ssl.SSLSocket):
                        self._socket.do_handshake()
                    yield self._socket
                finally:
                    clock.cancel()

    def _end(self) -> None:
        self._cut(BackendError(said("The address takes longer than %(seconds)d seconds.", seconds=int(EXCHANGE_SECONDS)), code="too_slow"))

    def _stop(self) -> None:
        self._cut(BackendError("The worker was stopped in the middle of this.", code=stops.CODE))

    def _cut(self, reason: BackendError) -> None:
        self.broken_by = self.broken_by or reason
        if self._socket:
            with suppress(OSError):
                # Not TLS's own, which says good-bye first and is not for two threads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    if refused := refusal(url):
        raise BackendError(refused, code="address_refused", permanent=True)
    parts, host, port = _read(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    own = {"Host": host if port == DEFAULT_PORTS[parts.scheme] else f"{host}:{port}"}
    line = Line()
    try:
        with line.to(_resolve(host, port), port, tls_name=host.strip("[]") if parts.scheme == "https" else None) as connected:
            answer = _exchange(connected, target, body, headers | own)
    except (OSError, HTTPException, ValueError) as error:
        raise line.broken_by or _no_answer(error) from None
    if line.broken_by:
        # A head that ends too early is taken for one without further lines.
        raise line.broken_by
    return _taken(answer)


def _taken(answer: HTTPResponse) -> int:
    """The status, where it is 2xx."""
    if 200 <= answer.status < 300:
        return answer.status
    words = (
        said("The address says that it is gone (410).")
        if answer.status == GONE
        else said("The address answered %(status)s, not 2xx.", status=answer.status)
    )
    raise NotTakenError(words, status=answer.status, retry_after=_retry_after(answer.headers.get("Retry-After")))


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
        return _may_be_a_public_name(host.removesuffix("."))
    address = getattr(address, "ipv4_mapped", None) or address
    return not any(address in network for network in NOT_PUBLIC if network.version == address.version)


def _may_be_a_public_name(name: str) -> bool:
    """Whether it has a domain, is none of a private network's, and is no number that means an address."""
    return "." in name and not name.endswith(INSIDE_NAMES) and not NUMBER.fullmatch(name.rpartition(".")[2])


def _secured(plain: socket.socket, name: str | None) -> socket.socket:
    """The connection itself, or TLS over it whose handshake is still to be made, and by which the other side has to be `name`."""
    return _tls().wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False) if name else plain


def _exchange(connected: socket.socket, target: str, body: bytes, headers: dict[str, str]) -> HTTPResponse:
    """Post, and read the answer's head. The connection is closed by whoever opened it."""
    connection = HTTPConnection("")
    connection.sock, connection.auto_open = connected, 0
    connection.request("POST", target, body=body, headers=headers)
    with connection.getresponse() as answer:
        return answer


def _no_answer(error: Exception) -> BackendError:
    return BackendError(said("The address does not answer (%(error)s).", error=type(error).__name__), code="no_answer")


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def _retry_after(value: str | None) -> float | None:
    return float(value) if value and value.isascii() and value.isdigit() and len(value) < 7 else None


@cache
def _circuit(name: str) -> Circuit:
    return Circuit(name)
