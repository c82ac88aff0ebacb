"""What somebody tries who wants to lead others elsewhere, to write more heads into a mail, or to find what breaks, at every door."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from pytest_django import Settings

from accounts.models import ApiKey, User
from chat import conversations
from chat.coordinator import drain
from orders.mail_models import StoredMail
from orders.models import Order
from tests import routes
from tests.opening import link_to, press

Place = Callable[..., Order]
Visitors = dict[str, Client]


@pytest.fixture
def order(alice: User, place: Place) -> Order:
    """Alice's, told."""
    placed = place(alice)
    drain()
    return placed


@pytest.fixture
def visitors(order: Order, clerk: User, settings: Settings) -> Visitors:
    """A stranger, the customer by their link, and a program that may do everything."""
    settings.API_REQUESTS_PER_MINUTE = 0
    _row, key = ApiKey.objects.create_key(user=clerk, name="shop")
    by_link = Client(raise_request_exception=False)
    press(by_link, link_to(conversations.open_for(order.customer), order.number))
    program = Client(headers={"Authorization": f"Token {key}"}, raise_request_exception=False)
    return {"stranger": Client(raise_request_exception=False), "customer by link": by_link, "program": program}


def page_of(order: Order) -> str:
    """The customer's page."""
    return f"/chat/{order.customer.username}/{conversations.open_for(order.customer).public_id}/{order.number}"


# --- Led elsewhere -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "onward",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "http:///evil.example", "javascript:alert(1)"],
)
@pytest.mark.parametrize("door", ["language", "the chat's language", "log-in", "log-in by password"])
def test_nobody_is_led_to_another_site(visitors: Visitors, order: Order, agent: User, door: str, onward: str) -> None:
    logged_in = Client()
    logged_in.force_login(agent)
    asked: dict[str, Callable[[], Any]] = {
        "language": lambda: visitors["stranger"].post("/language/", {"language": "en", "next": onward}),
        "the chat's language": lambda: visitors["customer by link"].post(f"{page_of(order)}/language", {"language": "en", "next": onward}),
        "log-in": lambda: logged_in.get("/login/", {"next": onward}),
        "log-in by password": lambda: Client().post("/login/", {"username": "agent", "password": "a long password", "next": onward}),
    }
    answer = asked[door]()
    assert (answer.status_code, re.fullmatch(r"/|/inbox/|/chat/.*", answer["Location"]) is not None) == (302, True), answer["Location"]


def test_where_a_page_was_linked_from_is_not_where_one_is_led(visitors: Visitors) -> None:
    answer = visitors["stranger"].post("/language/", {"language": "en"}, headers={"Referer": "https://evil.example/"})
    assert answer["Location"] == "/"


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost@evil.example", "localhost:80@evil.example", "localhost, evil.example", "[::1]evil"]
)
def test_a_host_that_is_not_ours_is_answered_nothing(visitors: Visitors, host: str) -> None:
    assert visitors["stranger"].get("/login/", headers={"Host": host}).status_code == 400


def test_what_a_caller_says_of_the_host_gets_into_no_page_and_no_link(visitors: Visitors, order: Order) -> None:
    told = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "X-Original-URL": "/admin/"}
    page = visitors["customer by link"].get(page_of(order), headers=told)
    made = visitors["program"].post("/order", {"username": "alice"}, headers=told)
    drain()
    mails = "".join(mail.html + mail.text for mail in StoredMail.objects.all())
    assert [page.status_code, made.status_code, *("evil.example" in text for text in (page.text, made.text, mails))] == [
        200,
        201,
        False,
        False,
        False,
    ]


# --- More heads of a mail ----------------------------------------------------------------------------------------------

BREAKS = ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x85"]


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize("field", ["name", "email"])
def test_no_program_gets_a_line_break_into_a_mails_head(visitors: Visitors, field: str, line_break: str) -> None:
    wanted = {"username": "eve", "name": "Eve", "email": "eve@example.com"}
    wanted[field] = f"{wanted[field]}{line_break}Bcc: mallory@example.com"
    assert visitors["program"].post("/api/customers/", wanted, content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    "name",
    [
        "Eve\r\nBcc: mallory@example.com",
        "=?utf-8?q?Eve?= <mallory@example.com>",
        '"Eve" <mallory@example.com>,',
        "Eve, mallory@example.com",
    ],
)
def test_a_name_that_came_past_the_forms_leaves_a_mail_with_one_receiver(place: Place, name: str) -> None:
    place(User.objects.create_user("eve", "eve@example.com", name=name))
    drain()
    headers = StoredMail.objects.get().headers
    assert (headers["To"].endswith("<eve@example.com>"), "\n" in headers["To"], "\r" in headers["To"], "Bcc" in headers) == (
        True,
        False,
        False,
        False,
    )


