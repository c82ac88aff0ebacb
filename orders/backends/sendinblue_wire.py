"""The wire to Sendinblue (Brevo): one client a process, and every way a call can end as one BackendError.

sib-api-v3-sdk 7.6.0 has traps, and they are closed here: a float as timeout is silently ignored, so timeouts are a tuple; each
`Configuration()` hangs one more handler on two loggers, so there is one, without its handlers; only HTTP errors become an `ApiException`,
while the rest are urllib3's own; urllib3's hidden re-sends and redirects are off (a redirect would carry our key to wherever it points); it
would send over a connection that was forgotten on the way (`sendinblue_connections.py`); `REQUESTS_CA_BUNDLE` is not read, so
SENDINBLUE_CA_FILE is; answers are read raw, as the SDK's own reading fails on a page in Latin-1 and on JSON of an unforeseen shape. Nothing
here logs a body, an address or the key.
Errors: https://developers.brevo.com/docs/how-it-works (code, message), limits: https://developers.brevo.com/docs/limit-headers
"""

import json
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import urllib3
from django.conf import settings
from urllib3 import exceptions as broken

from chat.backends.circuit import Circuit
from chat.outbox import BackendError, TooEarlyError
from chat.sentences import said
from orders.backends.sendinblue_connections import POOLS

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
LONGEST_WAIT_SECONDS = 3600.0
# What a 429 asks for that says nothing, from a gateway that drops the headers: its limit is one a second.
WINDOW_SECONDS = 1.0
DIGITS_OF_A_LIMIT = 9
# What one act of an operator mends for all mails at once is no fault of any one mail: those wait, and nobody has to press a button
# for each of them. By Sendinblue's code, or by status where the code is another one.
OPERATORS_CASES: dict[str | int, str] = {
    "unauthorized": said("Sendinblue does not accept the key. Put a valid API key into SENDINBLUE_API_KEY and restart."),
    "not_enough_credits": said("The Sendinblue account has no credits left. Buy some, or wait for the next day's."),
    "account_under_validation": said("Sendinblue has not activated this account for sending yet. Ask its support to."),
    "permission_denied": said("Sendinblue does not let this account or key send mails. Check the account's state and the key's rights."),
    "document_not_found": said(
        "Sendinblue does not know the template or the address. Check SENDINBLUE_TEMPLATE_ID and SENDINBLUE_API_URL."
    ),
    "method_not_allowed": said("What answers is not Sendinblue's API. Check SENDINBLUE_API_URL."),
}
OPERATORS_CASES |= {
    401: OPERATORS_CASES["unauthorized"],
    402: OPERATORS_CASES["not_enough_credits"],
    403: OPERATORS_CASES["permission_denied"],
    404: OPERATORS_CASES["document_not_found"],
    405: OPERATORS_CASES["method_not_allowed"],
}

BAD_CA_FILE = {"NO_CERTIFICATE_OR_CRL_FOUND", "PEM_LIB", "NO_START_LINE"}

_clients: dict[tuple[str, ...], Any] = {}
_circuits: dict[tuple[str, ...], Circuit] = {}
_lock = threading.Lock()


def ask(api: str, function: str, *arguments: Any, **options: Any) -> Any:
    """Call one function of the SDK, such as `ask("WebhooksApi", "get_webhooks")`; the answer's JSON, or None where it is none.

    Raises BackendError: `unknown` where the work may have been done although no good answer came.
    """
    circuit = _circuit(function)
    # Before the circuit gives this call its moment: the first call loads the SDK, and those that wait for that must not leave all at once.
    act = _function(api, function)
    circuit.check()
    try:
        answer = _call(circuit, partial(act, *arguments, **options))
    except BackendError as error:
        _count(circuit, error)
        raise
    circuit.succeeded()
    return answer


def _function(api: str, function: str) -> Callable[..., Any]:
    from sib_api_v3_sdk import api as apis  # noqa: PLC0415 - see _build

    act: Callable[..., Any] = getattr(getattr(apis, api)(_client()), function)
    return act


def _call(circuit: Circuit, act: Callable[..., Any]) -> Any:
    from sib_api_v3_sdk.rest import ApiException  # noqa: PLC0415 - see _build

    try:
        answer = act(_preload_content=False, _request_timeout=(CONNECT_SECONDS, READ_SECONDS))
        _hear_limit(circuit, answer.headers)
        return _parsed(answer.data)
    # "from None": the causes carry bodies and addresses, and no log is to print them.
    except ApiException as refused:
        if refused.status:
            _hear_limit(circuit, refused.headers or {})
            raise refusal(refused.status, _parsed(refused.body), refused.headers or {}) from None
        raise _tls_failure(refused.__context__) from None
    except broken.HTTPError as lost:
        raise _network_failure(lost) from None


def _count(circuit: Circuit, error: BackendError) -> None:
    """A refusal of one mail says nothing about the next; all else would meet every call alike."""
    if error.permanent:
        circuit.succeeded()
    elif error.retry_after is not None and not error.unknown:
        circuit.pause(error.retry_after)
    else:
        circuit.failed()


