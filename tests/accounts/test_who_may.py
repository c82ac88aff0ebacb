"""Who gets in at the API's doors for shops, and how lists and methods answer."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, User
from orders.models import Order

Place = Callable[..., Order]
Answer = Any
DOORS = [("/api/orders/", "order"), ("/api/customers/", "user")]


def problem(answer: Answer) -> tuple[int, str | None, str]:
    """Status, field and code of a refusal's first error."""
    assert answer["Content-Type"] == "application/problem+json"
    error = answer.json()["errors"][0]
    return answer.status_code, error["field"], error["code"]


def somebody(*permissions: str, **fields: Any) -> User:
    """A person with just these permissions."""
    person = User.objects.create_user("somebody", **fields)
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return person


def browser_of(person: User) -> Client:
    """Their browser."""
    browser = Client(raise_request_exception=False)
    browser.force_login(person)
    return browser


def program_of(person: User, **fields: Any) -> Client:
    """A program with a key of theirs."""
    _row, key = ApiKey.objects.create_key(user=person, name="test", **fields)
    return Client(headers={"Authorization": f"Token {key}"}, raise_request_exception=False)


def post(client: Client, url: str) -> Answer:
    """Try to make something."""
    return client.post(url, {}, content_type="application/json")


# --- Roles -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "model"), DOORS)
def test_a_stranger_is_asked_for_a_key(db: None, url: str, model: str) -> None:
    answer = Client().get(url)
    assert (problem(answer), answer["WWW-Authenticate"]) == ((401, None, "not_authenticated"), "Token")


@pytest.mark.parametrize(("url", "model"), DOORS)
def test_a_customer_with_a_login_stays_out(alice: User, url: str, model: str) -> None:
    assert problem(browser_of(alice).get(url)) == (403, None, "permission_denied")


@pytest.mark.parametrize(("url", "model"), DOORS)
def test_a_customer_with_every_permission_but_neither_staff_nor_a_key_stays_out(db: None, url: str, model: str) -> None:
    person = somebody(f"view_{model}", f"add_{model}")
    assert problem(browser_of(person).get(url)) == (403, None, "permission_denied")


@pytest.mark.parametrize(("url", "model"), DOORS)
def test_an_agent_stays_out(agent: User, url: str, model: str) -> None:
    assert problem(browser_of(agent).get(url)) == (403, None, "permission_denied")


@pytest.mark.parametrize(("url", "model"), DOORS)
@pytest.mark.parametrize("client_of", [browser_of, program_of])
def test_without_the_permission_nobody_reads(db: None, client_of: Callable[[User], Client], url: str, model: str) -> None:
    client = client_of(somebody(f"add_{model}", is_staff=True))
    assert problem(client.get(url)) == (403, None, "permission_denied")


@pytest.mark.parametrize(("url", "model"), DOORS)
@pytest.mark.parametrize("client_of", [browser_of, program_of])
def test_with_the_permission_to_read_one_reads(db: None, client_of: Callable[[User], Client], url: str, model: str) -> None:
    client = client_of(somebody(f"view_{model}", is_staff=True))
    assert client.get(url).status_code == 200


@pytest.mark.parametrize(("url", "model"), DOORS)
@pytest.mark.parametrize("client_of", [browser_of, program_of])
def test_with_the_permission_to_read_nobody_writes(db: None, client_of: Callable[[User], Client], url: str, model: str) -> None:
    client = client_of(somebody(f"view_{model}", is_staff=True))
    assert problem(post(client, url)) == (403, None, "permission_denied")


@pytest.mark.parametrize(("url", "model"), DOORS)
def test_with_the_permission_to_add_one_adds(db: None, url: str, model: str) -> None:
    assert post(program_of(somebody(f"add_{model}")), url).status_code == 400


def test_with_the_permission_to_add_orders_nobody_changes_them(alice: User, place: Place) -> None:
    order = place(alice)
    client = program_of(somebody("view_order", "add_order"))
    answer = client.patch(f"/api/orders/{order.number}/", {"status": "shipped"}, content_type="application/json")
    assert problem(answer) == (403, None, "permission_denied")


def test_staff_write_only_with_their_csrf_token(clerk: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(clerk)
    assert problem(post(browser, "/api/orders/")) == (403, None, "permission_denied")


# --- Keys --------------------------------------------------------------------------------------------------------------

ENDED: list[dict[str, Any]] = [{"revoked": True}, {"expiry_date": timezone.now() - timedelta(seconds=1)}]


@pytest.mark.parametrize("fields", ENDED, ids=["revoked", "expired"])
def test_a_key_that_ended_opens_nothing(clerk: User, fields: dict[str, Any]) -> None:
    assert problem(program_of(clerk, **fields).get("/api/orders/")) == (401, None, "bad_key")


def test_a_wrong_key_isnt_made_good_by_a_login(clerk: User) -> None:
    browser = browser_of(clerk)
    assert problem(browser.get("/api/orders/", headers={"Authorization": "Token wrong"})) == (401, None, "bad_key")


def test_one_clients_key_doesnt_open_with_anothers_prefix(clerk: User) -> None:
    _row, first = ApiKey.objects.create_key(user=clerk, name="a")
    _row, second = ApiKey.objects.create_key(user=clerk, name="b")
    mixed = f"{first.partition('.')[0]}.{second.partition('.')[2]}"
    assert problem(Client().get("/api/orders/", headers={"Authorization": f"Token {mixed}"})) == (401, None, "bad_key")


def test_a_key_in_the_address_or_the_cookie_opens_nothing(api_key: str) -> None:
    client = Client()
    client.cookies["Authorization"] = f"Token {api_key}"
    assert client.get("/api/orders/", {"key": api_key, "token": api_key}).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "Basic", "Api-Key", ""])
