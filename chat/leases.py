"""Whose a claimed row is: a lease's token names this process, and the lease says for how long."""

import secrets
import uuid
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)

# Names this process in the tokens of its leases.
WORKER = secrets.randbits(48)


def lease() -> timedelta:
    """How long a claimed row is ours."""
    return timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)


def new_token() -> uuid.UUID:
    """A new lease's token. Its last 48 bits (`node`) name this process, for `chat/alive.py`; the others are random."""
    return uuid.UUID(int=(uuid.uuid4().int >> 48 << 48) | WORKER)


def is_own(token: uuid.UUID | None) -> bool:
    """Whether a row with this token was claimed by this process."""
    return token is not None and token.node == WORKER


def in_force(model: type[Row], now: datetime) -> "QuerySet[Row]":
    """The rows of one kind that somebody works on. In no order: to have them by key, SQLite would go through the whole table."""
    return model._base_manager.filter(state="waiting", lease_token__isnull=False, next_attempt_at__gt=now).order_by()
