"""The rules of the outbox, each a test: claims, leases, fences, retries, ends."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from chat import backoff, outbox
from chat.outbox import BackendError, LeaseLostError, State, TooEarlyError
from orders.models import Order, OrderConfirmation
from tests.accounts.threads import THREADS, at_once

NOT_NOW = BackendError("Sendinblue does not answer.", code="timeout")


@pytest.fixture
def row(alice: User) -> OrderConfirmation:
    """A row that is due."""
    return Order.objects.create(customer=alice).confirmations.get()


@pytest.fixture
def claimed(row: OrderConfirmation) -> OrderConfirmation:
    """A row in a worker's hand."""
    return OrderConfirmation.claim(1)[0]


def stored(row: OrderConfirmation) -> OrderConfirmation:
    """The row as the database has it."""
    return OrderConfirmation.objects.get(pk=row.pk)


def age(row: OrderConfirmation, **fields: datetime) -> None:
    """Move the row's times, as time itself would."""
    OrderConfirmation.objects.filter(pk=row.pk).update(**fields)


def worker_dies(row: OrderConfirmation) -> None:
    """Nobody writes the row any more, and its lease ends."""
    age(row, next_attempt_at=timezone.now() - timedelta(seconds=1))


def wait_of(row: OrderConfirmation) -> float:
    """Seconds from now until the row's next attempt."""
    return (stored(row).next_attempt_at - outbox.clock()).total_seconds()


# --- Claims ------------------------------------------------------------------------------------------------------------


def test_a_poll_that_finds_nothing_only_reads(db: None) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        OrderConfirmation.claim(10)
    assert {query["sql"].split()[0] for query in asked} == {"SELECT"}


def test_a_new_row_is_due_at_once(row: OrderConfirmation) -> None:
    assert [found.pk for found in OrderConfirmation.claim(10)] == [row.pk]


def test_a_claimed_row_is_nobody_elses(claimed: OrderConfirmation) -> None:
    assert OrderConfirmation.claim(10) == []


def test_a_claim_is_stored_with_its_token(claimed: OrderConfirmation) -> None:
    assert stored(claimed).lease_token == claimed.lease_token


def test_a_claim_lasts_as_long_as_the_lease(claimed: OrderConfirmation) -> None:
    assert 40 < wait_of(claimed) <= 45


def test_a_claim_counts_as_an_attempt(claimed: OrderConfirmation) -> None:
    assert (claimed.attempts, stored(claimed).attempts) == (1, 1)


def test_a_claim_takes_no_more_than_asked_and_the_oldest_first(alice: User) -> None:
    first, second, third = [Order.objects.create(customer=alice).confirmations.get() for _number in range(3)]
    age(third, next_attempt_at=timezone.now() - timedelta(hours=1))
    assert [found.pk for found in OrderConfirmation.claim(2)] == [third.pk, first.pk]
    assert [found.pk for found in OrderConfirmation.claim(2)] == [second.pk]


def test_a_row_of_the_future_is_left_alone(row: OrderConfirmation) -> None:
    age(row, next_attempt_at=timezone.now() + timedelta(minutes=1))
    assert OrderConfirmation.claim(10) == []


@pytest.mark.parametrize("state", [State.DONE, State.FAILED, State.CANCELLED])
def test_a_row_that_ended_is_never_claimed(row: OrderConfirmation, state: str) -> None:
    OrderConfirmation.objects.update(state=state)
    assert OrderConfirmation.claim(10) == []


@THREADS
def test_eight_claimers_at_once_never_hold_the_same_row(alice: User) -> None:
    made = [Order.objects.create(customer=alice).confirmations.get().pk for _number in range(20)]
    claims = at_once(8, lambda number: [[row.pk for row in OrderConfirmation.claim(2)] for _turn in range(4)])
    assert sorted(pk for turns in claims for claim in turns for pk in claim) == made


# --- Leases ------------------------------------------------------------------------------------------------------------


def test_a_dead_workers_row_comes_back_by_itself(claimed: OrderConfirmation) -> None:
    worker_dies(claimed)
    assert [found.pk for found in OrderConfirmation.claim(10)] == [claimed.pk]


def test_a_row_that_comes_back_has_another_token(claimed: OrderConfirmation) -> None:
    worker_dies(claimed)
    assert OrderConfirmation.claim(1)[0].lease_token != claimed.lease_token


ZOMBIES: list[Callable[[OrderConfirmation], Any]] = [
    lambda row: row.stamp(mail_sent_at=timezone.now()),
    lambda row: row.finish(),
    lambda row: row.cancel("too late"),
    lambda row: row.give_back(NOT_NOW),
    lambda row: row.give_back(BackendError("Refused.", permanent=True)),
]


