"""Many rows in one transaction: none harms another, and nothing leaves before it is committed."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from accounts.models import User
from chat import leases, outbox, tasks
from chat.coordinator import drain
from chat.models import Conversation, Event
from chat.outbox import BackendError, Call, LeaseLostError, State, Work
from orders.mail_models import StoredMail
from orders.models import Order, OrderConfirmation
from tests.accounts.threads import THREADS, at_once

Rule = Callable[[OrderConfirmation], Work]


@pytest.fixture
def rule(monkeypatch: pytest.MonkeyPatch) -> Callable[[Rule], None]:
    """Put a rule of the test's own in the place of the confirmations'."""
    return lambda own: monkeypatch.setattr(outbox, "_rules", {OrderConfirmation: own})


@pytest.fixture
def pair(alice: User) -> list[OrderConfirmation]:
    """Two rows in a worker's hand."""
    for _number in range(2):
        Order.objects.create(customer=alice)
    return OrderConfirmation.claim(2)


def ids() -> list[str]:
    """What the rows' rules stamped, as stored."""
    return list(OrderConfirmation.objects.order_by("pk").values_list("message_id", flat=True))


def first_only(odd: Callable[[OrderConfirmation], None], row: OrderConfirmation) -> Work:
    """Stamp; the first of the two then does something odd; call."""
    row.stamp(message_id="stamped")
    if row.order_id == Order.objects.order_by("pk").first().pk:  # type: ignore[union-attr]
        odd(row)
    yield Call(lambda: None)


def break_a_constraint(row: OrderConfirmation) -> None:
    """The database refuses it; on PostgreSQL nothing more can be done in this transaction."""
    OrderConfirmation.objects.create(order=row.order, version=row.version)


def swallow_a_broken_transaction(row: OrderConfirmation) -> None:
    """As after an error of the database that a rule caught in an atomic block without a savepoint."""
    transaction.set_rollback(True)


@pytest.mark.parametrize("odd", [break_a_constraint, swallow_a_broken_transaction])
def test_what_the_database_refuses_of_one_row_is_undone_for_that_row_alone(
    pair: list[OrderConfirmation], rule: Callable[[Rule], None], odd: Callable[[OrderConfirmation], None]
) -> None:
    rule(partial(first_only, odd))
    calls = tasks.advance([], pair)
    assert ([task.row.pk for task, _call in calls], ids()) == ([pair[1].pk], ["", "stamped"])


def point_to_nothing(row: OrderConfirmation) -> None:
    """The database notices at the commit, unless it is told to look at once."""
    Conversation.objects.create(customer_id=-1)


def test_a_row_that_points_to_nothing_harms_no_other(pair: list[OrderConfirmation], rule: Callable[[Rule], None]) -> None:
    if connection.vendor == "sqlite":
        # It looks at the commit only; but nobody else writes between our look and our commit.
        assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
        return
    rule(partial(first_only, point_to_nothing))
    calls = tasks.advance([], pair)
    assert ([task.row.pk for task, _call in calls], ids()) == ([pair[1].pk], ["", "stamped"])


def test_a_fault_of_one_rule_stops_no_other_row(pair: list[OrderConfirmation], rule: Callable[[Rule], None]) -> None:
    rule(partial(first_only, lambda row: [][0]))
    calls = tasks.advance([], pair)
    assert [task.row.pk for task, _call in calls] == [pair[1].pk]
    assert list(OrderConfirmation.objects.order_by("pk").values_list("error_code", flat=True)) == ["internal", ""]


