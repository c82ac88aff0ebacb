"""Which values a filter of the admin's lists offers, where there are too many rows to look at all."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.admin_filters import OfTheNewest
from accounts.models import User
from orders.models import Order

ORDERS = "/admin/orders/order/"


def test_a_filter_offers_what_the_newest_rows_have(admin_client: Client, in_two_currencies: None) -> None:
    page = admin_client.get(ORDERS).content.decode()
    assert "?currency=EUR" in page
    assert "?currency=JPY" not in page


def test_what_was_chosen_stays_chosen_however_old_its_rows_are(admin_client: Client, in_two_currencies: None) -> None:
    answer = admin_client.get(f"{ORDERS}?currency=JPY")
    assert [order.currency for order in answer.context["cl"].result_list] == ["JPY"]
    assert '<a href="?currency=JPY">' in answer.content.decode()


@pytest.fixture
def in_two_currencies(alice: User, place: Callable[..., Order], monkeypatch: pytest.MonkeyPatch) -> None:
    """An order in yen, and after it one in euro, in a list whose filters look at the newest alone."""
    monkeypatch.setattr(OfTheNewest, "LOOKED_THROUGH", 1)
    place(alice, currency="JPY", lines=[("Widget", 1, "499")])
    place(alice)
