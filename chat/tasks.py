"""Rows in hand: each one's rule driven from one outside call to the next, and many of them in one transaction.

A commit costs a wait for the disk, so rows that are ready at the same moment share one. Each goes on in a savepoint of its own: what the
database refuses of one row is undone for that row alone. And no call leaves before the commit of everything that its row did before it,
nor is a call's result seen by anything but the transaction that stamps it.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django_guid import set_guid

from chat import metrics, outbox
from chat.outbox import BackendError, Call, LeaseLostError, OutboxRow, Work
from chat.sentences import said

logger = logging.getLogger(__name__)

# What a call came to: answers its result, or raises its error.
Outcome = Callable[[], Any]


class UnkeptError(DatabaseError):
    """What was written will not be committed, although nothing was raised."""


class Task:
    """One claimed row and its half-way rule."""

    def __init__(self, row: OutboxRow, work: Work) -> None:
        self.row = row
        self._work = work

    def advance(self, outcome: Outcome) -> Call | None:
        """Go on with a call's outcome, up to the next call; None once the row came to an end of its attempt. Runs in a savepoint."""
        set_guid(self.row.correlation_id)
        # Of a call that was made, what came of it is forgotten with the step.
        is_unknown = self.row.is_unknown or outcome is not _nothing
        try:
            with transaction.atomic():
                call = self._advance(outcome)
                _check_is_kept()
                return call
        except DatabaseError as error:
            logger.exception("%s stopped: the database failed", self)
            sentence = said("The database refused a step: %(kind)s. We keep trying.", kind=type(error).__name__)
            self._give_back(BackendError(sentence, code="database", unknown=is_unknown))
            return None

    def _give_back(self, error: BackendError) -> None:
        try:
            with transaction.atomic():
                self._close(error)
        except DatabaseError:
            logger.warning("%s comes back with its lease", self)

    def _advance(self, outcome: Outcome) -> Call | None:
        try:
            call = self._send(outcome)
            if not isinstance(call, Call):
                raise TypeError(f"a rule yields calls, and not {type(call).__name__}")
            return call
        except StopIteration:
            self._close(None)
        except BackendError as refused:
            self._close(refused)
        except LeaseLostError:
            logger.warning("%s lost its lease; its new holder decides", self)
        except DatabaseError:
            raise
        except Exception as bug:
            logger.exception("%s met a fault of ours", self)
            self._close(BackendError(said("A fault of ours: %(kind)s. We keep trying.", kind=type(bug).__name__), code="internal"))
        return None

    def _send(self, outcome: Outcome) -> Any:
        try:
            result = outcome()
        except Exception as error:
            return self._work.throw(error)
        return self._work.send(result)

    def _close(self, error: BackendError | None) -> None:
        try:
            if error is None:
                self.row.finish()
            else:
                self.row.give_back(error)
        except LeaseLostError:
            logger.warning("%s could not be closed: it lost its lease", self)
            return
        outcome = (error.code or "error") if error else "done"
        metrics.ATTEMPTS.labels(self.row._meta.model_name, outcome).inc()
        logger.info("%s: attempt %d ended with %s", self, self.row.attempts, outcome)

    def __str__(self) -> str:
        return f"{self.row._meta.model_name} {self.row.pk}"


# A task, and that with which it goes on.
Ready = tuple[Task, Outcome]


def advance(ready: Sequence[Ready], rows: Sequence[OutboxRow] = ()) -> list[tuple[Task, Call]]:
    """Go on with each row, and begin with those just claimed, in one transaction; the calls that may be made now that it is committed.

    Raises what the database raises where nothing of it was committed: then all these rows come back with their leases.
    """
    caused_by = outbox.current_correlation_id()
    with transaction.atomic():
        _check_keys_at_once()
        # By kind and number, as whoever else locks several rows does: two who go the same way never wait for each other in a circle.
        in_order = sorted(ready, key=lambda each: (str(each[0].row._meta.model_name), each[0].row.pk))
        calls = [(task, task.advance(outcome)) for task, outcome in [*in_order, *((task, _nothing) for task in _begin(rows))]]
        _check_is_kept()
    # What this thread does next has nothing to do with the last of these rows.
    set_guid(caused_by)
    return [(task, call) for task, call in calls if call is not None]


def _begin(rows: Sequence[OutboxRow]) -> list[Task]:
    """A task for each row; those of one kind begin together, where their rule can."""
    tasks = []
    for model, rule in outbox.rules().items():
        own = [row for row in rows if type(row) is model]
        begin = outbox.together(rule)
        together = _together(begin, own) if begin and own else [Task(row, _deferred(rule, row)) for row in own]
        if together is None:
            # They remember what was just undone; each begins with what is stored of it, where it is still ours.
            together = [Task(row, _deferred(rule, row)) for row in model.held(own).order_by("pk")]
        tasks += together
    return tasks


def _together(begin: Callable[[list[Any]], list[Work]], rows: list[OutboxRow]) -> list[Task] | None:
    try:
        with transaction.atomic():
            works = begin(rows)
            _check_is_kept()
            return [Task(row, work) for row, work in zip(rows, works, strict=True)]
    except Exception as error:
        logger.warning("%d rows can't begin together (%s); each begins by itself", len(rows), type(error).__name__)
        return None


def _deferred(rule: Callable[[Any], Work], row: OutboxRow) -> Work:
    # Nothing of the rule runs before `Task.advance`, which catches what it raises, even of a rule that is no generator.
    yield from rule(row)


def _check_keys_at_once() -> None:
    """Let PostgreSQL look at foreign keys with each statement, where it fails one row's savepoint, and not at the commit of all."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _check_is_kept() -> None:
    """A rule that swallowed the database's error leaves a transaction that ends in a rollback, silently."""
    if transaction.get_rollback():
        raise UnkeptError("the transaction is broken")


def _nothing() -> None:
    """The outcome with which a rule begins."""


def make(call: Call) -> Any:
    """Make the call, and note how long it took and how it ended."""
    began, outcome = time.perf_counter(), "ok"
    try:
        return call.function()
    except BackendError as refused:
        outcome = "unknown" if refused.unknown else "permanent" if refused.permanent else "temporary"
        raise
    except Exception:
        outcome = "fault"
        raise
    finally:
        metrics.PROVIDER_SECONDS.labels(call.provider, outcome).observe(time.perf_counter() - began)
