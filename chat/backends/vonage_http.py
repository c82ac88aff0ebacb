"""The vonage package's HTTP client with its traps closed. The only file that imports the package; imported on first use (0.5 s).

Read in vonage_http_client 1.5.2, each with a test in tests/chat/test_vonage_client.py:
- it re-sends a POST up to `pool_maxsize` times when a connection ends without a reply, and urllib3 repeats the rest: 1 and 0 here;
- it waits for ever unless told otherwise, and takes whole seconds only;
- it mints a token for each request: ours is handed in;
- it logs whole bodies and headers on the logger "vonage": nothing below ERROR passes, and its parsing of replies is ours;
- it keeps one mutable dict of headers: one thread at a time has a client, and each kind of request its own
  (`chat/backends/vonage_client.py`);
- requests would follow a redirect with our token, and prefer a password of ~/.netrc to it: neither happens here;
- it would send over a connection that was quiet for hours and that a firewall on the way has forgotten, and then nobody knows whether a
  text has left: such a connection is closed before.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from requests import PreparedRequest, Response
from vonage_http_client.auth import Auth
from vonage_http_client.http_client import HttpClient, HttpClientOptions

# Less than anybody on the way is known to keep a quiet connection: load balancers a minute, firewalls some minutes.
IDLE_SECONDS = 30.0

logging.getLogger("vonage").addFilter(lambda record: record.levelno >= logging.ERROR)


@dataclass(frozen=True)
class Reply:
    """What came back; `document` is the body's JSON, or None where it is none (empty, cut, HTML)."""

    status: int
    headers: Mapping[str, str]
    document: Any


class _HandedIn(Auth):
    """Gives the package the token that `token` gives, instead of letting it make one."""

    def __init__(self, token: Callable[[], str], account: tuple[str, str]) -> None:
        # The signature secret stays out: with it the package would sign texts, and so that nobody can verify it.
        super().__init__(api_key=account[0] or None, api_secret=account[1] or None)
        self._token = token

    def create_jwt_auth_string(self) -> bytes:
        """The Authorization header of the next request."""
        return b"Bearer " + self._token().encode()


class Http(HttpClient):
    """One connection to Vonage, kept alive; for one thread. Raises requests' own errors, and never one for a status."""

    def __init__(self, host: str, *, token: Callable[[], str], timeout_seconds: int, account: tuple[str, str] = ("", "")) -> None:
        limits = {"timeout": timeout_seconds, "pool_connections": 1, "pool_maxsize": 1, "max_retries": 0}
        options = HttpClientOptions(api_host=host, rest_host=host, **limits)
        super().__init__(_HandedIn(token, account), options, sdk_version=version("vonage"))
        self._session.auth = _unchanged
        self._session.request = partial(self._over_a_fresh_connection, self._session.request)
        self._used_at = time.monotonic()

    def send(self, method: str, path: str, params: dict[str, Any] | None) -> Reply:
        """Send one request: `params` are a GET's query and otherwise the JSON body."""
        reply: Reply = self.make_request(method, self.api_host, path, params, "jwt", "query_params" if method == "GET" else "json")
        return reply

    def send_form(self, path: str, form: dict[str, Any]) -> Reply:
        """Post one form as the account. Never on a client that sends JSON: its Content-Type would stay in the headers."""
        reply: Reply = self.make_request("POST", self.rest_host, path, form, "basic", "form")
        return reply

    def _over_a_fresh_connection(self, request: Callable[..., Response], **options: Any) -> Response:
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self._session.close()
        try:
            return request(allow_redirects=False, **options)
        finally:
            self._used_at = time.monotonic()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _parse_response(self, response: Response) -> Reply:
        try:
            document = response.json()
        except ValueError:
            document = None
        return Reply(response.status_code, response.headers, document)


def _unchanged(request: PreparedRequest) -> PreparedRequest:
    return request
