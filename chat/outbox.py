"""The outbox: whatever must leave the house is a row, and this is the one mechanism that works on rows.

A row is written in the transaction that causes it. The coordinator (`chat/coordinator.py`, one thread a process) claims due rows
under a lease and drives each one's work: a generator that touches the database freely and *yields* every call to the outside.
Yielded calls run on pool threads and their result, or error, comes back into the generator. So a rule reads top to bottom like a
plain function, and by construction all HTTP happens in pool threads and all database writes in the coordinator. Rows that are ready
at the same moment share a commit (`chat/tasks.py`); no call leaves before the commit of everything that its row did before it.

There is no "running" state to be stuck in: a claim only moves `next_attempt_at` to the end of the lease, so a dead worker's row
comes due by itself; a living one renews the leases of what it has under way. Every write of a claimed row is fenced by its lease
token: a late zombie changes nothing.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self, TypeVar

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_guid import get_guid

from accounts.storable import storable
from chat import backoff, leases, sentences, statements
from chat.leases import lease
from chat.wakes import wake

LONGEST_ERROR = 2000
# Attempts after which a row that comes back from dead workers only is suspected of killing them.
TIME_AND_AGAIN = 3


class BackendError(Exception):
    """What a provider refused, in a sentence.

    `permanent`: trying again can't help. `unknown`: the work may have been done, so ask before repeating it.
    `retry_after`: seconds the provider asked us to wait. `code`: the provider's own word for it.
    """

    def __init__(
        self, message: str, *, code: str = "", permanent: bool = False, unknown: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent
        self.unknown = unknown
        self.retry_after = retry_after


class TooEarlyError(BackendError):
    """Nothing is wrong but the moment (429, or our own pace): the row waits as long as it was told, whatever its age."""


class LeaseLostError(Exception):
    """Somebody else holds this row by now; whatever we were about to write is theirs to decide."""


@dataclass(frozen=True)
class Call:
    """One call to the outside. A `local` call (the embedded side) stays in the coordinator: it writes to our own database.
    `provider`: whose, for the metrics.
    """

    function: Callable[[], Any]
    local: bool = False
    provider: str = "none"


Work = Generator[Call, Any, None]


class State(models.TextChoices):
    """Every row ends: in `done`, in `cancelled`, or in `failed`, where a person sees it."""

    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


def current_correlation_id() -> str:
    """The id of the request (or of the row) that causes this row; empty outside of both."""
    return get_guid() or ""


class OutboxRow(models.Model):
    """Something that must leave the house, and how far it got. Times are UTC, by the database's clock where it has one.

    `providers`: the circuits of its calls (`chat/backends/circuit.py`). `MOST_AT_ONCE`: how many threads of a worker such rows may hold.
    """

    providers: ClassVar[tuple[str, ...]] = ()
    MOST_AT_ONCE: ClassVar[int | None] = None

    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING, editable=False)
    attempts = models.PositiveIntegerField(_("attempts"), default=0, editable=False)
    next_attempt_at = models.DateTimeField(_("next attempt"), db_default=Now(), editable=False)
    lease_token = models.UUIDField(null=True, editable=False)
    is_unknown = models.BooleanField(_("outcome unknown"), default=False, editable=False)
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    error_code = models.CharField(_("error code"), max_length=100, blank=True, editable=False)
    correlation_id = models.CharField(_("correlation id"), max_length=36, blank=True, default=current_correlation_id, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    # From its first claim on it has the maximum age, and not from when it was made: no worker may have been there for days.
    tried_since = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta:
        abstract = True
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=models.Q(state="waiting"), name="%(app_label)s_%(class)s_due"),
            # Of its own, because for SQLite a claim's "waiting" does not follow from "waiting or failed".
            models.Index(fields=["id"], condition=models.Q(state="failed"), name="%(app_label)s_%(class)s_fail"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Wake the worker of this process once a new row is committed."""
        is_new = self._state.adding
        super().save(*args, **kwargs)
        if is_new:
            transaction.on_commit(wake)

    def stamp(self, **fields: Any) -> None:
        """Commit a finished step, and hold the row for another lease. Raises LeaseLostError where it is no longer ours."""
        self._write(next_attempt_at=clock() + lease(), is_unknown=False, **fields)

    @classmethod
    def stamp_together(cls, rows: "Sequence[Self]", **fields: Any) -> None:
        """Stamp several rows of this process in one statement. Raises LeaseLostError, and stamps none, where one is no longer ours."""
        if not rows:
            return
        fields |= {"next_attempt_at": clock() + lease(), "is_unknown": False}
        with transaction.atomic():
            if cls.held(rows).update(**fields) != len(rows):
                raise LeaseLostError(f"one of {len(rows)} {cls._meta.label}")
        for row in rows:
            row._set(fields)

    def finish(self, **fields: Any) -> None:
        """Nothing is left to do; `fields` are what the last step brought. A row that has ended already stays as it is."""
        if self.state in {State.CANCELLED, State.DONE}:
            return
        self._write(state=State.DONE, finished_at=clock(), lease_token=None, last_error="", error_code="", is_unknown=False, **fields)

    def error_in_words(self) -> str:
        """What went wrong last, in the active language."""
        return sentences.in_words(self.last_error)

    def cancel(self, reason: str) -> None:
        """Nothing is to be done any more. The rule returns right after this."""
        self._write(state=State.CANCELLED, finished_at=clock(), lease_token=None, last_error=reason, is_unknown=False)

    def give_back(self, error: BackendError) -> None:
        """Try again later, or, after a permanent refusal or too long a time, stop where a person sees it."""
        now = clock()
        told: dict[str, Any] = {"is_unknown": error.unknown or self.is_unknown}
        if error.code not in backoff.HELD_BACK or self.error_code in {"", *backoff.NOT_TRIED}:
            told |= {"last_error": storable(str(error))[:LONGEST_ERROR], "error_code": storable(error.code)[:100]}
        is_turn, is_tried = isinstance(error, TooEarlyError), error.code not in backoff.NOT_TRIED
        if error.permanent or (self._is_too_old(now) and is_tried and not is_turn):
            self._write(state=State.FAILED, finished_at=now, lease_token=None, **told)
            return
        if not is_tried:
            told["attempts"] = max(0, self.attempts - 1)
        waited = now - (self.tried_since or now)
        delay = backoff.delay(self.attempts, waited=waited, retry_after=error.retry_after, code=error.code, is_turn=is_turn)
        self._write(next_attempt_at=now + delay, lease_token=None, **told)

    def retry_now(self) -> bool:
        """Make a failed or waiting row due at once; False where it is done, cancelled or being worked on."""
        free = type(self)._base_manager.filter(pk=self.pk, state__in=[State.FAILED, State.WAITING])
        changed = free.filter(lease_token=None).update(**self.afresh())
        if changed:
            transaction.on_commit(wake)
        return bool(changed)

    @staticmethod
    def afresh() -> dict[str, Any]:
        """What a row has that is due at once and has its whole time before it."""
        return {"state": State.WAITING, "next_attempt_at": clock(), "tried_since": None, "finished_at": None}

    def _is_too_old(self, now: datetime) -> bool:
        return self.tried_since is not None and now - self.tried_since > timedelta(hours=settings.OUTBOX_MAX_AGE_HOURS)

    def _write(self, **fields: Any) -> None:
        ours = {"id": self.pk, "lease_token": self.lease_token, "state": State.WAITING}
        if self.lease_token is None or not statements.change(type(self), fields, ours):
            raise LeaseLostError(f"{self._meta.label} {self.pk}")
        self._set(fields)

    def _set(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            setattr(self, name, value)

    @classmethod
    def held(cls, rows: "Iterable[Self]") -> "models.QuerySet[Self]":
        """Those of the rows that are still ours."""
        tokens = {row.pk: row.lease_token for row in rows}
        return cls._base_manager.filter(pk__in=tokens, lease_token__in=set(tokens.values()), state=State.WAITING)

    @classmethod
    def renew(cls, rows: "Iterable[Self]") -> None:
        """Hold rows whose calls are still under way for another lease; one that is not ours any more stays as it is."""
        cls.held(rows).update(next_attempt_at=clock() + lease())

    @classmethod
    def due(cls, now: datetime) -> "models.QuerySet[Self]":
        """What may be claimed now; a kind of row that has a rule of its own says it here."""
        return cls._base_manager.filter(state=State.WAITING, next_attempt_at__lte=now)

    @classmethod
    def earlier_waiting(cls, same: str) -> "models.QuerySet[Self]":
        """For a `due` that keeps an order: those before the row in question that wait too and have the same in the field of that name."""
        return cls._base_manager.filter(state=State.WAITING, pk__lt=models.OuterRef("pk"), **{same: models.OuterRef(same)})

    @classmethod
    def in_hand(cls, now: datetime) -> "list[Self]":
        """This worker's rows under way. Others have threads of their own, and a dead one's leases would leave nobody any."""
        return [row for row in leases.in_force(cls, now) if leases.is_own(row.lease_token)]

    @classmethod
    def claim(cls, limit: int) -> list[Self]:
        """Take up to `limit` due rows under one new lease, oldest first. A poll that finds nothing takes no lock at all.

        A row that comes back from dead workers for longer than the maximum age ends in `failed`: it may be what kills them.
        """
        now = clock()
        # Not by key besides: after an outage many are due since one moment, and PostgreSQL would sort them all for each claim.
        due, most = cls.due(now).order_by("next_attempt_at"), cls.MOST_AT_ONCE
        if not due.exists() or (free := limit if most is None else min(limit, most - len(cls.in_hand(now)))) <= 0:
            return []
        token, until = leases.new_token(), now + lease()
        with transaction.atomic():
            locked = due.select_for_update(skip_locked=True, of=("self",), no_key=True)[:free]
            rows: list[Self] = sorted(locked, key=lambda row: (row.next_attempt_at, row.pk))
            taken = cls._base_manager.filter(pk__in=[row.pk for row in rows])
            began = Coalesce("tried_since", models.Value(now))
            taken.update(lease_token=token, next_attempt_at=until, attempts=models.F("attempts") + 1, tried_since=began)
        fatal = [row for row in rows if row.lease_token and row.attempts >= TIME_AND_AGAIN and row._is_too_old(now)]
        for row in rows:
            row.lease_token, row.next_attempt_at, row.attempts, row.tried_since = token, until, row.attempts + 1, row.tried_since or now
        for row in fatal:
            row.give_back(BackendError("The worker ended in the middle of this, time and again.", code="worker_died", unknown=True))
        return [row for row in rows if row not in fatal]


Row = TypeVar("Row", bound=OutboxRow)
_rules: dict[type[OutboxRow], Callable[[Any], Work]] = {}
_together: dict[Callable[[Any], Work], Callable[[list[Any]], list[Work]]] = {}


def works_on(model: type[Row]) -> Callable[[Callable[[Row], Work]], Callable[[Row], Work]]:
    """Make a function the rule that works on the rows of `model`."""

    def register(rule: Callable[[Row], Work]) -> Callable[[Row], Work]:
        _rules[model] = rule
        return rule

    return register


def works_on_many(model: type[Row]) -> Callable[[Callable[[list[Row]], list[Work]]], Callable[[list[Row]], list[Work]]]:
    """As `works_on`, for a rule that begins with many rows at once, in few statements, and answers a generator for each, in their order.

    It runs in one transaction. Where it raises, nothing of it is kept, and each row is begun by itself: a bad one harms no other.
    """

    def register(begin: Callable[[list[Row]], list[Work]]) -> Callable[[list[Row]], list[Work]]:
        def alone(row: Row) -> Work:
            [work] = begin([row])
            yield from work

        _rules[model] = alone
        _together[alone] = begin
        return begin

    return register


def together(rule: Callable[[Any], Work]) -> Callable[[list[Any]], list[Work]] | None:
    """How a rule begins with many rows at once; None where it takes them one by one."""
    return _together.get(rule)


def rules() -> dict[type[OutboxRow], Callable[[Any], Work]]:
    """Each kind of row and the rule that works on it."""
    return dict(_rules)


def clock() -> datetime:
    """Now, by the database's clock where several hosts share it (PostgreSQL), else by ours."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now