def test_another_scheme_is_no_key(api_key: str, scheme: str) -> None:
    answer = Client().get("/api/orders/", headers={"Authorization": f"{scheme} {api_key}".strip()})
    assert problem(answer) == (401, None, "not_authenticated")


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN"])
def test_the_scheme_is_written_as_one_likes(api_key: str, scheme: str) -> None:
    assert Client().get("/api/orders/", headers={"Authorization": f"{scheme} {api_key}"}).status_code == 200


def test_the_key_itself_is_not_in_the_database(api_key: str) -> None:
    row = ApiKey.objects.get(user__username="shop")
    assert api_key.partition(".")[2] not in f"{row.hashed_key}{row.name}{row.id}"


# --- Methods -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(api_key: str) -> Client:
    """A client with a key that may do everything."""
    return Client(headers={"Authorization": f"Token {api_key}"}, raise_request_exception=False)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("url", ["/api/orders/{}/", "/api/customers/alice/"])
def test_nothing_is_replaced_or_deleted(shop: Client, alice: User, place: Place, method: str, url: str) -> None:
    order = place(alice)
    answer = shop.generic(method, url.format(order.number), "{}", content_type="application/json")
    assert problem(answer) == (405, None, "method_not_allowed")


ODD_METHODS = [
    *(("DELETE", "/api/orders/"), ("DELETE", "/api/orders/{}/"), ("PUT", "/api/orders/{}/"), ("POST", "/api/orders/{}/explain/")),
    *(("DELETE", "/api/customers/alice/"), ("POST", "/api/events/"), ("DELETE", "/user"), ("GET", "/order")),
]


@pytest.mark.parametrize(("method", "url"), ODD_METHODS)
def test_what_nobody_can_do_is_no_matter_of_permission(alice: User, place: Place, method: str, url: str) -> None:
    """A client of the group has no permission to delete, and would look for one."""
    reader = program_of(somebody("view_order", "view_user"))
    answer = reader.generic(method, url.format(place(alice).number), "{}", content_type="application/json")
    assert (problem(answer), method in answer["Allow"]) == ((405, None, "method_not_allowed"), False)


@pytest.mark.parametrize("url", ["/api/orders/", "/api/customers/", "/api/customers/alice/"])
def test_a_head_request_is_answered_without_a_body(shop: Client, alice: User, url: str) -> None:
    answer = shop.head(url)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("url", ["/api/orders/", "/api/customers/"])
def test_options_say_what_can_be_done(shop: Client, url: str) -> None:
    answer = shop.options(url)
    assert (answer.status_code, answer["Allow"]) == (200, "GET, POST, HEAD, OPTIONS")


def test_a_stranger_learns_nothing_by_options(db: None) -> None:
    assert problem(Client().options("/api/orders/")) == (401, None, "not_authenticated")


@pytest.mark.parametrize("number", ["0", "1", "9" * 18, "9" * 19, "9" * 5000, "-1", "1.5", "x", "%00", "٣"])
def test_an_order_that_isnt_there_is_a_404(shop: Client, number: str) -> None:
    assert shop.get(f"/api/orders/{number}/").status_code == 404


# --- Lists -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def five(alice: User, place: Place) -> list[int]:
    """Five orders' numbers, the newest first."""
    return [place(alice).number for _number in range(5)][::-1]


def numbers(answer: Answer) -> list[int]:
    """The orders of a page."""
    return [row["number"] for row in answer.json()["results"]]


def test_a_list_shows_the_newest_first(shop: Client, five: list[int]) -> None:
    assert numbers(shop.get("/api/orders/")) == five


def test_a_list_goes_on_by_cursor_and_back(shop: Client, five: list[int]) -> None:
    first = shop.get("/api/orders/?limit=2")
    second = shop.get(first.json()["next"])
    third = shop.get(second.json()["next"])
    assert [numbers(first), numbers(second), numbers(third)] == [five[:2], five[2:4], five[4:]]
    assert numbers(shop.get(second.json()["previous"])) == five[:2]


def test_an_order_that_arrives_meanwhile_shifts_no_page(shop: Client, five: list[int], alice: User, place: Place) -> None:
    first = shop.get("/api/orders/?limit=2").json()
    place(alice)
    assert numbers(shop.get(first["next"])) == five[2:4]


def test_a_list_asks_the_database_as_often_for_five_orders_as_for_one(
    shop: Client, five: list[int], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(8):
        shop.get("/api/orders/")


def made_up(position: str) -> str:
    """A cursor that somebody made up."""
    return base64.b64encode(f"p={position}".encode()).decode()


@pytest.mark.parametrize("cursor", ["junk", "x" * 5000, *map(made_up, ["junk", "\x00", "1.5", "2026-01-01"])])
def test_a_cursor_that_we_never_gave_is_a_404(shop: Client, five: list[int], cursor: str) -> None:
    assert problem(shop.get("/api/orders/", {"cursor": cursor})) == (404, None, "not_found")


@pytest.mark.parametrize("cursor", [made_up("-5"), made_up("9" * 400)])
def test_a_cursor_beyond_the_list_is_no_error(shop: Client, five: list[int], cursor: str) -> None:
    assert shop.get("/api/orders/", {"cursor": cursor}).status_code == 200


@pytest.mark.parametrize("limit", ["0", "-1", "junk", "", "9" * 5000, "1.5"])
def test_a_junk_limit_is_the_usual_one(shop: Client, five: list[int], limit: str) -> None:
    assert numbers(shop.get("/api/orders/", {"limit": limit})) == five


def test_a_limit_has_its_limit(shop: Client, alice: User) -> None:
    Order.objects.bulk_create(Order(customer=alice) for _number in range(201))
    assert len(numbers(shop.get("/api/orders/?limit=1000"))) == 200
