"""What each of Vonage's refusals means for us. Decided by the `code` in the body; the status counts only where there is none we know.

Shapes: {"title", "type", "code", "detail", "instance", "invalid_parameters"?: [{"name", "reason"}]}; older versions {"code",
"description"}. Source: Vonage's OpenAPI of the Conversation API 5.5.1, and docs/providers.md for what is not in it.
"""

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from chat.backends.base import AlreadyThereError, NotThereError, RefusedForGoodError
from chat.outbox import BackendError, TooEarlyError
from chat.sentences import said

LONGEST_WAIT_SECONDS = 900.0
LONGEST_DETAIL = 300
ALREADY_THERE = {
    "conversation:error:duplicate-name",
    "user:error:duplicate-name",
    "conversation:error:member-already-joined",
    "conversation:error:member-already-invited",
}
NOT_THERE = {
    "user:error:not-found": "user",
    "conversation:error:not-found": "conversation",
    "conversation:error:deleted": "conversation",
    "conversation:error:member-not-found": "member",
    "event:error:not-joined": "member",
}
BAD_TOKEN = {"system:error:invalid-token", "system:error:expired-token"}
TOO_MANY = {"http:error:too-many-request"}
REFUSED = {
    "system:error:permission",
    "conversation:error:not-allowed",
    "conversation:error:maximum-number-of-members",
    "event:error:permission-denied",
    "http:error:method-not-allowed",
}
# 405 and 501: a door that was walled up rather than locked.
REFUSED_STATUSES = {403, 404, 405, 410, 451, 501}
# What is wrong with one request, and not with all of its kind.
ABOUT_ONE = {"http:error:validation-fail", "http:error:unsupported-media-type", "event:error:not-found"}
ABOUT_ONE_STATUSES = {413, 414, 415, 431}
# Neither says that the request is wrong: asked again it may go well.
PASSING_STATUSES = {402, 408, 409, 423, 425}


class OddRefusalError(BackendError):
    """Refused with a word that we don't know and that names no field. Of an event it is a refusal of its kind: see `add_event`."""


def code_of(document: Any) -> str:
    """The `code` of an error's body, or "" where there is none."""
    code = document.get("code") if isinstance(document, dict) else None
    return code if isinstance(code, str) else ""


def is_bad_token(status: int, document: Any) -> bool:
    """Whether the token was not taken: wrong key, expired, or the application is gone."""
    return status == 401 or code_of(document) in BAD_TOKEN


def is_too_many(status: int, document: Any) -> bool:
    """Whether we asked too often."""
    return status == 429 or code_of(document) in TOO_MANY


def error_of(status: int, headers: Mapping[str, str], document: Any) -> BackendError:
    """The error that a reply outside 2xx stands for."""
    code = code_of(document)
    message = f"Vonage: {status} {code}".rstrip() + _detail(document)
    if code in ALREADY_THERE:
        return AlreadyThereError(message, code=code, permanent=True)
    if code in NOT_THERE:
        return NotThereError(message, code=code, what=NOT_THERE[code])
    code = code or f"http:{status}"
    if is_bad_token(status, document):
        # Temporary: whoever set a wrong key will set the right one, and nothing may be lost until then.
        return BackendError(said("%(refusal)s Check NEXMO_APPLICATION_ID and its private key.", refusal=message), code=code)
    if is_too_many(status, document):
        return TooEarlyError(message, code=code, retry_after=retry_after(headers))
    if code in REFUSED or status in REFUSED_STATUSES or _refuses_the_type(document):
        return RefusedForGoodError(message, code=code, permanent=True)
    if status >= 500:
        return BackendError(message, code=code, unknown=True, retry_after=retry_after(headers))
    if not _stays_wrong(status, code, document):
        return BackendError(message, code=code)
    kind = OddRefusalError if _is_odd(status, document) else BackendError
    return kind(message, code=code, permanent=True)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the provider wants us to wait, at most a quarter of an hour; None where it does not say."""
    for name in ("Retry-After", "RateLimit-Reset", "X-RateLimit-Reset"):
        seconds = _seconds(headers.get(name, ""))
        if seconds is not None and not math.isnan(seconds):
            return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)
    return None


def _stays_wrong(status: int, code: str, document: Any) -> bool:
    """Whether it is this one request that is wrong. A redirect is never followed, and a body that was cut tells nothing for sure."""
    is_ours = 400 <= status < 500 and status not in PASSING_STATUSES and isinstance(document, dict)
    return is_ours and code != "paginator-builder:error:invalid-cursor"


def _is_odd(status: int, document: Any) -> bool:
    """Whether nothing says that it is this one request that is wrong. Vonage does not say how it refuses what it has ended."""
    if document.get("invalid_parameters") or status in ABOUT_ONE_STATUSES:
        return False
    code = code_of(document)
    return code not in ABOUT_ONE if code else status == 422


def _seconds(value: str) -> float | None:
    """A number of seconds, a moment in seconds since 1970, or an HTTP date."""
    try:
        number = float(value)
    except ValueError:
        try:
            return parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return number - time.time() if number > 1_000_000_000 else number


def _refuses_the_type(document: Any) -> bool:
    """Whether it is the event's type that is no longer taken, which an unknown key in its body is not."""
    reasons = document.get("invalid_parameters") if isinstance(document, dict) else None
    return isinstance(reasons, list) and any(isinstance(reason, dict) and reason.get("name") == "type" for reason in reasons)


def _detail(document: Any) -> str:
    if not isinstance(document, dict):
        return "."
    reasons = document.get("invalid_parameters")
    named = [str(reason.get("reason")) for reason in reasons if isinstance(reason, dict)] if isinstance(reasons, list) else []
    words = " ".join(str(part) for part in [document.get("detail") or document.get("description") or "", *named] if part)
    return f": {words[:LONGEST_DETAIL]}" if words else "."
