"""One request to Vonage: from the calling thread's own connection, with our token, and every way to fail named.

A request is never repeated here but for one case: a token that is not taken means that nothing was done, so a new one is tried once.
"""

import threading
from typing import TYPE_CHECKING, Any

import requests
from django.conf import settings
from urllib3.exceptions import NewConnectionError, ReadTimeoutError

from chat.backends import vonage_errors
from chat.backends.circuit import Circuit
from chat.backends.vonage_tokens import KeyFileError, server_token
from chat.outbox import BackendError
from chat.sentences import said

if TYPE_CHECKING:
    from chat.backends.vonage_http import Http, Reply

# For the connection and again for the reply; twice that, with a token that has to be made anew, stays below OUTBOX_LEASE_SECONDS.
TIMEOUT_SECONDS = 10

circuit = Circuit("Vonage")
# Another host, which may be down by itself.
rest_circuit = Circuit("Vonage's SMS API")
_of_thread = threading.local()


def call(method: str, path: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Send one request to VONAGE_API_HOST and return its JSON object ({} for 204); `params` are a GET's query, else the JSON body.

    Raises BackendError in all other cases; `unknown` where the work may have been done.
    """
    circuit.check()
    token = _token()
    reply = _send(method, path, params)
    if vonage_errors.is_bad_token(reply.status, reply.document):
        server_token.forget(token)
        reply = _send(method, path, params)
    _tell(circuit, reply)
    if not 200 <= reply.status < 300:
        raise vonage_errors.error_of(reply.status, reply.headers, reply.document)
    if reply.status == 204:
        return {}
    if not isinstance(reply.document, dict):
        raise _unreadable(reply)
    return reply.document


def post_form(path: str, form: dict[str, Any]) -> dict[str, Any]:
    """Post one form to VONAGE_REST_HOST with the account's key and secret, and return the JSON object of a 2xx.

    Raises BackendError in all other cases; `unknown` where the work may have been done.
    """
    rest_circuit.check()
    try:
        reply = _rest().send_form(path, form)
    except requests.RequestException as error:
        rest_circuit.failed()
        raise _lost(error, settings.VONAGE_REST_HOST) from None
    _tell(rest_circuit, reply)
    if not 200 <= reply.status < 300:
        raise vonage_errors.error_of(reply.status, reply.headers, reply.document)
    if not isinstance(reply.document, dict):
        raise _unreadable(reply)
    return reply.document


def close() -> None:
    """Close this thread's connections."""
    for name in ("http", "rest"):
        http: Http | None = _of_thread.__dict__.pop(name, None)
        if http:
            http.close()


def _send(method: str, path: str, params: dict[str, Any] | None) -> "Reply":
    try:
        return _http().send(method, path, params)
    except requests.RequestException as error:
        circuit.failed()
        raise _lost(error, settings.VONAGE_API_HOST) from None


def _http() -> "Http":
    """This thread's client: the package keeps the headers of the request in hand on it, so two threads would mix them up."""
    # The package takes half a second to import, which a start without Vonage need not pay.
    from chat.backends.vonage_http import Http  # noqa: PLC0415

    http: Http | None = getattr(_of_thread, "http", None)
    if http is None or http.api_host != settings.VONAGE_API_HOST:
        close()
        http = _of_thread.http = Http(settings.VONAGE_API_HOST, token=_token, timeout_seconds=TIMEOUT_SECONDS)
    return http


def _rest() -> "Http":
    """This thread's client for forms, which go to another host and by another door."""
    from chat.backends.vonage_http import Http  # noqa: PLC0415

    made_for = (settings.VONAGE_REST_HOST, settings.VONAGE_API_KEY, settings.VONAGE_API_SECRET)
    http: Http | None = getattr(_of_thread, "rest", None)
    if http is None or made_for != _of_thread.rest_made_for:
        if http:
            http.close()
        http = _of_thread.rest = Http(made_for[0], token=str, account=made_for[1:], timeout_seconds=TIMEOUT_SECONDS)
        _of_thread.rest_made_for = made_for
    return http


def _token() -> str:
    try:
        return server_token.get()
    except KeyFileError as error:
        raise BackendError(said("Vonage's private key can't be used. %(error)s", error=error), code="key_file") from None


def _unreadable(reply: "Reply") -> BackendError:
    sentence = said("Vonage: %(status)s, but the reply can't be read.", status=reply.status)
    return BackendError(sentence, code="unreadable_reply", unknown=True)


def _tell(door: Circuit, reply: "Reply") -> None:
    if vonage_errors.is_too_many(reply.status, reply.document):
        door.pause(vonage_errors.retry_after(reply.headers) or 1.0)
    elif reply.status >= 500 or vonage_errors.is_bad_token(reply.status, reply.document):
        door.failed()
    else:
        door.succeeded()


def _lost(error: requests.RequestException, host: str) -> BackendError:
    """No whole reply came. Unless there was no connection at all, nobody knows whether the work was done."""
    kind = type(error).__name__
    if isinstance(error, requests.exceptions.SSLError):
        return BackendError(said("Vonage: the certificate of %(host)s is not trusted, or TLS failed.", host=host), code="tls", unknown=True)
    # Even with no retries allowed, requests wraps what a GET met into "too many retries".
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError):
        return BackendError(said("Vonage: %(host)s can't be reached.", host=host), code="unreachable")
    if isinstance(error, requests.Timeout) or isinstance(reason, ReadTimeoutError):
        return BackendError(said("Vonage: no reply within %(seconds)s s.", seconds=TIMEOUT_SECONDS), code="timeout", unknown=True)
    return BackendError(said("Vonage: the connection broke (%(kind)s).", kind=kind), code="connection_lost", unknown=True)