@pytest.mark.django_db(transaction=True)
def test_without_the_commit_no_call_is_made(
    pair: list[OrderConfirmation], rule: Callable[[Rule], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OperationalError("database or disk is full")

    rule(partial(first_only, lambda row: None))
    with monkeypatch.context() as patch:
        patch.setattr(connection, "_commit", fail)
        with pytest.raises(OperationalError):
            tasks.advance([], pair)
    assert ids() == ["", ""]


@THREADS
def test_what_a_row_did_before_its_call_is_stored_when_the_call_is_made(
    pair: list[OrderConfirmation], rule: Callable[[Rule], None]
) -> None:
    rule(partial(first_only, lambda row: None))
    [_first, (_task, call)] = tasks.advance([], pair)
    [seen] = at_once(1, lambda number: (call.function(), ids())[1])
    assert seen == ["stamped", "stamped"]


@THREADS
def test_a_call_of_the_embedded_side_is_kept_together_with_the_stamp_of_its_result(
    pair: list[OrderConfirmation], rule: Callable[[Rule], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def own(row: OrderConfirmation) -> Work:
        yield Call(lambda: StoredMail.objects.create(idempotency_key=row.pk), local=True)
        row.stamp(message_id="stamped")
        raise SystemExit

    rule(own)
    OrderConfirmation.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(SystemExit):
        drain()
    assert (StoredMail.objects.count(), ids()) == (0, ["", ""])


# --- Beginning together ------------------------------------------------------------------------------------------------


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[list[OrderConfirmation]], list[Work]]], None]:
    """Put a rule of the test's own that begins with many rows at once in the place of the confirmations'."""
    monkeypatch.setattr(outbox, "_rules", {})
    return lambda own: outbox.works_on_many(OrderConfirmation)(own) and None


def test_rows_that_begin_together_keep_their_own_work(pair: list[OrderConfirmation], begin: Callable[[Any], None]) -> None:
    def work(row: OrderConfirmation) -> Work:
        yield Call(lambda: row.pk)

    begin(lambda rows: [work(row) for row in rows])
    calls = tasks.advance([], pair)
    assert [(task.row.pk, call.function()) for task, call in calls] == [(row.pk, row.pk) for row in pair]


def test_where_rows_cant_begin_together_each_begins_by_itself(pair: list[OrderConfirmation], begin: Callable[[Any], None]) -> None:
    def work(row: OrderConfirmation) -> Work:
        yield Call(lambda: None)

    def own(rows: list[OrderConfirmation]) -> list[Work]:
        OrderConfirmation.stamp_together(rows, message_id="stamped")
        if pair[0] in rows:
            raise ValueError("a bad row")
        return [work(row) for row in rows]

    begin(own)
    calls = tasks.advance([], pair)
    stored = OrderConfirmation.objects.order_by("pk").values_list("error_code", flat=True)
    assert ([task.row.pk for task, _call in calls], list(stored), ids()[1]) == ([pair[1].pk], ["internal", ""], "stamped")


def test_rows_that_begin_by_themselves_remember_nothing_that_was_undone(
    pair: list[OrderConfirmation], begin: Callable[[Any], None]
) -> None:
    remembered = []

    def own(rows: list[OrderConfirmation]) -> list[Work]:
        remembered.append([row.message_id for row in rows])
        OrderConfirmation.stamp_together(rows, message_id="stamped")
        if len(rows) > 1:
            raise ValueError("not these two")
        return [iter(()) for _row in rows]  # type: ignore[misc]

    begin(own)
    tasks.advance([], pair)
    assert remembered == [["", ""], [""], [""]]


def test_what_this_thread_does_next_is_not_put_down_to_a_row(pair: list[OrderConfirmation], rule: Callable[[Rule], None]) -> None:
    def own(row: OrderConfirmation) -> Work:
        yield Call(lambda: None)

    rule(own)
    OrderConfirmation.objects.update(correlation_id="a" * 32)
    tasks.advance([], OrderConfirmation.objects.order_by("pk"))
    assert outbox.current_correlation_id() == ""


def test_a_stamp_of_many_is_stored_and_on_the_rows(pair: list[OrderConfirmation]) -> None:
    OrderConfirmation.stamp_together(pair, message_id="stamped")
    assert ([row.message_id for row in pair], ids()) == (["stamped"] * 2, ["stamped"] * 2)


def test_a_stamp_of_many_holds_them_for_another_lease(pair: list[OrderConfirmation]) -> None:
    OrderConfirmation.objects.update(next_attempt_at=timezone.now())
    OrderConfirmation.stamp_together(pair, message_id="stamped")
    assert OrderConfirmation.objects.filter(next_attempt_at__gt=outbox.clock() + timedelta(seconds=40)).count() == 2


def test_a_stamp_of_many_stamps_none_where_one_lease_is_lost(pair: list[OrderConfirmation]) -> None:
    OrderConfirmation.objects.filter(pk=pair[0].pk).update(lease_token=None)
    with pytest.raises(LeaseLostError):
        OrderConfirmation.stamp_together(pair, message_id="stamped")
    assert ([row.message_id for row in pair], ids()) == (["", ""], ["", ""])


def test_a_row_whose_lease_was_lost_before_the_beginning_is_left_to_its_new_holder(alice: User, bob: User) -> None:
    for customer in (alice, bob):
        Order.objects.create(customer=customer)
    rows = OrderConfirmation.claim(2)
    OrderConfirmation.objects.filter(pk=rows[0].pk).update(lease_token=leases.new_token())
    calls = tasks.advance([], rows)
    told = Event.objects.filter(type="custom:order-confirm-event").values_list("conversation__customer__username", flat=True)
    assert ([task.row.pk for task, _call in calls], list(told)) == ([rows[1].pk], ["bob"])


# --- Attempts that were none -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["circuit_open", "paced", "waits_for_reply"])
def test_an_attempt_that_asked_nobody_counts_for_nothing(pair: list[OrderConfirmation], code: str) -> None:
    pair[0].give_back(BackendError("It waits its turn.", code=code, retry_after=3))
    assert list(OrderConfirmation.objects.order_by("pk").values_list("attempts", "state")) == [(0, State.WAITING), (1, State.WAITING)]


@pytest.mark.parametrize("code", ["circuit_open", "paced"])
def test_a_row_that_was_held_back_still_says_what_its_provider_said(pair: list[OrderConfirmation], code: str) -> None:
    pair[0].give_back(BackendError("No credits left.", code="not_enough_credits"))
    OrderConfirmation.objects.filter(pk=pair[0].pk).update(next_attempt_at=timezone.now())
    [row] = OrderConfirmation.claim(1)
    row.give_back(BackendError("It waits its turn.", code=code, retry_after=3))
    row.refresh_from_db()
    assert (row.last_error, row.error_code) == ("No credits left.", "not_enough_credits")


def test_a_row_that_was_only_ever_held_back_says_why_it_was_last(pair: list[OrderConfirmation]) -> None:
    pair[0].give_back(BackendError("It waits its turn.", code="paced"))
    OrderConfirmation.objects.filter(pk=pair[0].pk).update(next_attempt_at=timezone.now())
    [row] = OrderConfirmation.claim(1)
    row.give_back(BackendError("It does not answer well.", code="circuit_open"))
    row.refresh_from_db()
    assert (row.last_error, row.error_code) == ("It does not answer well.", "circuit_open")
