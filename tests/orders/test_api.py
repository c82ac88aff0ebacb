"""/api/orders/ as each kind of caller uses and misuses it."""

import base64
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import User
from chat.coordinator import drain
from orders.models import Order, OrderConfirmation, Status
from tests.accounts.threads import THREADS, at_once

URL = "/api/orders/"
Answer = Any
Place = Callable[..., Order]


@pytest.fixture
def shop(api_key: str) -> Client:
    """A client with a key that may do everything; what goes wrong comes back as an answer, as over the wire."""
    return Client(headers={"Authorization": f"Token {api_key}"}, raise_request_exception=False)


def body(**changes: Any) -> dict[str, Any]:
    """An order for Alice as a shop sends it."""
    mug = {"name": "Mug", "sku": "M-1", "quantity": 2, "unit_price": "12.50"}
    return {"customer": "alice", "currency": "EUR", "lines": [mug], **changes}


def line(**changes: Any) -> dict[str, Any]:
    """One line of it."""
    return {"name": "Mug", "quantity": 1, "unit_price": "1", **changes}


def post(client: Client, content: object) -> Answer:
    """Make an order."""
    return client.post(URL, content, content_type="application/json")


def patch(client: Client, order: Order, content: object) -> Answer:
    """Change an order."""
    return client.patch(f"{URL}{order.number}/", content, content_type="application/json")


