"""The original guide's routes as strangers, clumsy scripts and foreign pages call them."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import ApiKey, User
from chat.coordinator import drain
from chat.models import Conversation
from orders.mail_models import StoredMail
from orders.models import Order
from tests.accounts.threads import THREADS, at_once
from tests.opening import come_in

FORM = "application/x-www-form-urlencoded"
Answer = Any


@pytest.fixture
def demo(settings: Settings) -> None:
    """The demo, as `make demo` serves it."""
    settings.DEMO = True


@pytest.fixture
def stranger() -> Client:
    """A caller like curl: no cookies, no CSRF token, and no exception comes through the wire."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def make_key(client: User, **fields: Any) -> str:
    """A key of that client."""
    _row, key = ApiKey.objects.create_key(user=client, name="test", **fields)
    return f"Token {key}"


def curl(client: Client, path: str, body: str, **headers: Any) -> Answer:
    """What `curl -d <body> -X POST` sends."""
    return client.post(path, body, content_type=FORM, **headers)


def send(client: Client, path: str, body: object, **headers: Any) -> Answer:
    """A JSON body."""
    return client.post(path, json.dumps(body), content_type="application/json", **headers)


def problem(answer: Answer) -> tuple[int, str | None, str]:
    """Status, field and code of a refusal; it is a problem document, and says in a sentence what is wrong."""
    assert answer["Content-Type"] == "application/problem+json"
    document = answer.json()
    error = document["errors"][0]
    assert (document["status"], error["detail"][-1:]) == (answer.status_code, ".")
    return answer.status_code, error["field"], error["code"]


def stored() -> tuple[int, int, int]:
    """How many users, conversations and orders there are."""
    return User.objects.count(), Conversation.objects.count(), Order.objects.count()


# --- As the guide shows it ---------------------------------------------------------------------------------------------


def test_the_guides_first_curl_makes_a_user_and_a_conversation(demo: None, stranger: Client, db: None) -> None:
    answer = curl(stranger, "/user", "username=user-123")
    conversation = Conversation.objects.get(customer__username="user-123")
    assert answer.status_code == 201
    assert answer.json() == {
        "user_id": conversation.customer.public_id,
        "username": "user-123",
        "role": "customer",
        "conversation_id": conversation.public_id,
        "inbox_url": None,
    }


def test_the_guides_order_names_number_text_and_link(demo: None, stranger: Client, alice: User) -> None:
    answer = curl(stranger, "/order", "username=alice")
    order = Order.objects.get()
    path = f"/chat/alice/{alice.conversation.public_id}/{order.number}?key="
    assert answer.status_code == 201
    told = answer.json()
    assert (told["order_id"], told["order_text"]) == (
        order.number,
        "You purchased 1 × Widget for $4.99. Thank you for your order!",
    )
    assert told["chat_url"].startswith(f"http://localhost:3000{path}")


def test_the_guides_order_opens_the_chat_though_no_worker_told_it_yet(demo: None, stranger: Client, alice: User) -> None:
    link = curl(stranger, "/order", "username=alice").json()["chat_url"]
    assert come_in(stranger, link.removeprefix("http://localhost:3000")).status_code == 200


def test_the_guides_order_is_told_by_mail(demo: None, stranger: Client, alice: User) -> None:
    link = curl(stranger, "/order", "username=alice").json()["chat_url"]
    drain()
    assert StoredMail.objects.get().params["url"].partition("?")[0] == link.partition("?")[0]


@pytest.mark.parametrize("post", [curl, send], ids=["form", "JSON"])
def test_the_same_user_again_is_the_same_user(demo: None, stranger: Client, db: None, post: Callable[..., Answer]) -> None:
    first = curl(stranger, "/user", "username=user-123")
    again = post(stranger, "/user", "username=user-123" if post is curl else {"username": "user-123"})
    assert (again.status_code, again.json()) == (200, first.json())


def test_multipart_is_taken_too(demo: None, stranger: Client, db: None) -> None:
    assert stranger.post("/user", {"username": "user-123"}).status_code == 201


def test_a_whole_order_is_taken_with_its_lines(demo: None, stranger: Client, alice: User) -> None:
    lines = [{"name": "Mug", "quantity": 2, "unit_price": "12.50"}]
    answer = send(stranger, "/order", {"username": "alice", "currency": "EUR", "lines": lines})
    assert (answer.status_code, str(Order.objects.get().total)) == (201, "25.00")


