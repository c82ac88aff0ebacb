"""Why no whole reply came, out of what requests raises, and whether the work may have been done all the same."""

import ssl
from collections.abc import Iterator

import requests
from urllib3.exceptions import NewConnectionError, ProxyError, ReadTimeoutError

from chat.outbox import BackendError
from chat.sentences import said

# Of a file of certificates that holds none.
BAD_CA_FILE = {"NO_CERTIFICATE_OR_CRL_FOUND", "PEM_LIB", "NO_START_LINE"}


def lost(error: OSError, host: str, *, seconds: int) -> BackendError:
    """`unknown`, unless the request surely never left. `error`: requests' own, or the plain OSError of a CA file that is not there."""
    found = list(causes(error))
    if is_bad_ca_file(found):
        sentence = said(
            "Vonage's certificate can't be checked: REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names no file of certificates. "
            "Correct or empty it, and restart."
        )
        return BackendError(sentence, code="tls")
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in found):
        return BackendError(said("Vonage: the certificate of %(host)s is not trusted.", host=host), code="tls")
    if is_no_tls(found):
        return BackendError(said("Vonage: no TLS is spoken at %(host)s.", host=host), code="tls")
    if any(isinstance(cause, ProxyError) for cause in found):
        return BackendError(said("Vonage: the proxy on the way to %(host)s refuses or can't be reached.", host=host), code="unreachable")
    # Even with no retries allowed, requests wraps what a GET met into "too many retries".
    if any(isinstance(cause, requests.ConnectTimeout | NewConnectionError) for cause in found):
        return BackendError(said("Vonage: %(host)s can't be reached.", host=host), code="unreachable")
    if any(isinstance(cause, requests.Timeout | ReadTimeoutError) for cause in found):
        return BackendError(said("Vonage: no reply within %(seconds)s s.", seconds=seconds), code="timeout", unknown=True)
    kind = type(error).__name__
    return BackendError(said("Vonage: the connection broke (%(kind)s).", kind=kind), code="connection_lost", unknown=True)


def is_bad_ca_file(found: list[BaseException]) -> bool:
    """Whether it is our own list of trusted authorities that can't be read."""
    is_missing = not isinstance(found[0], requests.RequestException) and "CA certificate" in str(found[0])
    return is_missing or any(isinstance(cause, ssl.SSLError) and cause.reason in BAD_CA_FILE for cause in found)


def is_no_tls(found: list[BaseException]) -> bool:
    """Whether something else than TLS is spoken there."""
    return any(isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER" for cause in found)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and whatever it wraps, as requests and urllib3 wrap: as argument, as `reason`, or as context."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and cause not in seen:
            seen.append(cause)
            yield cause
            waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