# --- What might break ----------------------------------------------------------------------------------------------------

ODD_PARTS = ["0", "-1", "9" * 19, "9" * 40, "%00", "%ED%A0%80", "a%0d%0aX-A:%20b", "%2e%2e", "..%2f..", "%F0%9F%98%80", "x" * 300, "١"]
ODD_VALUES = ["%00", "%ED%A0%80", "9" * 30]
QUESTIONS = ["after", "before", "limit", "cursor", "type", "waiting", "as", "key", "dry_run", "status", "customer", "external_id", "told"]
QUESTIONS += ["placed_from", "changed_from", "ordering", "username", "email", "next", "show", "times", "call", "side", "format"]
ODD_BODIES = [
    ("application/json", "[" * 100_000),
    ("application/json", '{"customer": "alice", "lines": [{"name": "x", "quantity": %s, "unit_price": "1"}]}' % ("9" * 5000)),
    ("application/json", '{"customer": "alice", "lines": [{"name": "x", "unit_price": "1e999999"}]}'),
    ("application/json", '{"customer": "alice", "data": {"\\ud800": "\\u0000"}, "lines": [{"name": "\\ud800", "unit_price": 1e308}]}'),
    ("application/json", b"\xff\xfe{}"),
    ("application/json; charset=nonsense", "{}"),
    ("application/x-www-form-urlencoded", "a=1&" * 6000),
    ("application/x-www-form-urlencoded; charset=nonsense", "username=alice"),
    ("multipart/form-data", "x"),
    ("multipart/form-data; boundary=x", '--x\r\nContent-Disposition: form-data; name="username"; filename="a"\r\n\r\nx\r\n--x--\r\n'),
    ("application/json", b"\x1f\x8b\x08\x00" + b"\x00" * 100),
]


def odd_addresses(order: Order, who: str) -> list[str]:
    """Every route outside the admin (and, for a stranger, the API) with one odd part or one odd answer to a question."""
    usual = {"conversation_id": order.customer.conversation.public_id, "username": "alice", "order_id": order.number, "pk": order.number}
    usual |= {"public_id": f"WHK-{'0' * 36}", "delivery": "0" * 36, "secret": "x", "number": order.number}
    found = []
    for place in routes.everything(lambda _route, name: f"<{name}>"):
        if not place.name.startswith(("/admin/", "/api/") if who == "stranger" else "/admin/"):
            names = re.findall(r"<(\w+)>", place.address)
            plain = _filled(place.address, usual)
            found += [f"{plain}?{question}={value}" for question in QUESTIONS for value in ODD_VALUES]
            found += [_filled(place.address, usual | {name: part}) for name in names for part in ODD_PARTS]
    return found


def _filled(address: str, values: dict[str, Any]) -> str:
    return re.sub(r"<(\w+)>", lambda part: str(values.get(part[1], "x")), address)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("who", ["stranger", "customer by link", "program"])
def test_no_odd_address_makes_a_door_fail(visitors: Visitors, order: Order, who: str) -> None:
    asked: dict[str, int] = {}
    for address in odd_addresses(order, who):
        with transaction.atomic():
            asked[address] = visitors[who].get(address).status_code
            transaction.set_rollback(True)
    assert (len(asked) > 1000, {address: status for address, status in asked.items() if status >= 500}) == (True, {})


@pytest.mark.slow
@pytest.mark.parametrize("kind", ODD_BODIES, ids=lambda kind: str(kind[0])[:40])
def test_no_odd_body_makes_a_door_fail(visitors: Visitors, order: Order, kind: tuple[str, str | bytes]) -> None:
    content_type, body = kind
    doors = [
        route for route, _pattern in routes._walk(get_resolver().url_patterns, "") if "<" not in route and not route.startswith("admin/")
    ]
    doors += [
        f"api/conversations/{order.customer.conversation.public_id}/{door}/" for door in ("events", "seen", "solve", "calls", "present")
    ]
    asked = {
        (door, key): visitors["program"]
        .generic("POST", f"/{door.strip('^$').replace('/?', '/')}", body, content_type, headers={"Idempotency-Key": key} if key else {})
        .status_code
        for door in doors
        for key in ("", "odd")
    }
    assert {door: status for door, status in asked.items() if status >= 500} == {}
