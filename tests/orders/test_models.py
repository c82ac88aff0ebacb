"""What an order promises of itself, and what the database refuses whoever writes it."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from accounts.models import User
from orders.models import MOVES, Order, OrderConfirmation, OrderLine, Status
from tests.accounts.threads import THREADS, at_once

Place = Callable[..., Order]


def test_numbers_begin_at_1001(alice: User) -> None:
    assert Order.objects.create(customer=alice).number >= 1001


def test_a_placed_order_notes_when(alice: User) -> None:
    assert Order.objects.create(customer=alice).placed_at is not None


def test_a_draft_notes_no_time(alice: User) -> None:
    assert Order.objects.create(customer=alice, status=Status.DRAFT).placed_at is None


def test_a_draft_that_was_cancelled_was_never_placed(alice: User) -> None:
    order = Order.objects.create(customer=alice, status=Status.DRAFT)
    for status in (Status.CANCELLED, Status.REFUNDED):
        order.status = status
        order.save()
    assert Order.objects.get().placed_at is None


def test_a_draft_that_is_placed_notes_when_whatever_fields_are_saved(alice: User) -> None:
    order = Order.objects.create(customer=alice, status=Status.DRAFT)
    order.status = Status.PLACED
    order.save(update_fields=["status"])
    order.refresh_from_db()
    assert order.placed_at is not None


def test_the_time_of_placing_stays(alice: User) -> None:
    then = timezone.now() - timedelta(days=1)
    order = Order.objects.create(customer=alice, placed_at=then)
    order.status = Status.SHIPPED
    order.save()
    order.refresh_from_db()
    assert order.placed_at == then


def test_the_total_is_the_sum_of_the_lines(alice: User, place: Place) -> None:
    assert place(alice, lines=(("A", 3, "0.10"), ("B", 1, "0.20"))).total == Decimal("0.50")


def test_an_order_without_lines_costs_nothing(alice: User) -> None:
    assert str(Order.objects.create(customer=alice).total) == "0.00"


def test_the_largest_line_adds_up(alice: User, place: Place) -> None:
    order = place(alice, lines=(("A", 2_147_483_647, "9999999999.99"),) * 3)
    assert order.total == Decimal("9999999999.99") * 2_147_483_647 * 3


# --- Signals -----------------------------------------------------------------------------------------------------------


def test_a_placed_order_has_one_confirmation_however_often_it_is_saved(alice: User) -> None:
    order = Order.objects.create(customer=alice)
    order.save()
    order.save()
    assert order.confirmations.count() == 1


@pytest.mark.parametrize("status", [Status.DRAFT, Status.CANCELLED])
def test_an_order_that_is_nobodys_business_has_no_confirmation(alice: User, status: str) -> None:
    assert not Order.objects.create(customer=alice, status=status).confirmations.exists()


def test_an_order_whose_transaction_fails_leaves_no_confirmation(alice: User) -> None:
    @transaction.atomic
    def place_and_fail() -> None:
        Order.objects.create(customer=alice)
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        place_and_fail()
    assert not OrderConfirmation.objects.exists()


def test_the_database_knows_which_statuses_there_are(alice: User) -> None:
    with pytest.raises(IntegrityError):
        Order.objects.create(customer=alice, status="lost")


def test_a_fixture_that_is_loaded_tells_nobody(alice: User) -> None:
    order = Order.objects.create(customer=alice)
    saved = serializers.serialize("json", [order])
    order.delete()
    next(serializers.deserialize("json", saved)).save()
    assert (Order.objects.count(), OrderConfirmation.objects.count()) == (1, 0)


# --- Moves -------------------------------------------------------------------------------------------------------------

EVERY_MOVE = [(before, after) for before in Status.values for after in Status.values if before != after]


@pytest.mark.parametrize(("before", "after"), [move for move in EVERY_MOVE if move[1] in MOVES[move[0]]])
def test_a_move_that_happens_in_a_shop_is_taken(alice: User, before: str, after: str) -> None:
    order = Order.objects.create(customer=alice, status=before)
    order.status = after
    order.clean()


@pytest.mark.parametrize(("before", "after"), [move for move in EVERY_MOVE if move[1] not in MOVES[move[0]]])
def test_a_move_that_makes_no_sense_is_refused(alice: User, before: str, after: str) -> None:
    order = Order.objects.create(customer=alice, status=before)
    order.status = after
    with pytest.raises(ValidationError) as refused:
        order.clean()
    assert refused.value.error_dict["status"][0].code == "bad_move"


def test_nothing_becomes_a_draft_again() -> None:
    assert Status.DRAFT not in set().union(*MOVES.values())


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED, Status.CANCELLED, Status.REFUNDED])
def test_a_new_order_begins_as_draft_or_placed(alice: User, status: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Order(customer=alice, status=status).clean()
    assert refused.value.error_dict["status"][0].code == "bad_status"


# --- Data --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ([], "not_an_object"),
        (None, "not_an_object"),
        ({"a": float("inf")}, "bad_number"),
        ({"a": [float("nan")]}, "bad_number"),
        ({"a": "x\x00"}, "bad_text"),
        ({"\ud800": 1}, "bad_text"),
        ({"a": "x" * 64_000}, "too_large"),
    ],
)
def test_data_that_cant_be_kept_is_refused(alice: User, data: Any, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Order(customer=alice, data=data).clean()
    assert refused.value.error_dict["data"][0].code == code


def test_data_of_a_thousand_levels_is_refused(alice: User) -> None:
    deep: dict[str, Any] = {}
    for _level in range(1000):
        deep = {"a": deep}
    with pytest.raises(ValidationError) as refused:
        Order(customer=alice, data=deep).clean()
    assert refused.value.error_dict["data"][0].code == "too_deep"


@pytest.mark.parametrize("data", [{}, {"a": [1, 2.5, None, True, "汉👩"]}, {"a": {"b": {"c": 1}}}])
def test_data_comes_back_as_it_was_given(alice: User, data: dict[str, Any]) -> None:
    order = Order(customer=alice, data=data)
    order.clean()
    order.save()
    order.refresh_from_db()
    assert order.data == data


# --- What the database refuses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"quantity": 0}, {"unit_price": Decimal("-0.01")}])
def test_the_database_refuses_a_line_that_cant_be(alice: User, fields: dict[str, Any]) -> None:
    order = Order.objects.create(customer=alice)
    with pytest.raises(IntegrityError):
        OrderLine.objects.create(order=order, **({"name": "A", "quantity": 1, "unit_price": Decimal(1)} | fields))


def test_the_database_refuses_two_confirmations_of_one_version(alice: User) -> None:
    order = Order.objects.create(customer=alice)
    with pytest.raises(IntegrityError):
        OrderConfirmation.objects.create(order=order, version=1)


def test_the_database_refuses_a_mail_before_its_event(alice: User) -> None:
    order = Order.objects.create(customer=alice)
    with pytest.raises(IntegrityError):
        order.confirmations.update(mail_sent_at=timezone.now())


def test_the_database_refuses_the_same_id_twice_from_one_client(alice: User, clerk: User) -> None:
    Order.objects.create(customer=alice, created_by=clerk, external_id="W-1")
    with pytest.raises(IntegrityError):
        Order.objects.create(customer=alice, created_by=clerk, external_id="W-1")


def test_a_customer_with_orders_cant_be_deleted(alice: User) -> None:
    Order.objects.create(customer=alice)
    with pytest.raises(models.ProtectedError):
        alice.delete()


@THREADS
def test_versions_counted_up_eight_times_at_once_are_eight(alice: User) -> None:
    order = Order.objects.create(customer=alice)
    at_once(8, lambda number: Order.objects.get(pk=order.pk).count_version())
    order.refresh_from_db()
    assert order.version == 9
