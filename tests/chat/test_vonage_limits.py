"""How words are made to fit Vonage's limits."""

import json
from typing import Any

from chat.backends.vonage_limits import MOST_BODY_BYTES, fit_body, size


def order(lines: int, **more: Any) -> dict[str, Any]:
    body = {"_id": "CON-1/7", "id": 1002, "text": "You purchased 1 × Widget.", "lines_left_out": 2}
    return body | {"lines": [{"name": f"Widget {number}", "total": "4.99"} for number in range(lines)]} | more


def test_a_body_that_fits_stays_as_it_is() -> None:
    assert fit_body(order(3)) == order(3)


def test_a_long_list_loses_its_end_and_says_how_much() -> None:
    fitted = fit_body(order(200))
    assert size(fitted) <= MOST_BODY_BYTES
    assert (len(fitted["lines"]) + fitted["lines_left_out"], fitted["lines"][0]["name"], "cut" in fitted) == (202, "Widget 0", False)


def test_as_much_of_a_list_as_fits_is_kept() -> None:
    fitted = fit_body(order(200))
    assert size(fitted | {"lines": order(200)["lines"][: len(fitted["lines"]) + 1]}) > MOST_BODY_BYTES


def test_other_keys_go_before_id_and_text_and_the_body_says_so() -> None:
    fitted = fit_body(order(0, note="x" * 5000, ship_to="Berlin"))
    assert fitted == order(0, ship_to="Berlin", cut=True)


def test_a_text_that_is_too_long_is_cut_last_of_all() -> None:
    fitted = fit_body(order(3, text="订单" * 3000))
    assert (size(fitted) <= MOST_BODY_BYTES, fitted["id"], fitted["_id"], fitted["cut"]) == (True, 1002, "CON-1/7", True)
    assert len(fitted["text"]) > 500


def test_a_body_is_counted_as_generously_as_anybody_could() -> None:
    body = {"text": "订单 1002 🎉", "lines": [1, 2]}
    compact = len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
    assert size(body) >= compact