@pytest.mark.parametrize(
    "username",
    ["ＡＬＩＣＥ-wide", "  spaced  ", "john.", ".john", "a..b", "@john", "名前", "a" * 150, "o'neil".replace("'", "+")],
)
def test_a_name_that_makes_a_user_makes_the_same_user_again(demo: None, stranger: Client, db: None, username: str) -> None:
    first = send(stranger, "/user", {"username": username})
    again = send(stranger, "/user", {"username": username})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


def test_a_name_that_only_looks_different_is_the_same_user(demo: None, stranger: Client, alice: User) -> None:
    answer = send(stranger, "/user", {"username": "ａｌｉｃｅ"})
    assert (answer.status_code, answer.json()["user_id"]) == (200, alice.public_id)


@THREADS
def test_the_same_user_posted_eight_times_at_once_is_one(demo: None, stranger: Client) -> None:
    answers = at_once(8, lambda number: curl(stranger, "/user", "username=user-123"))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["conversation_id"] for answer in answers}) == 1


@THREADS
def test_orders_posted_eight_times_at_once_are_eight(demo: None, stranger: Client, alice: User) -> None:
    answers = at_once(8, lambda number: curl(stranger, "/order", "username=alice"))
    assert len({answer.json()["order_id"] for answer in answers}) == 8


@pytest.mark.parametrize(
    "more",
    [
        {"line": [{"name": "Mug", "quantity": 2, "unit_price": "12.50"}]},
        {"currency": "EUR"},
        {"external_id": ""},
        {"lines": None},
        {"customer": "alice"},
        {"data": {}},
    ],
)
def test_a_faulty_order_is_not_replaced_by_the_sample(demo: None, stranger: Client, alice: User, more: dict[str, Any]) -> None:
    answer = send(stranger, "/order", {"username": "alice"} | more)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]], Order.objects.count()) == (400, ["lines"], 0)


def test_an_id_of_a_shops_without_a_key_is_refused_because_it_could_not_be_known_again(demo: None, stranger: Client, alice: User) -> None:
    order = {"username": "alice", "external_id": "W-1", "lines": [{"name": "Mug", "unit_price": "1"}]}
    assert (problem(send(stranger, "/order", order)), Order.objects.exists()) == ((400, "external_id", "key_needed"), False)


def test_an_empty_id_of_a_shops_needs_no_key(demo: None, stranger: Client, alice: User) -> None:
    order = {"username": "alice", "external_id": "", "lines": [{"name": "Mug", "unit_price": "1"}]}
    assert send(stranger, "/order", order).status_code == 201


def test_an_order_with_an_id_of_a_shops_comes_again_by_key_in_the_demo_too(demo: None, stranger: Client, alice: User, api_key: str) -> None:
    order = {"username": "alice", "external_id": "W-1", "lines": [{"name": "Mug", "unit_price": "1"}]}
    answers = [send(stranger, "/order", order, HTTP_AUTHORIZATION=f"Token {api_key}") for _again in range(2)]
    assert ([answer.status_code for answer in answers], Order.objects.count()) == ([201, 200], 1)


def test_a_faulty_order_in_a_form_is_not_replaced_by_the_sample(demo: None, stranger: Client, alice: User) -> None:
    answer = curl(stranger, "/order", "username=alice&currency=EUR")
    assert (problem(answer), Order.objects.count()) == ((400, "lines", "required"), 0)


def test_a_last_slash_loses_no_user_and_no_order(demo: None, stranger: Client, db: None) -> None:
    """A redirect would lose the body, and a page that says 404 is nothing for a program."""
    answers = [curl(stranger, path, "username=user-123") for path in ("/user/", "/order/")]
    assert ([answer.status_code for answer in answers], Order.objects.count()) == ([201, 201], 1)


# --- Bad input ---------------------------------------------------------------------------------------------------------

