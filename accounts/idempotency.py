"""A write that is repeated under one `Idempotency-Key` is done once, and every repeat gets the first one's answer.

The key's row is inserted in the transaction that does the work. So whoever comes second, in whatever process, waits for the first to
commit and finds the answer, or for it to fail and does the work; and a process that is killed in the middle leaves nothing behind.
Only an answer below 400 is kept: a refusal did nothing, so the request may be mended and sent again under the same key.
https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import StoredAnswer
from accounts.storable import storable

KEPT = timedelta(days=7)
LONGEST_KEY = 255
# The path that stands for the body as a whole.
WHOLE = ""
# What is left of an answer about a person who was erased: the key alone, so that a late repeat does not make the person again.
GONE = 410
ERASED: dict[str, Any] = {"status": GONE, "body": "", "address": "", "fields": {}, "headers": {}}


@dataclass(frozen=True)
class Asked:
    """One request: whose, under which key, at which address ("POST /api/orders/"), with which fields (`digests`)."""

    caller: str
    key: str
    address: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What it is answered with; `body` is what goes over the wire."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


class ErasedError(Exception):
    """What was done under this key was about a person whose data were erased since: it is neither told nor done again."""


class ReusedError(Exception):
    """The key stands for another request. `fields`: the paths that differ; empty where it is the address."""

    def __init__(self, fields: list[str]) -> None:
        super().__init__("reused")
        self.fields = fields


def once(asked: Asked, act: Callable[[], Answer]) -> tuple[Answer, bool]:
    """The answer to the request, and whether it is a stored one. `act` does the work; what it raises undoes everything.

    Raises ReusedError and ErasedError.
    """
    # First without a transaction: with SQLite that would wait for every other writer.
    stored = StoredAnswer.objects.filter(caller=asked.caller, key=asked.key).first()
    if stored:
        return _replay(stored, asked), True
    with transaction.atomic():
        known = {"address": asked.address, "fields": asked.fields}
        row, is_new = StoredAnswer.objects.get_or_create(caller=asked.caller, key=asked.key, defaults=known)
        if not is_new:
            return _replay(row, asked), True
        answer = act()
        if answer.status >= 400:
            transaction.set_rollback(True)
        else:
            StoredAnswer.objects.filter(pk=row.pk).update(status=answer.status, body=answer.body, headers=answer.headers)
    return answer, False


def digests(body: Any) -> dict[str, str]:
    """A digest of each field of a body, by its path ("lines.0.quantity"): enough to name what differs, and nobody's data."""
    fields = {storable(path, nul="?"): _digest(value) for path, value in _leaves(body, "")}
    # Two bodies may share all their paths ({"a.b": 1} and {"a": {"b": 1}}), never their text.
    return {**fields, WHOLE: _digest(json.dumps(body, default=repr, sort_keys=True))}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def prune() -> int:
    """Forget what is older than KEPT; how many answers."""
    return StoredAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def _replay(stored: StoredAnswer, asked: Asked) -> Answer:
    if stored.status == GONE:
        raise ErasedError
    if stored.address != asked.address:
        raise ReusedError([])
    before, now = stored.fields, asked.fields
    differing = [path for path in {**before, **now} if before.get(path) != now.get(path)]
    if differing:
        raise ReusedError([path for path in differing if path != WHOLE] or [WHOLE])
    return Answer(stored.status, stored.body, stored.headers)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    if parts and value:
        for name, part in parts:
            yield from _leaves(part, f"{path}.{name}" if path else str(name))
    else:
        yield path, json.dumps(value, default=repr)