@pytest.mark.parametrize("write", ZOMBIES, ids=["stamp", "finish", "cancel", "give back", "fail"])
def test_a_zombies_write_changes_nothing(claimed: OrderConfirmation, write: Callable[[OrderConfirmation], Any]) -> None:
    worker_dies(claimed)
    OrderConfirmation.claim(1)
    before = OrderConfirmation.objects.values().get()
    with pytest.raises(LeaseLostError):
        write(claimed)
    assert OrderConfirmation.objects.values().get() == before


@pytest.mark.parametrize("write", ZOMBIES, ids=["stamp", "finish", "cancel", "give back", "fail"])
def test_a_row_that_was_deleted_is_a_lost_lease(claimed: OrderConfirmation, write: Callable[[OrderConfirmation], Any]) -> None:
    claimed.order.delete()
    with pytest.raises(LeaseLostError):
        write(claimed)


def test_a_row_that_nobody_claimed_cant_be_written(row: OrderConfirmation) -> None:
    with pytest.raises(LeaseLostError):
        row.finish()


def test_a_stamp_holds_the_row_for_another_lease(claimed: OrderConfirmation) -> None:
    worker_dies(claimed)
    claimed.stamp(conversation_opened_at=timezone.now())
    assert 40 < wait_of(claimed) <= 45


def test_a_renewed_lease_is_whole_again(claimed: OrderConfirmation) -> None:
    worker_dies(claimed)
    OrderConfirmation.renew([claimed])
    assert 40 < wait_of(claimed) <= 45


def test_a_row_that_somebody_else_holds_cant_be_renewed(claimed: OrderConfirmation) -> None:
    worker_dies(claimed)
    OrderConfirmation.claim(1)
    worker_dies(claimed)
    OrderConfirmation.renew([claimed])
    assert wait_of(claimed) < 0


@pytest.mark.parametrize("state", [State.DONE, State.FAILED, State.CANCELLED])
def test_a_row_that_ended_cant_be_renewed(claimed: OrderConfirmation, state: str) -> None:
    age(claimed, next_attempt_at=timezone.now() - timedelta(seconds=1))
    OrderConfirmation.objects.update(state=state)
    OrderConfirmation.renew([claimed])
    assert wait_of(claimed) < 0


def test_a_stamp_is_stored_and_on_the_row(claimed: OrderConfirmation) -> None:
    claimed.stamp(message_id="<1@provider>")
    assert (claimed.message_id, stored(claimed).message_id) == ("<1@provider>", "<1@provider>")


