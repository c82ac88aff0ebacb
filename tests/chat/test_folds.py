"""What a page shows is computed from the events alone."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from accounts.models import User
from chat import conversations, folds
from chat.models import Event

CONFIRMED, STATUS = folds.ORDER_CONFIRMED, folds.ORDER_STATUS
MOVED = {"moved_at": "2026-11-22T09:48:35.123Z"}


def confirmed(number: Any = 1001, **more: Any) -> Event:
    """The event that tells of an order."""
    body = {"id": number, "text": "You purchased a widget.", "version": 1, "status": "placed", "currency": "EUR", "total": "9.98"}
    return Event(type=CONFIRMED, body=body | more)


def moved(number: Any = 1001, **more: Any) -> Event:
    """The event that tells of an order's new status."""
    body = {"id": number, "version": 1, "status": "shipped", "previous": "placed", "moved_at": MOVED["moved_at"]}
    return Event(type=STATUS, body=body | more)


def test_no_events_are_no_orders() -> None:
    assert folds.orders_from([]) == []


def test_a_told_order_is_shown_as_it_was_told() -> None:
    assert folds.orders_from([confirmed()]) == [confirmed().body]


def test_orders_come_newest_first() -> None:
    assert [order["id"] for order in folds.orders_from([confirmed(1002), confirmed(1001), confirmed(1003)])] == [1003, 1002, 1001]


def test_a_status_changes_its_own_order_only() -> None:
    found = folds.orders_from([confirmed(1001), confirmed(1002), moved(1001)])
    assert {order["id"]: order["status"] for order in found} == {1001: "shipped", 1002: "placed"}


def test_a_status_keeps_what_it_doesnt_tell() -> None:
    (order,) = folds.orders_from([confirmed(), moved()])
    assert order == confirmed().body | MOVED | {"status": "shipped"}


def test_a_status_brings_the_sum_with_the_lines_that_make_it_up() -> None:
    news = {"version": 2, "total": "5.00", "currency": "USD", "lines": [{"name": "Cup", "quantity": 1}], "lines_left_out": 3}
    (order,) = folds.orders_from([confirmed(lines=[{"name": "Mug", "quantity": 2}], lines_left_out=0), moved(**news)])
    assert order == confirmed(**news).body | MOVED | {"status": "shipped"}


def test_a_status_with_a_sum_alone_leaves_the_sum_that_the_lines_make_up() -> None:
    (order,) = folds.orders_from([confirmed(), moved(version=2, total="5.00", currency="USD")])
    assert (order["version"], order["total"], order["currency"]) == (2, "9.98", "EUR")


def test_a_status_of_an_order_that_was_never_told_shows_nothing() -> None:
    assert folds.orders_from([moved(1009)]) == []


def test_an_order_told_again_is_shown_as_told_last() -> None:
    (order,) = folds.orders_from([confirmed(), moved(), confirmed(version=2, total="5.00")])
    assert order == confirmed(version=2, total="5.00").body | MOVED


def test_since_when_an_order_stands_so_is_of_the_last_move() -> None:
    later = "2026-11-24T10:00:00.000Z"
    (order,) = folds.orders_from([confirmed(), moved(), moved(status="delivered", moved_at=later)])
    assert (order["status"], order["moved_at"]) == ("delivered", later)


def test_a_move_that_does_not_say_when_it_was_is_of_when_it_was_told() -> None:
    event = moved()
    del event.body["moved_at"]
    event.created_at = datetime.fromisoformat(MOVED["moved_at"])
    assert folds.orders_from([confirmed(), event])[0]["moved_at"] == MOVED["moved_at"]


@pytest.mark.parametrize("number", [None, "1001", 1.5, [1], {"a": 1}, True])
def test_an_event_that_names_no_order_is_passed_over(number: Any) -> None:
    assert folds.orders_from([confirmed(number), moved(number)]) == []


