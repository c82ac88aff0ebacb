"""Which pages may open a socket: our own. A browser sends its cookies along with a socket that any page opens, and no CSRF token.

Channels' own check compares hosts alone: another port of the same machine, or the same name without TLS, would pass it.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host

Application = Callable[..., Awaitable[Any]]
Origin = tuple[str, str, int]
SCHEMES = {"ws": "http", "wss": "https"}
PORTS = {"http": 80, "https": 443}


class OwnPagesOnly:
    """Refuses every handshake that did not begin on a page of ours: the same scheme, host and port."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], *more: Any) -> None:
        """Pass on, or answer 403."""
        given = origin_of(_header(scope, b"origin"))
        application = self.application if given and given in own_origins(scope) else WebsocketDenier()
        await application(scope, *more)


def own_origins(scope: dict[str, Any]) -> set[Origin | None]:
    """PUBLIC_URL, and where the request was sent to if ALLOWED_HOSTS has it. The server knows its scheme from trusted proxies."""
    host = _header(scope, b"host")
    name, _port = split_domain_port(host)
    asked = f"{SCHEMES.get(scope.get('scheme', 'ws'), 'http')}://{host}" if validate_host(name, settings.ALLOWED_HOSTS) else ""
    return {origin_of(settings.PUBLIC_URL), origin_of(asked)}


def origin_of(address: str) -> Origin | None:
    """Scheme, host and port; None for anything that has them not."""
    try:
        parts = urlsplit(address.lower())
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None


def _header(scope: dict[str, Any], name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