DEEP = "[" * 100_000
BAD_USERS: list[Any] = [
    ("", FORM, (400, "username", "required")),
    ("username=", FORM, (400, "username", "blank")),
    ("username=%20%20", FORM, (400, "username", "blank")),
    ("username=a%00b", FORM, (400, "username", "invalid")),
    ("username=no%20spaces", FORM, (400, "username", "invalid")),
    ("username=a%2Fb", FORM, (400, "username", "invalid")),
    ("username=.", FORM, (400, "username", "only_dots")),
    ("username=..", FORM, (400, "username", "only_dots")),
    ("username=" + "x" * 151, FORM, (400, "username", "max_length")),
    ("username=" + "x" * 10_240, FORM, (400, "username", "max_length")),
    ("&".join(f"f{number}=1" for number in range(5001)), FORM, (400, None, "too_many_fields")),
    ("username=" + "x" * 2_000_000, FORM, (413, None, "too_large")),
    ("{}", "application/json", (400, "username", "required")),
    ('{"username": null}', "application/json", (400, "username", "null")),
    ('{"username": true}', "application/json", (400, "username", "invalid")),
    ('{"username": ["user-123"]}', "application/json", (400, "username", "invalid")),
    ('{"username": {"a": 1}}', "application/json", (400, "username", "invalid")),
    ('{"username": "\\ud800"}', "application/json", (400, "username", "invalid")),
    ('{"username": "user-123", "email": "no address"}', "application/json", (400, "email", "invalid")),
    ('{"username": "user-123", "language": "xx"}', "application/json", (400, "language", "invalid_choice")),
    ('{"username": "user-123", "time_zone": "Mars/Olympus"}', "application/json", (400, "time_zone", "unknown_time_zone")),
    ('["user-123"]', "application/json", (400, None, "not_an_object")),
    ('"user-123"', "application/json", (400, None, "not_an_object")),
    ("null", "application/json", (400, None, "not_an_object")),
    ('{"username": ', "application/json", (400, None, "parse_error")),
    ('{"username": NaN}', "application/json", (400, None, "parse_error")),
    (b'{"username": "\xff"}', "application/json", (400, None, "parse_error")),
    (DEEP, "application/json", (400, None, "parse_error")),
    ('{"username": ' + "9" * 5000 + "}", "application/json", (400, None, "parse_error")),
    ('{"username": "' + "x" * 2_000_000 + '"}', "application/json", (413, None, "too_large")),
    ("username=user-123", "text/plain", (415, None, "unsupported_media_type")),
    ("<user/>", "application/xml", (415, None, "unsupported_media_type")),
    ("username=user-123", "multipart/form-data", (400, None, "parse_error")),
    ("--x\r\nrubbish", "multipart/form-data; boundary=x", (400, "username", "required")),
]


@pytest.mark.parametrize(("body", "content_type", "expected"), BAD_USERS)
def test_a_user_that_cant_be_made_is_refused_by_field_and_code(
    demo: None, stranger: Client, db: None, body: Any, content_type: str, expected: Any
) -> None:
    before = stored()
    answer = stranger.generic("POST", "/user", body, content_type=content_type)
    assert problem(answer) == expected
    assert stored() == before


BAD_ORDERS: list[Any] = [
    ("", FORM, (400, "username", "required")),
    ("username=", FORM, (400, "username", "required")),
    ("username=nobody", FORM, (400, "username", "unknown_user")),
    ("username=alice%00", FORM, (400, "username", "unknown_user")),
    ("username=" + "x" * 10_240, FORM, (400, "username", "unknown_user")),
    ("username=alice&lines=2", FORM, (400, "lines", "not_a_list")),
    ('{"username": null}', "application/json", (400, "username", "required")),
    ('{"username": 5}', "application/json", (400, "username", "unknown_user")),
    ('{"username": ["alice"]}', "application/json", (400, "username", "unknown_user")),
    ('{"username": {"a": "alice"}}', "application/json", (400, "username", "unknown_user")),
    ('{"username": "\\ud800"}', "application/json", (400, "username", "unknown_user")),
    ('[{"username": "alice"}]', "application/json", (400, None, "not_an_object")),
    ('{"username": "alice", "lines": []}', "application/json", (400, "lines", "empty")),
    ('{"username": "alice", "lines": [5]}', "application/json", (400, "lines.0", "invalid")),
    ('{"username": "alice", "lines": [{}]}', "application/json", (400, "lines.0.name", "required")),
    ('{"username": "alice"', "application/json", (400, None, "parse_error")),
    (DEEP, "application/json", (400, None, "parse_error")),
    ("alice", "text/plain", (415, None, "unsupported_media_type")),
]