def refusal(status: int, body: Any, headers: Mapping[str, str]) -> BackendError:
    """What an answer outside 2xx means for the mail it was about."""
    told = body if isinstance(body, dict) else {}
    code = str(told.get("code", ""))
    code = code if re.fullmatch(r"[\w.-]{1,60}", code) else f"http_{status}"
    words = said(" (It says: %(words)s)", words=str(told["message"])[:300]) if told.get("message") else ""
    wait = _wait(headers)
    if status >= 500:
        sentence = said("Sendinblue failed with %(status)s; it may have done the work all the same.%(words)s", status=status, words=words)
        return BackendError(sentence, code=code, unknown=True, retry_after=wait)
    if status == 429:
        wait = WINDOW_SECONDS if wait is None else wait
        return TooEarlyError(said("Sendinblue asks us to slow down.%(words)s", words=words), code=code, retry_after=wait)
    if 300 <= status < 400:
        return BackendError("SENDINBLUE_API_URL answers with a redirect, which is not followed. Write the address it points to.", code=code)
    if operators := OPERATORS_CASES.get(code) or OPERATORS_CASES.get(status):
        return BackendError(said("%(case)s Until then mails wait.%(words)s", case=operators, words=words), code=code)
    # 408 and 425: the request did not get through whole, or too early; both say that it may be repeated.
    is_permanent = status not in {408, 425}
    sentence = said("Sendinblue refused the request (%(status)s).%(words)s", status=status, words=words)
    return BackendError(sentence, code=code, permanent=is_permanent, retry_after=wait)


def _account() -> tuple[str, ...]:
    return settings.SENDINBLUE_API_URL, settings.SENDINBLUE_API_KEY, settings.SENDINBLUE_CA_FILE


def _client() -> Any:
    """This process's one client; threads share it, and with it the connections that it keeps open."""
    key = _account()
    with _lock:
        if key not in _clients:
            _clients[key] = _build(*key)
        return _clients[key]


def _circuit(function: str) -> Circuit:
    """Each function has limits of its own: the list's two calls a second must not hold the mails back."""
    key = (*_account(), function)
    with _lock:
        if key not in _circuits:
            _circuits[key] = Circuit("Sendinblue")
        return _circuits[key]


def _build(url: str, api_key: str, ca_file: str) -> Any:
    # The SDK takes up to a second and 33 MB to load: only a process that sends mails is to pay for it.
    import sib_api_v3_sdk  # noqa: PLC0415

    configuration = sib_api_v3_sdk.Configuration()
    for logger in configuration.logger.values():
        logger.removeHandler(configuration.logger_stream_handler)
    configuration.host = url
    configuration.api_key["api-key"] = api_key
    configuration.ssl_ca_cert = ca_file or None
    configuration.connection_pool_maxsize = settings.OUTBOX_THREADS
    client = sib_api_v3_sdk.ApiClient(configuration)
    connections = client.rest_client.pool_manager
    connections.connection_pool_kw["retries"] = urllib3.Retry.from_int(False)
    connections.pool_classes_by_scheme = POOLS
    return client


def _parsed(body: bytes | str | None) -> Any:
    try:
        return json.loads(body or b"")
    except (ValueError, RecursionError):
        return None


def _hear_limit(circuit: Circuit, headers: Mapping[str, str]) -> None:
    """Each answer of a limited function says how many calls its window takes, a second's or an hour's, and not which."""
    told = headers.get("x-sib-ratelimit-limit", "")
    if told.isascii() and told.isdigit() and len(told) < DIGITS_OF_A_LIMIT and int(told):
        circuit.pace.says_limit(int(told))


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the provider asks us to wait; Brevo's own header first, a gateway's second."""
    for name in ("x-sib-ratelimit-reset", "retry-after"):
        try:
            seconds = float(headers.get(name, ""))
        except ValueError:
            continue
        if 0 <= seconds <= LONGEST_WAIT_SECONDS:
            return seconds
    return None


def _network_failure(error: broken.HTTPError) -> BackendError:
    # A read timeout is no ConnectTimeoutError, and a reset is a ProtocolError: both may come after the work was done.
    if isinstance(error, broken.ConnectTimeoutError | broken.NewConnectionError):
        return BackendError("Sendinblue can't be reached. Check the network and SENDINBLUE_API_URL; we keep trying.", code="unreachable")
    code = "timeout" if isinstance(error, broken.TimeoutError) else "connection_lost"
    sentence = said("The connection to Sendinblue broke before its answer came; it may have done the work all the same.")
    return BackendError(sentence, code=code, unknown=True)


def _tls_failure(error: BaseException | None) -> BackendError:
    """The SDK hides urllib3's SSLError, which wraps the cause. Not everything that TLS does wrong happens before the work."""
    cause = error.args[0] if error and error.args else None
    is_distrust = isinstance(cause, ssl.SSLCertVerificationError | ssl.CertificateError)
    is_bad_file = isinstance(cause, OSError) and (not isinstance(cause, ssl.SSLError) or cause.reason in BAD_CA_FILE)
    if is_distrust or is_bad_file:
        sentence = said("Sendinblue's certificate is not trusted. Check SENDINBLUE_API_URL and SENDINBLUE_CA_FILE; mails wait.")
        return BackendError(sentence, code="tls_not_trusted")
    if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
        return BackendError("SENDINBLUE_API_URL begins with https, but no TLS is spoken there. Check it; mails wait.", code="no_tls")
    sentence = said("The secured connection to Sendinblue broke; it may have done the work all the same.")
    return BackendError(sentence, code="connection_lost", unknown=True)