def problem(answer: Answer) -> tuple[int, str | None, str]:
    """Status, field and code of a refusal with one error."""
    assert answer["Content-Type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    return answer.status_code, error["field"], error["code"]


# --- Listed ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["placed_from", "placed_before", "changed_from"])
@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday"])
def test_a_time_that_no_clock_shows_is_refused_at_its_filter(shop: Client, name: str, time: str) -> None:
    assert problem(shop.get(URL, {name: time})) == (400, name, "invalid")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_first_and_the_last_time_are_times(shop: Client, time: str) -> None:
    assert shop.get(URL, {"placed_from": time}).status_code == 200


@pytest.mark.parametrize("position", ["9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+14:00"])
def test_a_place_in_the_list_that_no_clock_shows_is_a_404(shop: Client, position: str) -> None:
    cursor = base64.b64encode(urlencode({"p": position}).encode()).decode()
    assert shop.get(URL, {"ordering": "created_at", "cursor": cursor}).status_code == 404


# --- Made --------------------------------------------------------------------------------------------------------------


def test_an_order_is_answered_as_it_was_stored(shop: Client, alice: User) -> None:
    address = {"name": "Alice Martin", "street": "Way 1", "postal_code": "10115", "city": "Berlin", "region": "", "country": "DE"}
    answer = post(shop, body(external_id="W-17", shipping_address=address, data={"gift": True}))
    order = Order.objects.get()
    made = answer.json()
    assert answer.status_code == 201
    assert made["lines"] == [{"name": "Mug", "sku": "M-1", "quantity": 2, "unit_price": "12.50", "total": "25.00"}]
    assert {name: made[name] for name in ("number", "customer", "status", "total", "version", "data", "external_id")} == {
        "number": order.number,
        "customer": "alice",
        "status": "placed",
        "total": "25.00",
        "version": 1,
        "data": {"gift": True},
        "external_id": "W-17",
    }
    assert made["shipping_address"] == address


@pytest.mark.parametrize("status", ["placed", "draft"])
def test_the_answer_to_a_post_is_what_a_get_answers(shop: Client, alice: User, status: str) -> None:
    """It is written without reading anything back, so nothing else holds the two together."""
    lines = [line(unit_price="1"), line(name="Blue  mug ", unit_price="2.5", quantity=3), line(unit_price=7, sku="S")]
    made = post(shop, body(status=status, lines=lines)).json()
    assert made == shop.get(f"{URL}{made['number']}/").json()


def test_an_order_tells_when_it_was_changed_last(shop: Client, alice: User, place: Place) -> None:
    order = place(alice)
    told = patch(shop, order, {"status": "shipped"}).json()["updated_at"]
    order.refresh_from_db()
    assert told == order.updated_at.isoformat().replace("+00:00", "Z")


def test_an_order_posted_without_the_last_slash_is_taken_too(shop: Client, alice: User) -> None:
    assert shop.post(URL.rstrip("/"), body(), content_type="application/json").status_code == 201


def test_an_order_remembers_which_client_made_it(shop: Client, alice: User) -> None:
    post(shop, body())
    assert Order.objects.values_list("created_by__username").get() == ("shop",)


def test_an_order_is_told_once_the_worker_ran(shop: Client, alice: User) -> None:
    number = post(shop, body()).json()["number"]
    drain()
    assert shop.get(f"{URL}{number}/").json()["confirmation"]["state"] == "done"


def test_a_draft_has_no_confirmation(shop: Client, alice: User) -> None:
    assert post(shop, body(status="draft")).json()["confirmation"] is None


@pytest.mark.parametrize(
    ("currency", "price", "shown"), [("JPY", "4990", "9980"), ("EUR", "4.9", "9.80"), ("KWD", "4.999", "9.998"), ("EUR", "0", "0.00")]
)
def test_prices_have_the_digits_of_their_currency(shop: Client, alice: User, currency: str, price: str, shown: str) -> None:
    assert post(shop, body(currency=currency, lines=[line(quantity=2, unit_price=price)])).json()["total"] == shown


def test_the_largest_order_adds_up_to_the_cent(shop: Client, alice: User) -> None:
    largest = line(quantity=1_000_000, unit_price="9999999999.99")
    answer = post(shop, body(lines=[largest] * 500))
    assert answer.json()["total"] == str(Decimal("9999999999.99") * 1_000_000 * 500)


def test_the_largest_order_can_be_told(shop: Client, alice: User) -> None:
    post(shop, body(lines=[line(name="汉" * 200, quantity=1_000_000, unit_price="9999999999.99")] * 500))
    drain()
    assert OrderConfirmation.objects.get().state == "done"


# --- Refused -----------------------------------------------------------------------------------------------------------

DEEP: dict[str, Any] = {}
for _level in range(60):
    DEEP = {"deeper": DEEP}

REFUSALS: list[tuple[dict[str, Any], tuple[int, str, str]]] = [
    ({"customer": "nobody"}, (400, "customer", "does_not_exist")),
    ({"customer": None}, (400, "customer", "null")),
    ({"customer": {"name": "alice"}}, (400, "customer", "invalid")),
    ({"customer": ["alice"]}, (400, "customer", "invalid")),
    ({"customer": "ali\x00ce"}, (400, "customer", "does_not_exist")),
    ({"customer": "\ud800"}, (400, "customer", "does_not_exist")),
    ({"customer": "x" * 10_000}, (400, "customer", "does_not_exist")),
    ({"status": "shipped"}, (400, "status", "bad_status")),
    ({"status": "lost"}, (400, "status", "invalid_choice")),
    ({"status": "\ud800"}, (400, "status", "invalid_choice")),
    ({"currency": "XYZ"}, (400, "currency", "unknown_currency")),
    ({"currency": "eur"}, (400, "currency", "unknown_currency")),
    ({"currency": ""}, (400, "currency", "blank")),
    ({"currency": 978}, (400, "currency", "unknown_currency")),
    ({"external_id": "x" * 101}, (400, "external_id", "max_length")),
    ({"external_id": "a\x00b"}, (400, "external_id", "null_characters_not_allowed")),
    ({"shipping_address": {"country": "ZX"}}, (400, "shipping_address.country", "unknown_country")),
    ({"shipping_address": {"city": "x" * 101}}, (400, "shipping_address.city", "max_length")),
    ({"shipping_address": "Berlin"}, (400, "shipping_address", "invalid")),
    ({"lines": []}, (400, "lines", "empty")),
    ({"lines": None}, (400, "lines", "null")),
    ({"lines": {}}, (400, "lines", "not_a_list")),
    ({"lines": ["mug"]}, (400, "lines.0", "invalid")),
    ({"lines": [line()] * 501}, (400, "lines", "too_many")),
    ({"lines": [line(), line(name="")]}, (400, "lines.1.name", "blank")),
    ({"lines": [line(name="x" * 201)]}, (400, "lines.0.name", "max_length")),
    ({"lines": [line(name="a\x00b")]}, (400, "lines.0.name", "null_characters_not_allowed")),
    ({"lines": [line(name="\ud800")]}, (400, "lines.0.name", "surrogate_characters_not_allowed")),
    ({"lines": [line(quantity=0)]}, (400, "lines.0.quantity", "min_value")),
    ({"lines": [line(quantity=-1)]}, (400, "lines.0.quantity", "min_value")),
    ({"lines": [line(quantity=1.5)]}, (400, "lines.0.quantity", "invalid")),
    ({"lines": [line(quantity=True)]}, (400, "lines.0.quantity", "invalid")),
    ({"lines": [line(quantity=1_000_001)]}, (400, "lines.0.quantity", "max_value")),
    ({"lines": [line(quantity=10**400)]}, (400, "lines.0.quantity", "max_value")),
    ({"lines": [line(unit_price="-0.01")]}, (400, "lines.0.unit_price", "min_value")),
    ({"lines": [line(unit_price="NaN")]}, (400, "lines.0.unit_price", "invalid")),
    ({"lines": [line(unit_price="Infinity")]}, (400, "lines.0.unit_price", "invalid")),
    ({"lines": [line(unit_price="1e100")]}, (400, "lines.0.unit_price", "max_digits")),
    ({"lines": [line(unit_price="12,50")]}, (400, "lines.0.unit_price", "invalid")),
    ({"lines": [line(unit_price="12345678901.00")]}, (400, "lines.0.unit_price", "max_whole_digits")),
    ({"lines": [line(), line(unit_price="0.001")]}, (400, "lines.1.unit_price", "too_many_digits")),
    ({"currency": "JPY", "lines": [line(unit_price="4.99")]}, (400, "lines.0.unit_price", "too_many_digits")),
    ({"currency": "KWD", "lines": [line(unit_price="1.2345")]}, (400, "lines.0.unit_price", "too_many_digits")),
    ({"data": [1]}, (400, "data", "not_an_object")),
    ({"data": "gift"}, (400, "data", "not_an_object")),
    ({"data": None}, (400, "data", "null")),
    ({"data": DEEP}, (400, "data", "too_deep")),
    ({"data": {"note": "x" * 70_000}}, (400, "data", "too_large")),
    ({"data": {"note": "a\x00b"}}, (400, "data", "bad_text")),
    ({"data": {"a\x00b": 1}}, (400, "data", "bad_text")),
    ({"data": {"list": ["\ud800"]}}, (400, "data", "bad_text")),
]


@pytest.mark.parametrize(("changes", "expected"), REFUSALS)
def test_a_wrong_order_is_refused_by_field_and_code_and_nothing_is_stored(
    shop: Client, alice: User, changes: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    assert problem(post(shop, body(**changes))) == expected
    assert not Order.objects.exists()


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, identity", "GZIP"])
def test_a_compressed_body_is_refused_for_what_it_is(shop: Client, alice: User, coding: str) -> None:
    sent = gzip.compress(json.dumps(body()).encode())
    answer = shop.generic("POST", URL, sent, content_type="application/json", headers={"Content-Encoding": coding})
    assert (problem(answer), answer.json()["detail"]) == ((415, None, "compressed"), "Send the body as it is, not compressed.")


@pytest.mark.parametrize("coding", ["identity", ""])
def test_a_body_that_says_it_is_not_compressed_is_taken(shop: Client, alice: User, coding: str) -> None:
    assert shop.post(URL, body(), content_type="application/json", headers={"Content-Encoding": coding}).status_code == 201


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=UTF-8"])
def test_a_byte_order_mark_before_the_body_is_no_part_of_it(shop: Client, alice: User, content_type: str) -> None:
    sent = json.dumps(body()).encode("utf-8-sig")
    assert shop.generic("POST", URL, sent, content_type=content_type).status_code == 201


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_that_json_cant_hold_is_refused(shop: Client, alice: User, number: str) -> None:
    content = '{"customer": "alice", "lines": [{"name": "Mug", "unit_price": "1"}], "data": {"weight": [@]}}'.replace("@", number)
    answer = shop.post(URL, content, content_type="application/json")
    assert problem(answer) == (400, "data", "invalid")


@pytest.mark.parametrize("content", ["", "[]", "5", '"order"', "null", "{}"])
def test_a_body_that_is_no_order_is_a_400(shop: Client, content: str) -> None:
    answer = shop.post(URL, content, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_form_is_no_order(shop: Client) -> None:
    assert problem(shop.post(URL, {"customer": "alice"})) == (415, None, "unsupported_media_type")


def test_several_mistakes_are_named_together(shop: Client, alice: User) -> None:
    errors = post(shop, body(customer="nobody", currency="XYZ", lines=[line(quantity=0)])).json()["errors"]
    assert {error["field"] for error in errors} == {"customer", "currency", "lines.0.quantity"}


def test_a_customer_who_was_switched_off_gets_no_order(shop: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert problem(post(shop, body())) == (400, "customer", "does_not_exist")


@pytest.mark.parametrize("who", ["clerk", "agent", "helper", "shop"])
def test_somebody_of_the_house_gets_no_order(shop: Client, alice: User, agent: User, who: str) -> None:
    User.objects.create_user("helper", is_staff=True)
    answer = post(shop, body(customer=who))
    assert (problem(answer), Order.objects.exists()) == ((400, "customer", "does_not_exist"), False)
    assert answer.json()["detail"] == "There is no such customer. Make the customer first."


def test_an_order_of_a_customer_who_became_an_agent_comes_again_without_harm(shop: Client, alice: User, agent: User) -> None:
    post(shop, body(external_id="W-17"))
    alice.groups.set(agent.groups.all())
    assert post(shop, body(external_id="W-17")).status_code == 200


# --- The shop's own id -------------------------------------------------------------------------------------------------


def test_an_order_that_comes_again_is_the_same_order(shop: Client, alice: User) -> None:
    first, second = post(shop, body(external_id="W-17")), post(shop, body(external_id="W-17"))
    assert (first.status_code, second.status_code, first.json()["number"]) == (201, 200, second.json()["number"])
    assert (Order.objects.count(), OrderConfirmation.objects.count()) == (1, 1)


@THREADS
def test_an_order_that_comes_eight_times_at_once_is_one_order(shop: Client, alice: User) -> None:
    answers = at_once(8, lambda number: post(shop, body(external_id="W-17")))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["number"] for answer in answers}) == 1


@THREADS
def test_orders_that_come_at_once_are_each_their_own(shop: Client, alice: User, bob: User) -> None:
    """Eight clients, each with orders of one customer, one length and one price; of every third the price is wrong."""

    def send(who: int) -> list[Any]:
        found: list[Any] = []
        for number in range(6):
            price = "1.999" if number % 3 == 0 else f"{who}.50"
            answer = post(shop, body(customer=["alice", "bob"][who % 2], lines=[line(quantity=who + 1, unit_price=price)] * (who + 1)))
            told = answer.json()
            is_made = answer.status_code == 201
            found.append((told["customer"], [one["quantity"] for one in told["lines"]]) if is_made else len(told["errors"]))
        return found

    for who, found in enumerate(at_once(8, send)):
        right = (["alice", "bob"][who % 2], [who + 1] * (who + 1))
        assert found == [who + 1, right, right] * 2
    assert Order.objects.count() == 32


def test_an_order_that_comes_again_changes_what_may_still_be_changed(shop: Client, alice: User) -> None:
    post(shop, body(external_id="W-17", data={"gift": False}, shipping_address={"city": "Lund", "street": "Way 1"}))
    made = post(shop, body(external_id="W-17", data={"gift": True}, shipping_address={"city": "Berlin"})).json()
    assert (made["data"], made["shipping_address"]["city"], made["shipping_address"]["street"]) == ({"gift": True}, "Berlin", "Way 1")


def test_a_draft_that_comes_again_as_placed_is_told(shop: Client, alice: User) -> None:
    post(shop, body(external_id="W-17", status="draft"))
    assert post(shop, body(external_id="W-17", status="placed")).json()["status"] == "placed"
    drain()
    assert OrderConfirmation.objects.get().state == "done"


@pytest.mark.parametrize("written", [12.5, 17, "订单\u3000１７", "W\u00a017", "W\u200b17", "W\n17", "👨\u200d👩\u200d👧", " W-17\t"])
def test_an_order_is_known_again_by_every_id_that_is_taken(shop: Client, alice: User, written: object) -> None:
    first, second = post(shop, body(external_id=written)), post(shop, body(external_id=written))
    assert (first.status_code, second.status_code, Order.objects.count()) == (201, 200, 1)


@pytest.mark.parametrize("sent", ["placed", "draft", None])
def test_an_order_that_comes_again_never_moves_back(shop: Client, alice: User, sent: str | None) -> None:
    post(shop, body(external_id="W-17"))
    Order.objects.update(status="shipped")
    changes = {"status": sent} if sent else {}
    assert (post(shop, body(external_id="W-17", **changes)).status_code, Order.objects.get().status) == (200, "shipped")


@pytest.mark.parametrize("sent", ["confirmed", "shipped", "delivered", "cancelled", "refunded"])
@pytest.mark.parametrize("stored", ["draft", "placed", "shipped", "delivered"])
def test_an_order_that_comes_again_moves_nowhere_but_from_draft_to_placed(shop: Client, alice: User, stored: str, sent: str) -> None:
    """Also where it stands there already: once it has moved on, the very same body must not become an error."""
    post(shop, body(external_id="W-17"))
    Order.objects.update(status=stored)
    assert problem(post(shop, body(external_id="W-17", status=sent))) == (400, "status", "bad_status")
    assert Order.objects.get().status == stored


@pytest.mark.parametrize(
    "odd", [{"customer": " alice "}, {"customer": "ａｌｉｃｅ"}, {"currency": " EUR "}, {"lines": [{"name": " Mug ", "unit_price": " 1 "}]}]
)
def test_the_very_same_body_again_is_never_an_error(shop: Client, alice: User, odd: dict[str, Any]) -> None:
    answers = [post(shop, body(external_id="W-17", **odd)) for _again in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lines": [{"name": "Mug", "quantity": 3, "unit_price": "12.50"}]}, "lines"),
        ({"lines": []}, "lines"),
        ({"customer": "bob"}, "customer"),
        ({"currency": "SEK"}, "currency"),
    ],
)
def test_an_order_that_comes_again_as_another_one_is_refused(
    shop: Client, alice: User, bob: User, changes: dict[str, Any], field: str
) -> None:
    post(shop, body(external_id="W-17"))
    assert problem(post(shop, body(external_id="W-17", **changes))) == (400, field, "read_only")


@pytest.mark.parametrize("price", ["12.5", "12.50", 12.5, "12.5000"])
def test_the_same_price_written_otherwise_is_the_same(shop: Client, alice: User, price: object) -> None:
    post(shop, body(external_id="W-17"))
    same = [{"name": "Mug", "sku": "M-1", "quantity": 2, "unit_price": price}]
    assert post(shop, body(external_id="W-17", lines=same)).status_code == 200


def test_an_id_is_the_same_with_blanks_around_it_and_as_a_number(shop: Client, alice: User) -> None:
    answers = [post(shop, body(external_id=given)) for given in ("17", " 17 ", 17)]
    assert [answer.status_code for answer in answers] == [201, 200, 200]


def test_two_clients_may_use_the_same_id(shop: Client, alice: User, clerk: User) -> None:
    post(shop, body(external_id="W-17"))
    browser = Client()
    browser.force_login(clerk)
    assert post(browser, body(external_id="W-17")).status_code == 201


def test_orders_without_an_id_of_the_shops_are_as_many_as_are_sent(shop: Client, alice: User) -> None:
    post(shop, body())
    assert post(shop, body()).status_code == 201


def test_an_id_that_is_taken_cant_be_given_later_either(shop: Client, alice: User) -> None:
    post(shop, body(external_id="W-17"))
    number = post(shop, body(external_id="W-18")).json()["number"]
    assert problem(patch(shop, Order.objects.get(pk=number), {"external_id": "W-17"})) == (400, "external_id", "unique")


def test_an_order_may_be_sent_its_own_id_again(shop: Client, alice: User) -> None:
    number = post(shop, body(external_id="W-17")).json()["number"]
    assert patch(shop, Order.objects.get(pk=number), {"external_id": "W-17"}).status_code == 200


# --- Changed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("move", ["draft placed", "draft cancelled", "placed shipped", "confirmed delivered", "placed placed"])
def test_a_status_moves_on(shop: Client, alice: User, place: Place, move: str) -> None:
    before, after = move.split()
    order = place(alice, status=before)
    assert patch(shop, order, {"status": after}).json()["status"] == after


@pytest.mark.parametrize("move", ["placed draft", "shipped placed", "delivered shipped", "cancelled placed", "draft shipped"])
def test_a_status_never_moves_back(shop: Client, alice: User, place: Place, move: str) -> None:
    before, after = move.split()
    order = place(alice, status=before)
    assert problem(patch(shop, order, {"status": after})) == (400, "status", "bad_move")
    order.refresh_from_db()
    assert order.status == before


@THREADS
def test_two_moves_at_once_that_exclude_each_other_are_not_both_accepted(shop: Client, alice: User, place: Place) -> None:
    order = place(alice)
    moves = ["cancelled", "shipped"]
    answers = at_once(8, lambda number: patch(shop, order, {"status": moves[number % 2]}))
    accepted = {answer.json()["status"] for answer in answers if answer.status_code == 200}
    assert accepted == {Order.objects.get().status}


@THREADS
def test_two_changes_of_different_fields_at_once_are_both_kept(shop: Client, alice: User, place: Place) -> None:
    order = place(alice)
    changes: list[dict[str, Any]] = [
        {"status": "shipped"},
        {"data": {"gift": True}},
        {"external_id": "W-17"},
        {"shipping_address": {"city": "Lund"}},
    ]
    at_once(4, lambda number: patch(shop, order, changes[number]))
    order.refresh_from_db()
    assert (order.status, order.data, order.external_id, order.city) == ("shipped", {"gift": True}, "W-17", "Lund")


def test_a_draft_that_is_placed_is_told(shop: Client, alice: User, place: Place) -> None:
    order = place(alice, status=Status.DRAFT)
    patch(shop, order, {"status": "placed"})
    drain()
    assert order.confirmations.get().state == "done"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lines", [{"name": "Mug", "unit_price": "1.00"}]),
        ("lines", []),
        ("lines", "junk"),
        ("lines", None),
        ("customer", "bob"),
        ("customer", "nobody"),
        ("currency", "JPY"),
        ("currency", "junk"),
    ],
)
@pytest.mark.parametrize("status", ["draft", "placed"])
def test_what_was_ordered_by_whom_stays_as_it_was(
    shop: Client, alice: User, bob: User, place: Place, status: str, field: str, value: object
) -> None:
    order = place(alice, status=status)
    before = shop.get(f"{URL}{order.number}/").json()
    assert problem(patch(shop, order, {field: value})) == (400, field, "read_only")
    assert shop.get(f"{URL}{order.number}/").json() == before