@pytest.mark.parametrize(("body", "content_type", "expected"), BAD_ORDERS)
def test_an_order_that_cant_be_placed_is_refused_by_field_and_code(
    demo: None, stranger: Client, alice: User, body: Any, content_type: str, expected: Any
) -> None:
    before = stored()
    answer = stranger.generic("POST", "/order", body, content_type=content_type)
    assert problem(answer) == expected
    assert stored() == before


PARTS = b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\nJ\xfcrgen\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("username=Jürgen".encode("latin-1"), FORM),
        (b"username=J%FCrgen", FORM),
        (b"user%FFname=x&username=a", FORM),
        (b"username=a%C3", FORM),
        ('{"username": "Jürgen"}'.encode("latin-1"), "application/json"),
        (PARTS, "multipart/form-data; boundary=x"),
    ],
)
@pytest.mark.parametrize("path", ["/user", "/order"])
def test_a_body_in_another_alphabets_bytes_is_refused(
    demo: None, stranger: Client, db: None, path: str, body: bytes, content_type: str
) -> None:
    answer = stranger.generic("POST", path, body, content_type=content_type)
    assert (problem(answer), answer.json()["detail"]) == ((400, None, "parse_error"), "The body is not written in UTF-8.")
    assert not User.objects.exists()


def test_a_form_in_utf8_is_taken_as_it_is_written(demo: None, stranger: Client, db: None) -> None:
    bodies = [b"username=a&name=J%C3%BCrgen", "username=b&name=Jürgen".encode()]
    codes = [stranger.generic("POST", "/user", body, content_type=FORM).status_code for body in bodies]
    assert (codes, set(User.objects.values_list("name", flat=True))) == ([201, 201], {"Jürgen"})


@pytest.mark.parametrize(
    ("content_type", "detail"),
    [
        ("text/plain", "Send application/x-www-form-urlencoded or application/json or multipart/form-data; this came as text/plain."),
        ("", "Say in the header Content-Type what you send: application/x-www-form-urlencoded or application/json or multipart/form-data."),
    ],
)
def test_who_sends_what_cant_be_read_is_told_what_can(demo: None, stranger: Client, db: None, content_type: str, detail: str) -> None:
    answer = stranger.generic("POST", "/user", "username=a", content_type=content_type)
    assert (problem(answer), answer.json()["detail"]) == ((415, None, "unsupported_media_type"), detail)


def test_a_file_is_no_name(demo: None, stranger: Client, db: None) -> None:
    answer = stranger.post("/user", {"username": SimpleUploadedFile("user.txt", b"user-123")})
    assert problem(answer) == (400, "username", "invalid")


def test_an_order_for_somebody_who_was_switched_off_is_refused(demo: None, stranger: Client, alice: User) -> None:
    User.objects.update(is_active=False)
    assert problem(curl(stranger, "/order", "username=alice")) == (400, "username", "unknown_user")


@pytest.mark.parametrize("more", [{}, {"lines": [{"name": "Mug", "unit_price": "1"}]}])
@pytest.mark.parametrize("username", ["clerk", "agent"])
def test_an_order_for_somebody_of_the_house_is_refused(
    demo: None, stranger: Client, agent: User, clerk: User, username: str, more: dict[str, Any]
) -> None:
    answer = send(stranger, "/order", {"username": username} | more)
    assert (problem(answer), Order.objects.exists(), Conversation.objects.exists()) == ((400, "username", "does_not_exist"), False, False)


