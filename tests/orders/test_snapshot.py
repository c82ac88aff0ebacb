"""What an order looked like when its customer was told, within what Vonage takes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import User
from orders import snapshot
from orders.models import Order

Place = Callable[..., Order]
MOVED_AT = datetime(2026, 11, 22, 9, 48, 35, 123000, tzinfo=UTC)


def size(body: dict[str, Any]) -> int:
    """Bytes as they travel."""
    return len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())


def test_an_order_is_told_whole(alice: User, place: Place) -> None:
    order = place(alice)
    order.city, order.country = "Berlin", "DE"
    body = snapshot.confirm_body(order)
    assert body == {
        "id": order.number,
        "text": "You purchased 2 × Widget; 1 × Blue mug for €22.48. Thank you for your order!",
        "version": 1,
        "status": "placed",
        "currency": "EUR",
        "total": "22.48",
        "placed_at": body["placed_at"],
        "ship_to": "Berlin, DE",
        "lines": [
            {"name": "Widget", "sku": "", "quantity": 2, "unit_price": "4.99", "total": "9.98"},
            {"name": "Blue mug", "sku": "", "quantity": 1, "unit_price": "12.50", "total": "12.50"},
        ],
        "lines_left_out": 0,
    }
    assert body["placed_at"].endswith("Z")


HUGE = [
    ("many lines", tuple(("Widget", 1, "1.00") for _number in range(500))),
    ("long names", tuple(("x" * 200, 1, "1.00") for _number in range(50))),
    ("Chinese", tuple(("汉" * 200, 1, "1.00") for _number in range(50))),
    ("faces", tuple(("👩‍👩‍👧" * 40, 1, "1.00") for _number in range(50))),
    ("quotes", tuple(('"\\' * 100, 1, "1.00") for _number in range(50))),
    ("control characters", tuple(("\x01" * 200, 1, "1.00") for _number in range(50))),
]


@pytest.mark.parametrize("lines", [lines for _name, lines in HUGE], ids=[name for name, _lines in HUGE])
def test_a_huge_order_stays_within_vonages_limit(alice: User, place: Place, lines: Any) -> None:
    body = snapshot.confirm_body(place(alice, lines=lines))
    assert size(body) <= 4096


@pytest.mark.parametrize("lines", [lines for _name, lines in HUGE], ids=[name for name, _lines in HUGE])
def test_a_huge_order_says_how_many_lines_it_left_out(alice: User, place: Place, lines: Any) -> None:
    body = snapshot.confirm_body(place(alice, lines=lines))
    assert len(body["lines"]) + body["lines_left_out"] == len(lines)


def test_what_json_writes_longer_counts_as_long_as_it_is_written(alice: User, place: Place) -> None:
    order = place(alice, lines=(("\x01" * 200, 1, "1.00"),) * 3)
    order.city = "\x01" * 100
    assert size(snapshot.confirm_body(order)) <= 4096


def test_as_many_lines_stay_as_fit(alice: User, place: Place) -> None:
    body = snapshot.confirm_body(place(alice, lines=tuple((f"Article {number}", 1, "1.00") for number in range(100))))
    assert size(body) > 4096 - 100
    assert [line["name"] for line in body["lines"]] == [f"Article {number}" for number in range(len(body["lines"]))]


def test_number_sum_and_text_always_stay(alice: User, place: Place) -> None:
    order = place(alice, lines=tuple(("汉" * 200, 1, "1.00") for _number in range(50)))
    body = snapshot.confirm_body(order)
    assert (body["id"], body["total"]) == (order.number, "50.00")
    assert body["text"].startswith("You purchased 1 × 汉汉")


def test_a_cut_text_says_that_it_was_cut(alice: User, place: Place) -> None:
    body = snapshot.confirm_body(place(alice, lines=(("汉" * 200, 1, "1.00"), ("汉" * 200, 1, "1.00"))))
    assert body["text"].endswith("汉…")


def test_the_sentence_names_three_articles_and_counts_the_rest(alice: User, place: Place) -> None:
    order = place(alice, lines=tuple((name, 1, "1.00") for name in ("A", "B", "C", "D", "E")))
    assert snapshot.text(order) == "You purchased 1 × A; 1 × B; 1 × C and 2 more articles for €5.00. Thank you for your order!"


def test_the_sentence_counts_a_single_one_rightly(alice: User, place: Place) -> None:
    order = place(alice, lines=tuple((name, 1, "1.00") for name in ("A", "B", "C", "D")))
    assert "1 × C and 1 more article for €4.00" in snapshot.text(order)


def test_an_order_without_lines_has_a_sentence_too(alice: User, place: Place) -> None:
    assert snapshot.text(place(alice, lines=())) == "You placed an order. Thank you for your order!"


@pytest.mark.parametrize("name", ["%(total)s", "{0}", "100 % cotton", "%s %d"])
def test_an_article_named_like_a_placeholder_is_just_a_name(alice: User, place: Place, name: str) -> None:
    assert snapshot.text(place(alice, lines=((name, 1, "1.00"),))) == f"You purchased 1 × {name} for €1.00. Thank you for your order!"


def test_a_status_is_told_with_the_sum_of_that_time_and_the_lines_that_make_it_up(alice: User, place: Place) -> None:
    order = place(alice)
    assert snapshot.status_body(order, status="shipped", previous="placed", moved_at=MOVED_AT) == {
        "id": order.number,
        "version": 1,
        "status": "shipped",
        "previous": "placed",
        "moved_at": "2026-11-22T09:48:35.123Z",
        "total": "22.48",
        "currency": "EUR",
        "lines": [
            {"name": "Widget", "sku": "", "quantity": 2, "unit_price": "4.99", "total": "9.98"},
            {"name": "Blue mug", "sku": "", "quantity": 1, "unit_price": "12.50", "total": "12.50"},
        ],
        "lines_left_out": 0,
    }


@pytest.mark.parametrize("lines", [lines for _name, lines in HUGE], ids=[name for name, _lines in HUGE])
def test_the_status_of_a_huge_order_stays_within_vonages_limit_and_counts_what_it_left_out(alice: User, place: Place, lines: Any) -> None:
    body = snapshot.status_body(place(alice, lines=lines), status="shipped", previous="placed", moved_at=MOVED_AT)
    assert (size(body) <= 4096, len(body["lines"]) + body["lines_left_out"]) == (True, len(lines))
