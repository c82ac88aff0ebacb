"""A provider that was away answers again: what waited for it is due."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction

from accounts.models import User
from chat import outbox, recovery
from chat.backends import circuit
from chat.backends.circuit import FAILURES_IN_A_ROW, Circuit
from chat.coordinator import Coordinator
from chat.outbox import BackendError, State, TooEarlyError
from orders.models import Order, OrderConfirmation
from tests.accounts.threads import THREADS
from tests.chat.worker_side import at_work
from tests.running import wait_for


@pytest.fixture(autouse=True)
def _nobody_came_back() -> Iterator[None]:
    circuit.came_back()
    yield
    circuit.came_back()


@pytest.fixture
def waiting(alice: User) -> OrderConfirmation:
    """A row that failed and waits for an hour."""
    Order.objects.create(customer=alice)
    [row] = OrderConfirmation.claim(1)
    row.give_back(BackendError("Sendinblue failed.", retry_after=3600))
    return row


def come_back(name: str) -> None:
    """A circuit of this name opens, and closes with its first success."""
    door = Circuit(name)
    for _failure in range(FAILURES_IN_A_ROW):
        door.failed()
    door.succeeded()


def test_what_waited_for_it_is_due(waiting: OrderConfirmation) -> None:
    come_back("Sendinblue")
    assert (recovery.wake_what_waited(), [row.pk for row in OrderConfirmation.claim(1)]) == (1, [waiting.pk])


@THREADS
def test_a_worker_looks_for_it(waiting: OrderConfirmation) -> None:
    come_back("Sendinblue")
    with at_work(Coordinator(threads=4)):
        wait_for(lambda: OrderConfirmation.objects.filter(pk=waiting.pk, state=State.DONE).exists(), "what waited")


def test_what_waits_for_its_turn_keeps_its_place(alice: User) -> None:
    Order.objects.create(customer=alice)
    [row] = OrderConfirmation.claim(1)
    row.give_back(TooEarlyError("It takes no more at a time.", code="paced", retry_after=20))
    come_back("Sendinblue")
    assert (recovery.wake_what_waited(), OrderConfirmation.claim(1)) == (0, [])


def test_it_is_made_due_once(waiting: OrderConfirmation) -> None:
    come_back("Sendinblue")
    assert [recovery.wake_what_waited(), recovery.wake_what_waited()] == [1, 0]


def test_what_waits_for_another_provider_goes_on_waiting(waiting: OrderConfirmation) -> None:
    come_back("Vonage")
    assert (recovery.wake_what_waited(), OrderConfirmation.claim(1)) == (0, [])


def test_another_door_of_the_same_provider_opens_with_it() -> None:
    other = Circuit("Sendinblue")
    for _failure in range(FAILURES_IN_A_ROW):
        other.failed()
    come_back("Sendinblue")
    assert not other.is_open


def test_a_success_after_a_few_failures_wakes_nobody(waiting: OrderConfirmation) -> None:
    door = Circuit("Sendinblue")
    door.failed()
    door.succeeded()
    assert recovery.wake_what_waited() == 0


def test_a_row_in_hand_stays_in_hand(alice: User) -> None:
    Order.objects.create(customer=alice)
    [row] = OrderConfirmation.claim(1)
    come_back("Sendinblue")
    recovery.wake_what_waited()
    assert OrderConfirmation.objects.get(pk=row.pk).next_attempt_at > outbox.clock() + timedelta(seconds=30)


def test_a_row_that_came_too_early_does_not_pay_for_its_age(alice: User) -> None:
    Order.objects.create(customer=alice)
    OrderConfirmation.objects.update(tried_since=outbox.clock() - timedelta(hours=5), attempts=40)
    [row] = OrderConfirmation.claim(1)
    row.give_back(TooEarlyError("Slow down.", retry_after=0.5))
    assert OrderConfirmation.objects.get(pk=row.pk).next_attempt_at <= outbox.clock() + timedelta(seconds=1)


def test_what_the_database_did_not_take_at_once_is_woken_the_next_time(waiting: OrderConfirmation) -> None:
    def fail(*_arguments: object) -> None:
        raise OperationalError("the database is away")

    come_back("Sendinblue")
    with connection.execute_wrapper(fail), pytest.raises(OperationalError), transaction.atomic():
        recovery.wake_what_waited()
    assert recovery.wake_what_waited() == 1