@pytest.mark.parametrize("path", ["/user", "/order"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_only_post_is_answered(demo: None, stranger: Client, db: None, path: str, method: str) -> None:
    assert problem(stranger.generic(method, path)) == (405, None, "method_not_allowed")


# --- Who may -----------------------------------------------------------------------------------------------------------

REFUSED = [("/user", "username=user-123"), ("/order", "username=alice")]


@pytest.mark.parametrize(("path", "body"), REFUSED)
def test_outside_the_demo_nobody_gets_in_without_a_key(stranger: Client, alice: User, path: str, body: str) -> None:
    before = stored()
    assert problem(curl(stranger, path, body)) == (401, None, "not_authenticated")
    assert stored() == before


@pytest.mark.parametrize(("path", "body"), REFUSED)
def test_outside_the_demo_a_key_gets_in(stranger: Client, alice: User, api_key: str, path: str, body: str) -> None:
    assert curl(stranger, path, body, HTTP_AUTHORIZATION=f"Token {api_key}").status_code == 201


@pytest.mark.parametrize(("path", "body"), REFUSED)
def test_a_key_without_the_permission_gets_in_nowhere(stranger: Client, alice: User, bob: User, path: str, body: str) -> None:
    before = stored()
    assert problem(curl(stranger, path, body, HTTP_AUTHORIZATION=make_key(bob))) == (403, None, "permission_denied")
    assert stored() == before


@pytest.mark.parametrize(("path", "body"), REFUSED)
def test_staff_without_the_permission_get_in_nowhere(client: Client, alice: User, path: str, body: str) -> None:
    client.force_login(User.objects.create_user("intern", is_staff=True))
    before = stored()
    assert problem(curl(client, path, body)) == (403, None, "permission_denied")
    assert stored() == before


@pytest.mark.parametrize("fields", [{"revoked": True}, {"expiry_date": timezone.now() - timedelta(days=1)}], ids=["revoked", "expired"])
def test_a_key_that_ended_opens_nothing_not_even_in_the_demo(
    demo: None, stranger: Client, clerk: User, alice: User, fields: dict[str, Any]
) -> None:
    answer = curl(stranger, "/order", "username=alice", HTTP_AUTHORIZATION=make_key(clerk, **fields))
    assert problem(answer) == (401, None, "bad_key")


@pytest.mark.parametrize(
    "given", ["Token", "Token x", "Token " + "a" * 8 + "." + "b" * 32, "token \x00", "Token " + "x" * 100_000, "Token a b c"]
)
def test_a_key_that_never_was_opens_nothing(stranger: Client, alice: User, given: str) -> None:
    assert problem(curl(stranger, "/order", "username=alice", HTTP_AUTHORIZATION=given)) == (401, None, "bad_key")


def test_a_key_of_a_client_that_was_switched_off_opens_nothing(stranger: Client, clerk: User, alice: User) -> None:
    key = make_key(clerk)
    User.objects.filter(pk=clerk.pk).update(is_active=False)
    assert problem(curl(stranger, "/order", "username=alice", HTTP_AUTHORIZATION=key)) == (401, None, "bad_key")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:3001", "https://localhost:3000", "http://localhost:3000.evil.example"]
)
def test_a_foreign_page_cant_use_the_demo_from_its_visitors_browser(demo: None, stranger: Client, alice: User, origin: str) -> None:
    assert problem(curl(stranger, "/order", "username=alice", HTTP_ORIGIN=origin)) == (401, None, "not_authenticated")


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:3000"])
def test_the_demos_own_page_may_use_it(demo: None, stranger: Client, alice: User, origin: str) -> None:
    host = origin.removeprefix("http://")
    assert curl(stranger, "/order", "username=alice", HTTP_ORIGIN=origin, HTTP_HOST=host).status_code == 201


@pytest.mark.parametrize("address", ["192.168.0.5", "203.0.113.9", "::ffff:203.0.113.9", ""])
def test_the_demo_is_open_to_its_own_machine_only(demo: None, stranger: Client, alice: User, address: str) -> None:
    answer = curl(stranger, "/order", "username=alice", REMOTE_ADDR=address)
    assert problem(answer) == (401, None, "not_authenticated")


def test_a_proxys_header_makes_nobody_local(demo: None, stranger: Client, alice: User) -> None:
    answer = curl(stranger, "/order", "username=alice", REMOTE_ADDR="203.0.113.9", HTTP_X_FORWARDED_FOR="127.0.0.1")
    assert problem(answer) == (401, None, "not_authenticated")


@pytest.mark.parametrize("username", ["clerk", "agent"])
def test_staff_and_agents_get_no_conversation_of_their_own(demo: None, stranger: Client, agent: User, clerk: User, username: str) -> None:
    assert curl(stranger, "/user", f"username={username}").json()["conversation_id"] is None