def test_a_row_whose_worker_always_dies_ends_as_failed_once_it_is_too_old(claimed: OrderConfirmation) -> None:
    OrderConfirmation.objects.update(attempts=3)
    age(claimed, tried_since=timezone.now() - timedelta(hours=25), next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert OrderConfirmation.claim(10) == []
    assert stored(claimed).state == State.FAILED
    assert "ended in the middle" in stored(claimed).last_error


def test_a_row_that_was_in_hand_when_the_workers_ended_for_days_is_tried_again(claimed: OrderConfirmation) -> None:
    age(claimed, tried_since=timezone.now() - timedelta(days=3), next_attempt_at=timezone.now() - timedelta(days=3))
    assert [found.pk for found in OrderConfirmation.claim(10)] == [claimed.pk]


def test_an_old_row_that_nobody_tried_yet_is_tried(row: OrderConfirmation) -> None:
    age(row, created_at=timezone.now() - timedelta(hours=25))
    assert [found.pk for found in OrderConfirmation.claim(10)] == [row.pk]


def test_a_row_that_no_worker_looked_at_for_days_has_its_whole_time_from_then_on(row: OrderConfirmation) -> None:
    age(row, created_at=timezone.now() - timedelta(days=3))
    OrderConfirmation.claim(1)[0].give_back(NOT_NOW)
    assert stored(row).state == State.WAITING


@pytest.mark.parametrize(
    "held",
    [TooEarlyError("Slow down.", retry_after=5.0), BackendError("Closed.", code="circuit_open"), BackendError("Full.", code="paced")],
)
def test_what_was_only_held_back_ends_no_row_however_old(claimed: OrderConfirmation, held: BackendError) -> None:
    claimed.tried_since = timezone.now() - timedelta(hours=25)
    claimed.give_back(held)
    assert stored(claimed).state == State.WAITING


# What a host finds due whose clock is an hour ahead. SQLite has no clock of its own; nor has it other hosts.
FOUND_FROM_THE_FUTURE = {"postgresql": 0, "sqlite": 1}


def test_a_host_whose_clock_is_ahead_takes_no_row_that_is_anothers(claimed: OrderConfirmation) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert len(OrderConfirmation.claim(1)) == FOUND_FROM_THE_FUTURE[connection.vendor]


# How long, in minutes, a row is held that is claimed or stamped by a host whose clock is an hour behind.
HELD_FROM_THE_PAST = {"postgresql": pytest.approx(0.75, abs=0.1), "sqlite": pytest.approx(-59.25, abs=0.1)}


def test_a_host_whose_clock_is_behind_holds_a_row_for_a_whole_lease(row: OrderConfirmation) -> None:
    age(row, next_attempt_at=timezone.now() - timedelta(hours=2))
    with time_machine.travel(timezone.now() - timedelta(hours=1)):
        [held] = OrderConfirmation.claim(1)
    assert wait_of(held) / 60 == HELD_FROM_THE_PAST[connection.vendor]


# --- Ends and retries --------------------------------------------------------------------------------------------------


def test_a_finished_row_is_done_and_free(claimed: OrderConfirmation) -> None:
    claimed.finish()
    ended = stored(claimed)
    assert (ended.state, ended.lease_token, ended.finished_at is not None) == (State.DONE, None, True)


def test_a_finished_row_forgets_its_errors(claimed: OrderConfirmation) -> None:
    claimed.give_back(BackendError("No answer.", code="timeout", unknown=True))
    worker_dies(claimed)
    OrderConfirmation.claim(1)[0].finish()
    ended = stored(claimed)
    assert (ended.last_error, ended.error_code, ended.is_unknown) == ("", "", False)


def test_a_cancelled_row_is_free(claimed: OrderConfirmation) -> None:
    claimed.cancel("The order was taken back.")
    assert (stored(claimed).state, stored(claimed).lease_token) == (State.CANCELLED, None)


def test_a_cancelled_row_stays_cancelled_though_its_rule_returns(claimed: OrderConfirmation) -> None:
    claimed.cancel("The order was taken back.")
    claimed.finish()
    assert (stored(claimed).state, stored(claimed).last_error) == (State.CANCELLED, "The order was taken back.")


def test_a_temporary_refusal_is_tried_again_later(claimed: OrderConfirmation) -> None:
    claimed.give_back(NOT_NOW)
    kept = stored(claimed)
    assert (kept.state, kept.lease_token, kept.last_error, kept.error_code) == (
        State.WAITING,
        None,
        "Sendinblue does not answer.",
        "timeout",
    )


def test_a_permanent_refusal_ends_as_failed_with_its_sentence(claimed: OrderConfirmation) -> None:
    claimed.give_back(BackendError("Alice has no mail address.", code="no_address", permanent=True))
    ended = stored(claimed)
    assert (ended.state, ended.last_error, ended.error_code) == (State.FAILED, "Alice has no mail address.", "no_address")
    assert ended.finished_at is not None


def test_a_row_older_than_the_maximum_age_fails_instead_of_waiting(claimed: OrderConfirmation) -> None:
    claimed.tried_since = timezone.now() - timedelta(hours=24, minutes=1)
    claimed.give_back(NOT_NOW)
    assert stored(claimed).state == State.FAILED


def test_a_row_younger_than_the_maximum_age_waits(claimed: OrderConfirmation) -> None:
    claimed.tried_since = timezone.now() - timedelta(hours=23, minutes=59)
    claimed.give_back(NOT_NOW)
    assert stored(claimed).state == State.WAITING


def test_the_provider_is_left_in_peace_as_long_as_it_asked(claimed: OrderConfirmation) -> None:
    claimed.give_back(BackendError("Too many requests.", retry_after=300.0))
    assert 295 < wait_of(claimed) <= 300


@pytest.mark.usefixtures("as_soon_as_the_product_has_it")
@pytest.mark.parametrize("asked", [0.0, -5.0, float("nan")])
def test_a_provider_cant_ask_for_less_than_the_back_off(claimed: OrderConfirmation, asked: float) -> None:
    began = outbox.clock()
    claimed.give_back(BackendError("Too many requests.", retry_after=asked))
    least = (stored(claimed).next_attempt_at - began).total_seconds()
    assert (least >= 0.2, wait_of(claimed) <= 2) == (True, True)


@pytest.mark.parametrize("asked", [10.0**9, 10.0**18, float("inf")])
def test_a_provider_cant_put_a_row_off_for_more_than_a_day(claimed: OrderConfirmation, asked: float) -> None:
    claimed.give_back(BackendError("Too many requests.", retry_after=asked))
    assert wait_of(claimed) <= 86_400


@pytest.mark.parametrize("words", ["cut \x00 off", "half \ud83d a face", "x" * 100_000])
def test_an_error_is_stored_whatever_the_provider_wrote(claimed: OrderConfirmation, words: str) -> None:
    claimed.give_back(BackendError(words, code=words))
    kept = stored(claimed)
    assert (kept.state, kept.lease_token) == (State.WAITING, None)
    assert len(kept.last_error) <= 2000


@pytest.fixture
def _both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jitter's least and most, added up."""
    monkeypatch.setattr(random, "uniform", lambda low, high: low + high)


@pytest.mark.usefixtures("_both_ends", "as_soon_as_the_product_has_it")
@pytest.mark.parametrize(
    ("attempts", "least", "most"), [(1, 0.2, 2), (2, 0.4, 4), (5, 3.2, 32), (10, 6, 60), (1000, 6, 60), (2**31, 6, 60)]
)
def test_the_back_off_of_a_young_row_doubles_up_to_a_minute(attempts: int, least: float, most: float) -> None:
    assert backoff.seconds(attempts, waited=timedelta(seconds=1)) == pytest.approx(least + most)


@pytest.mark.usefixtures("_both_ends")
@pytest.mark.parametrize(("hours", "most"), [(0.5, 180), (1, 360), (2, 720), (3, 900), (24, 900), (-5, 60)])
def test_a_row_that_waited_for_long_waits_another_tenth_of_that_at_most(hours: float, most: float) -> None:
    assert backoff.seconds(100, waited=timedelta(hours=hours)) == pytest.approx(most * 1.1)


def test_an_hours_outage_is_over_for_every_row_within_six_minutes(claimed: OrderConfirmation) -> None:
    claimed.attempts, claimed.tried_since = 50, timezone.now() - timedelta(hours=1)
    claimed.give_back(NOT_NOW)
    assert 36 <= wait_of(claimed) + 1 <= 362


def test_an_unknown_outcome_is_marked(claimed: OrderConfirmation) -> None:
    claimed.give_back(BackendError("The reply was lost.", unknown=True))
    assert stored(claimed).is_unknown


def test_an_unknown_outcome_stays_marked_through_a_known_refusal(claimed: OrderConfirmation) -> None:
    claimed.give_back(BackendError("The reply was lost.", unknown=True))
    worker_dies(claimed)
    OrderConfirmation.claim(1)[0].give_back(NOT_NOW)
    assert stored(claimed).is_unknown


def test_an_unknown_outcome_is_known_once_the_step_is_stamped(claimed: OrderConfirmation) -> None:
    claimed.give_back(BackendError("The reply was lost.", unknown=True))
    worker_dies(claimed)
    OrderConfirmation.claim(1)[0].stamp(conversation_opened_at=timezone.now())
    assert not stored(claimed).is_unknown


# --- Retry now ---------------------------------------------------------------------------------------------------------


def test_a_failed_row_can_be_retried_at_once(claimed: OrderConfirmation) -> None:
    claimed.give_back(BackendError("Refused.", permanent=True))
    assert stored(claimed).retry_now()
    assert [found.pk for found in OrderConfirmation.claim(10)] == [claimed.pk]


def test_a_waiting_row_can_be_retried_at_once(claimed: OrderConfirmation) -> None:
    claimed.give_back(BackendError("Too many requests.", retry_after=300.0))
    assert stored(claimed).retry_now()
    assert [found.pk for found in OrderConfirmation.claim(10)] == [claimed.pk]


def test_a_retried_row_has_its_whole_time_again(claimed: OrderConfirmation) -> None:
    age(claimed, tried_since=timezone.now() - timedelta(hours=25))
    stored(claimed).give_back(NOT_NOW)
    assert stored(claimed).state == State.FAILED
    stored(claimed).retry_now()
    OrderConfirmation.claim(1)[0].give_back(NOT_NOW)
    assert stored(claimed).state == State.WAITING


@pytest.mark.parametrize("state", [State.DONE, State.CANCELLED])
def test_a_row_that_ended_well_cant_be_retried(row: OrderConfirmation, state: str) -> None:
    OrderConfirmation.objects.update(state=state)
    assert not row.retry_now()


def test_a_row_in_a_workers_hand_cant_be_retried(claimed: OrderConfirmation) -> None:
    assert not claimed.retry_now()
