"""What stands in the query of an address is understood or refused, and never ignored."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from chat import conversations
from orders.models import Order

ORDERS = "/api/orders/"
CUSTOMERS = "/api/customers/"
# "CON" stands for Alice's conversation.
EVENTS = "/api/conversations/CON/events/"
ORDER = {"customer": "alice", "lines": [{"name": "Mug", "quantity": 2, "unit_price": "12.50"}]}
Answer = Any


@pytest.fixture
def shop(api_key: str, agent: User) -> Client:
    """A client with a key that may do everything, chats included."""
    User.objects.get(username="shop").groups.set(agent.groups.all())
    return Client(headers={"Authorization": f"Token {api_key}"}, raise_request_exception=False)


def address_of(customer: User, path: str) -> str:
    """The path with the customer's conversation in it."""
    return path.replace("CON", conversations.open_for(customer).public_id)


def problem(answer: Answer) -> tuple[int, str | None, str]:
    """Status, field and code of a refusal with one error."""
    (error,) = answer.json()["errors"]
    return answer.status_code, error["field"], error["code"]


@pytest.mark.parametrize("value", ["", "%20"])
@pytest.mark.parametrize(
    "asked",
    [
        *(f"{ORDERS}?{name}" for name in ("status", "customer", "external_id", "told", "placed_from", "placed_before", "changed_from")),
        *(f"{CUSTOMERS}?{name}" for name in ("username", "email")),
        f"{ORDERS}?ordering",
        "/api/events/?after",
        "/api/events/?type",
        "/api/conversations/?waiting",
        f"{EVENTS}?after",
        f"{EVENTS}?as",
    ],
)
def test_a_parameter_without_a_value_is_refused(shop: Client, alice: User, asked: str, value: str) -> None:
    answer = shop.get(f"{address_of(alice, asked)}={value}")
    assert problem(answer) == (400, asked.partition("?")[2], "blank")


def test_a_filter_of_several_values_of_which_one_is_empty_is_refused(shop: Client, alice: User) -> None:
    assert problem(shop.get(f"{ORDERS}?status=draft&status=")) == (400, "status", "blank")


@pytest.mark.parametrize(
    "asked",
    [
        *(f"{ORDERS}?{name}=1001" for name in ("number", "Status", "page", "offset", "dry_run", "after", "non_field")),
        f"{CUSTOMERS}?name=1001",
        f"{CUSTOMERS}alice/?email=alice@example.com",
        "/api/events/?since=2",
        "/api/webhooks/?type=order.told",
        "/api/conversations/?status=open",
        f"{EVENTS}?since=2",
    ],
)
def test_a_parameter_that_an_address_does_not_know_is_refused_by_its_name(shop: Client, alice: User, asked: str) -> None:
    name = asked.partition("?")[2].partition("=")[0]
    assert problem(shop.get(address_of(alice, asked))) == (400, name, "unknown_parameter")


def test_who_misspells_a_parameter_is_told_which_there_are(shop: Client, db: None) -> None:
    detail = shop.get(f"{CUSTOMERS}?user=alice").json()["detail"]
    assert detail == "There is no such parameter here. There are these: cursor, email, format, limit, username."


@pytest.mark.parametrize("name", ["dryrun", "dry-run", "DRY_RUN", "status", "limit"])
@pytest.mark.parametrize("path", [ORDERS, "/order"])
def test_a_misspelt_dry_run_places_no_order(shop: Client, alice: User, path: str, name: str) -> None:
    answer = shop.post(f"{path}?{name}=1", ORDER | {"username": "alice"}, content_type="application/json")
    assert (problem(answer), Order.objects.count()) == ((400, name, "unknown_parameter"), 0)


def test_a_misspelt_dry_run_changes_no_customer(shop: Client, alice: User) -> None:
    answer = shop.patch(f"{CUSTOMERS}alice/?dryrun=1", {"name": "Else"}, content_type="application/json")
    alice.refresh_from_db()
    assert (problem(answer), alice.name) == ((400, "dryrun", "unknown_parameter"), "Alice Martin")


def test_a_misspelt_dry_run_writes_no_message(shop: Client, alice: User) -> None:
    message = {"type": "message", "body": {"text": "Hello"}}
    answer = shop.post(address_of(alice, f"{EVENTS}?dryrun=1"), message, content_type="application/json")
    assert (problem(answer), alice.conversation.events.filter(type="message").count()) == ((400, "dryrun", "unknown_parameter"), 0)


@pytest.mark.parametrize(
    "asked",
    [
        f"{ORDERS}?format=json&limit=&cursor=&ordering=number&customer=alice",
        f"{ORDERS}?told=nobody",
        f"{EVENTS}?after=0&limit=5",
        # As the inbox asks.
        "/api/conversations/?as=shop&waiting=1&limit=5",
    ],
)
def test_what_an_address_knows_is_taken(shop: Client, alice: User, asked: str) -> None:
    assert shop.get(address_of(alice, asked)).status_code == 200


def test_a_stranger_is_not_told_what_may_be_asked(shop: Client, db: None) -> None:
    assert Client().get(f"{ORDERS}?number=1").status_code == 401
