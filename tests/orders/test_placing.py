"""How an order comes to be: with all of its lines, or not at all."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError

from accounts.models import User
from orders.models import Order, OrderConfirmation, Status
from orders.placing import place, place_sample

MUG: dict[str, Any] = {"name": "Mug", "quantity": 2, "unit_price": Decimal("12.50")}


def test_an_order_is_placed_with_its_lines(alice: User, clerk: User) -> None:
    order = place(alice, [MUG], created_by=clerk, city="Lund")
    assert (order.customer, order.created_by, order.city, order.total) == (alice, clerk, "Lund", Decimal("25.00"))


def test_a_draft_is_told_to_nobody(alice: User) -> None:
    place(alice, [MUG], status=Status.DRAFT)
    assert not OrderConfirmation.objects.exists()


@pytest.mark.parametrize("bad", [{"quantity": 0}, {"unit_price": Decimal(-1)}, {"name": None}])
def test_of_an_order_with_a_bad_line_nothing_is_stored(alice: User, bad: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError):
        place(alice, [MUG, MUG | bad])
    assert (Order.objects.count(), OrderConfirmation.objects.count()) == (0, 0)


def test_of_an_order_whose_lines_break_off_nothing_is_stored(alice: User) -> None:
    def breaks_off() -> Any:
        yield MUG
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        place(alice, breaks_off())
    assert (Order.objects.count(), OrderConfirmation.objects.count()) == (0, 0)


def test_the_guides_order_is_a_widget_for_four_dollars_and_ninety_nine_cents(alice: User) -> None:
    order = place_sample(alice)
    assert (str(order.total), order.currency, [str(line) for line in order.lines.all()]) == ("4.99", "USD", ["1 × Widget"])