def test_the_fold_leaves_the_events_as_they_are() -> None:
    event = confirmed()
    folds.orders_from([event, moved()])
    assert event.body == confirmed().body


def test_a_conversation_shows_the_orders_that_its_events_tell_of(alice: User) -> None:
    conversation = conversations.open_for(alice)
    conversations.add_event(conversation, CONFIRMED, confirmed().body)
    conversations.send_text(conversations.join(conversation, alice), "Hello")
    conversations.add_event(conversation, STATUS, moved().body)
    assert [(order["id"], order["status"]) for order in folds.orders(conversation)] == [(1001, "shipped")]


def test_of_very_many_events_the_newest_count(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "MOST_ORDERS", 1)
    conversation = conversations.open_for(alice)
    [conversations.add_event(conversation, CONFIRMED, confirmed(number).body) for number in (1001, 1002, 1003)]
    assert [order["id"] for order in folds.orders(conversation)] == [1003, 1002]


def test_bobs_orders_are_not_alices(alice: User, bob: User) -> None:
    conversations.add_event(conversations.open_for(bob), CONFIRMED, confirmed().body)
    assert folds.orders(conversations.open_for(alice)) == []


# --- Worded ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "total", "words"),
    [("EUR", "9.98", "€9.98"), ("JPY", "4990", "¥4,990"), ("", "9.98", "9.98")],
)
def test_sums_are_worded_as_people_write_them(currency: str, total: str, words: str) -> None:
    assert folds.worded({"currency": currency, "total": total})["total_text"] == words


def test_lines_are_worded_too() -> None:
    line = {"name": "Mug", "quantity": 2, "unit_price": "4.99", "total": "9.98"}
    (worded,) = folds.worded({"currency": "EUR", "total": "9.98", "lines": [line]})["lines"]
    assert worded == line | {"unit_price_text": "€4.99", "total_text": "€9.98"}


@pytest.mark.parametrize("total", ["", "a lot", None, [1], "NaN-", {"a": 1}])
def test_a_sum_that_is_none_is_shown_as_it_is(total: Any) -> None:
    assert folds.worded({"currency": "EUR", "total": total})["total_text"] == str(total)


@pytest.mark.parametrize("order", [{}, {"lines": []}, {"currency": None}])
def test_an_order_told_by_an_older_version_is_still_shown(order: dict[str, Any]) -> None:
    assert "total_text" in folds.worded(order)


def test_a_huge_sum_is_worded() -> None:
    assert folds.worded({"currency": "EUR", "total": str(Decimal(10) ** 22)})["total_text"] == "€10,000,000,000,000,000,000,000.00"


def test_a_status_event_without_lines_has_none() -> None:
    assert folds.worded(moved().body)["lines"] == []


LINES = [{"name": name, "quantity": 1} for name in ("Mug", "Cup", "Plate", "Bowl")]


def test_an_order_is_told_in_the_readers_language_not_in_that_of_the_event() -> None:
    with translation.override("zh-hans"):
        told = folds.sentence(confirmed(lines=LINES[:2]).body, role="customer", customer="Alice")
    assert told == "您购买了 1 × Mug、1 × Cup，合计 €9.98。感谢您的订购！"


def test_an_agent_reads_who_ordered() -> None:
    assert folds.sentence(confirmed(lines=LINES[:1]).body, role="agent", customer="Alice") == "Alice purchased 1 × Mug for €9.98."


def test_a_long_order_is_told_by_its_first_articles() -> None:
    told = folds.sentence(confirmed(lines=LINES, lines_left_out=6).body, role="agent", customer="Alice")
    assert told == "Alice purchased 1 × Mug; 1 × Cup; 1 × Plate and 7 more articles for €9.98."


def test_an_event_that_names_no_articles_speaks_for_itself() -> None:
    assert folds.sentence(confirmed().body, role="agent", customer="Alice") == "You purchased a widget."
