"""Vonage's Application API v2: the applications of an account, asked for with its key and secret (Basic).

The vonage package's own `Application` reads answers into models that drop every capability they do not know, and an update replaces
all of them; so its HTTP client is used directly. Source: https://developer.vonage.com/en/api/application.v2
"""

import ssl
from collections.abc import Iterator
from typing import Any

import requests
from django.conf import settings
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ProxyError, ReadTimeoutError
from vonage_http_client.auth import Auth

from chat.backends import vonage_errors, vonage_losses
from chat.backends.vonage_http import Http, Reply
from chat.outbox import BackendError

JSON = dict[str, Any]
TIMEOUT_SECONDS = 10
PAGE_SIZE = 100
WRONG_ACCOUNT = "Vonage does not take NEXMO_API_KEY with NEXMO_API_SECRET. Copy both again from the dashboard, API settings."


class AccountHttp(Http):
    """The package's client with our account's key and secret instead of an application's token."""

    def __init__(self) -> None:
        super().__init__(settings.VONAGE_API_HOST, token=str, timeout_seconds=TIMEOUT_SECONDS)
        self._auth = Auth(api_key=settings.VONAGE_API_KEY, api_secret=settings.VONAGE_API_SECRET)

    def send(self, method: str, path: str, params: JSON | None) -> Reply:
        """As `Http.send`."""
        reply: Reply = self.make_request(method, self.api_host, path, params, "basic", "query_params" if method == "GET" else "json")
        return reply


def find(application_id: str) -> JSON | None:
    """The account's application of this id: {"id", "name", "capabilities", "keys": {"public_key"}, …}. Raises BackendError."""
    try:
        return _ask("GET", f"/v2/applications/{application_id}")
    except BackendError as error:
        if error.code == "http:404":
            return None
        raise


def everything() -> Iterator[JSON]:
    """All applications of the account; numbered pages, unlike elsewhere at Vonage. Raises BackendError."""
    number, last = 1, 1
    while number <= last:
        page = _ask("GET", "/v2/applications", {"page_size": PAGE_SIZE, "page": number})
        embedded = page.get("_embedded")
        listed = embedded.get("applications") if isinstance(embedded, dict) else None
        if not isinstance(listed, list):
            raise BackendError(f"What answers at {settings.VONAGE_API_HOST} is not Vonage's API. Check VONAGE_API_HOST.", code="bad_answer")
        yield from (item for item in listed if isinstance(item, dict))
        last = page["total_pages"] if isinstance(page.get("total_pages"), int) else 1
        number += 1


def public_key(application: JSON) -> str:
    """The PEM of an application's public key; "" where it has none."""
    keys = application.get("keys")
    return str(keys.get("public_key") or "") if isinstance(keys, dict) else ""


def create(fields: JSON) -> JSON:
    """A new application. Raises BackendError: `unknown` where it may have been made all the same."""
    return _ask("POST", "/v2/applications", fields)


def update(application_id: str, fields: JSON) -> JSON:
    """Replace everything of an application. Raises BackendError."""
    return _ask("PUT", f"/v2/applications/{application_id}", fields)


def _ask(method: str, path: str, params: JSON | None = None) -> JSON:
    http = AccountHttp()
    try:
        reply = http.send(method, path, params)
    except OSError as error:
        raise lost(error) from None
    finally:
        http.close()
    if reply.status == 401:
        raise BackendError(WRONG_ACCOUNT, code="wrong_account")
    if reply.status == 404:
        raise BackendError("Vonage: 404.", code="http:404", permanent=True)
    if not 200 <= reply.status < 300:
        raise vonage_errors.error_of(reply.status, reply.headers, reply.document)
    if not isinstance(reply.document, dict):
        raise BackendError(f"Vonage: {reply.status}, but the reply can't be read.", code="unreadable_reply", unknown=True)
    return reply.document


def lost(error: OSError) -> BackendError:
    """Why no whole reply came, for a person who can do something about it. `error`: whatever requests raised."""
    host, causes = settings.VONAGE_API_HOST, list(vonage_losses.causes(error))
    for kind, (code, sentence) in REASONS.items():
        if any(isinstance(cause, kind) for cause in causes):
            return BackendError(sentence.format(host=host, seconds=TIMEOUT_SECONDS), code=code, unknown=code == "timeout")
    distrust = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if distrust:
        sentence = f"The certificate of {host} is not trusted ({distrust.verify_message}). {TRUST}"
        return BackendError(sentence, code="tls")
    if vonage_losses.is_no_tls(causes):
        return BackendError(f"No TLS is spoken at {host}. Check VONAGE_API_HOST.", code="tls")
    if vonage_losses.is_bad_ca_file(causes):
        is_there = isinstance(error, requests.RequestException)
        fault = "holds no certificate" if is_there else "is not there"
        return BackendError(f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names a file that {fault}. Correct or empty it.", code="tls")
    return BackendError(f"The connection to {host} broke ({type(error).__name__}).", code="connection_lost", unknown=True)


TRUST = "With an authority of your own, or behind a proxy that opens TLS, REQUESTS_CA_BUNDLE must name its CA file. Is the clock right?"
# In this order: the more telling ones wrap or follow the plainer ones.
REASONS: dict[type[BaseException], tuple[str, str]] = {
    ProxyError: ("proxy", "The proxy on the way to {host} refuses or can't be reached. Check HTTPS_PROXY, or name {host} in NO_PROXY."),
    NameResolutionError: ("unreachable", "The name of {host} can't be found. Check the network and VONAGE_API_HOST."),
    requests.exceptions.InvalidURL: ("unreachable", "{host} is no host. Write VONAGE_API_HOST as host or host:port."),
    ReadTimeoutError: ("timeout", "{host} took the connection, but gave no answer within {seconds} seconds."),
    NewConnectionError: ("unreachable", "Nobody listens at {host}, or a firewall is in the way. Check VONAGE_API_HOST."),
    ConnectTimeoutError: ("unreachable", "{host} can't be reached within {seconds} seconds. A firewall may be in the way."),
}
