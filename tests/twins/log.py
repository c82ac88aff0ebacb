"""What was asked and answered: the twins' request log."""

import re
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.twins.http import Request

MAXIMUM_ENTRIES = 50_000
MAXIMUM_BODY_CHARACTERS = 20_000
SECRET_HEADERS = {"authorization", "api-key", "partner-key"}
# Secrets that providers take in a query or a form.
SECRET_PARAMETERS = re.compile(r"\b(api_secret|token|sig)=([^&\s]{0,8})[^&\s]*")


@dataclass(slots=True)
class Entry:
    """One request. `status` 0 = no answer was sent. `worked` = the provider's work was done, whatever the client saw."""

    number: int
    at: float
    connection: int
    method: str
    path: str
    operation: str
    headers: dict[str, str]
    body: str
    status: int = 0
    worked: bool = False
    fault: str = ""
    milliseconds: float = 0.0
    answer: str = field(default="")


class RequestLog:
    """The newest requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=MAXIMUM_ENTRIES)
        self._number = 0

    def add(self, request: Request, operation: str) -> Entry:
        self._number += 1
        headers = {name: shortened(value) if name in SECRET_HEADERS else value for name, value in request.headers.items()}
        body = without_secrets(request.body[:MAXIMUM_BODY_CHARACTERS].decode("utf-8", "replace"))
        entry = Entry(
            self._number, time.time(), request.connection, request.method, without_secrets(request.target), operation, headers, body
        )
        self._entries.append(entry)
        return entry

    def entries(self, operation: str = "", *, after: int = 0) -> list[Entry]:
        """Those of one operation (or all), with a number above `after`."""
        return [entry for entry in list(self._entries) if entry.number > after and operation in ("", entry.operation)]

    def counts(self) -> dict[str, int]:
        return dict(Counter(entry.operation for entry in list(self._entries)))

    def as_json(self, operation: str = "", *, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self.entries(operation, after=after)[:limit]]

    def clear(self) -> None:
        self._entries.clear()


def shortened(secret: str) -> str:
    return secret if len(secret) <= 16 else f"{secret[:16]}…"


def without_secrets(text: str) -> str:
    return SECRET_PARAMETERS.sub(r"\1=\2…", text)
