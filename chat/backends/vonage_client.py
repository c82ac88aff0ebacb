"""One request to Vonage: on a connection that no other thread uses meanwhile, with our token, and every way to fail named.

A request is never repeated here but for one case: a token that is not taken means that nothing was done, so a new one is tried once.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings

from chat.backends import vonage_errors, vonage_losses
from chat.backends.circuit import Circuit
from chat.backends.vonage_tokens import KeyFileError, server_token
from chat.outbox import BackendError
from chat.sentences import said

if TYPE_CHECKING:
    from chat.backends.vonage_http import Http, Reply

# For the connection and again for the reply; twice that, with a token that has to be made anew, stays below OUTBOX_LEASE_SECONDS.
TIMEOUT_SECONDS = 10

circuit = Circuit("Vonage")
# Products of their own: texts and calls go on where conversations fail, and the other way round.
phones_circuit = Circuit("Vonage's texts and calls")
PHONES = ("/v1/messages", "/v1/calls")
# Another host, which may be down by itself.
rest_circuit = Circuit("Vonage's SMS API")


class Clients:
    """Clients that no thread uses at the moment. The package keeps the headers of the request in hand on a client, so two threads would
    mix them up; and the one that was used last is taken first, so that its connection is still open however many threads there are.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made_for: tuple[str, ...] = ()
        self._free: list[Http] = []

    @contextmanager
    def one(self, made_for: tuple[str, ...], make: "Callable[[], Http]") -> "Iterator[Http]":
        """A client for one request; `made_for`: the settings that it is made of, which make those of other settings useless."""
        if made_for != self._made_for:
            self.close()
        with self._lock:
            self._made_for = made_for
            client = self._free.pop() if self._free else None
        client = client or make()
        try:
            yield client
        finally:
            with self._lock:
                is_of_use = made_for == self._made_for
                if is_of_use:
                    self._free.append(client)
            if not is_of_use:
                client.close()

    def close(self) -> None:
        """Close the connections of those that nobody uses."""
        with self._lock:
            free, self._free = self._free, []
        for client in free:
            client.close()


_clients, _rest_clients = Clients(), Clients()


def call(method: str, path: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Send one request to VONAGE_API_HOST and return its JSON object ({} for 204); `params` are a GET's query, else the JSON body.

    Raises BackendError in all other cases; `unknown` where the work may have been done.
    """
    door = phones_circuit if path.startswith(PHONES) else circuit
    door.check()
    token = _token()
    reply = _send(door, method, path, params)
    if vonage_errors.is_bad_token(reply.status, reply.document):
        server_token.forget(token)
        reply = _send(door, method, path, params)
    _tell(door, reply)
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
    account = (settings.VONAGE_REST_HOST, settings.VONAGE_API_KEY, settings.VONAGE_API_SECRET)
    try:
        with _rest_clients.one(account, partial(_rest, account)) as client:
            reply = client.send_form(path, form)
    except OSError as error:  # all of requests' errors are, and a CA file that is not there raises a plain one
        rest_circuit.failed()
        raise vonage_losses.lost(error, settings.VONAGE_REST_HOST, seconds=TIMEOUT_SECONDS) from None
    _tell(rest_circuit, reply)
    if not 200 <= reply.status < 300:
        raise vonage_errors.error_of(reply.status, reply.headers, reply.document)
    if not isinstance(reply.document, dict):
        raise _unreadable(reply)
    return reply.document


def close() -> None:
    """Close the connections that nobody uses."""
    _clients.close()
    _rest_clients.close()


def _send(door: Circuit, method: str, path: str, params: dict[str, Any] | None) -> "Reply":
    host: str = settings.VONAGE_API_HOST
    try:
        with _clients.one((host,), partial(_api, host)) as client:
            return client.send(method, path, params)
    except OSError as error:
        door.failed()
        raise vonage_losses.lost(error, host, seconds=TIMEOUT_SECONDS) from None


def _api(host: str) -> "Http":
    # The package takes half a second to import, which a start without Vonage need not pay.
    from chat.backends.vonage_http import Http  # noqa: PLC0415

    return Http(host, token=_token, timeout_seconds=TIMEOUT_SECONDS)


def _rest(account: tuple[str, str, str]) -> "Http":
    """For forms, which go to another host and by another door."""
    from chat.backends.vonage_http import Http  # noqa: PLC0415

    host, key, secret = account
    return Http(host, token=str, account=(key, secret), timeout_seconds=TIMEOUT_SECONDS)


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