def test_an_order_may_be_sent_its_own_customer_and_currency_again(shop: Client, alice: User, place: Place) -> None:
    answer = patch(shop, place(alice), {"customer": "alice", "currency": "EUR", "status": "shipped"})
    assert (answer.status_code, answer.json()["status"]) == (200, "shipped")


@pytest.mark.parametrize("field", ["number", "version", "total", "placed_at", "updated_at", "confirmation", "conversation_id", "chat_url"])
def test_what_we_count_cant_be_written(shop: Client, alice: User, place: Place, field: str) -> None:
    order = place(alice)
    before = shop.get(f"{URL}{order.number}/").json()
    # Each `PATCH` moves `updated_at`, whatever is in it.
    assert patch(shop, order, {field: 7}).json() | {"updated_at": before["updated_at"]} == before


def test_a_wrong_address_changes_nothing(shop: Client, alice: User, place: Place) -> None:
    order = place(alice)
    answer = patch(shop, order, {"status": "shipped", "shipping_address": {"country": "ZX"}})
    order.refresh_from_db()
    assert (answer.status_code, order.status) == (400, "placed")


# --- In two languages --------------------------------------------------------------------------------------------------

TOO_LONG = {"en": "Ensure this field has no more than 100 characters.", "zh-hans": "请确保这个字段不能超过 100 个字符。"}


@pytest.mark.parametrize("first_language", TOO_LONG)
def test_each_caller_is_refused_in_their_own_language_whoever_asked_before(shop: Client, alice: User, first_language: str) -> None:
    languages = sorted(TOO_LONG, key=lambda language: language != first_language)
    answers = [
        shop.post(URL, body(external_id="x" * 101), content_type="application/json", headers={"Accept-Language": language})
        for language in languages
    ]
    assert [answer.json()["detail"] for answer in answers] == [TOO_LONG[language] for language in languages]
