"""The group "API clients": a shop's program in it can make every call of docs/api.md, and has no place in the admin."""

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts.models import ApiKey, Scope, User
from orders.feed_models import FeedEvent, Happening
from orders.models import Order
from orders.webhook_models import WebhookDelivery, WebhookEndpoint

migration = import_module("orders.migrations.0008_api_clients_group")
ORDER = {"customer": "alice", "currency": "EUR", "lines": [{"name": "Mug", "quantity": 1, "unit_price": "9.90"}]}
CALLS = [
    ("GET", "/api/orders/", None, 200),
    ("POST", "/api/orders/", ORDER, 201),
    ("POST", "/api/orders/?dry_run=1", ORDER, 200),
    ("GET", "/api/orders/{order}/", None, 200),
    ("PATCH", "/api/orders/{order}/", {"status": "cancelled"}, 200),
    ("GET", "/api/orders/{order}/explain/", None, 200),
    ("GET", "/api/customers/", None, 200),
    ("POST", "/api/customers/", {"username": "anna", "email": "anna@example.com"}, 201),
    ("GET", "/api/customers/alice/", None, 200),
    ("PATCH", "/api/customers/alice/", {"name": "Alice Berg"}, 200),
    ("GET", "/api/events/", None, 200),
    ("GET", "/api/webhooks/", None, 200),
    ("POST", "/api/webhooks/", {"url": "https://shop.example.com/hooks"}, 201),
    ("GET", "/api/webhooks/{webhook}/", None, 200),
    ("PATCH", "/api/webhooks/{webhook}/", {"is_active": True}, 200),
    ("DELETE", "/api/webhooks/{webhook}/", None, 204),
    ("GET", "/api/webhooks/{webhook}/secret/", None, 200),
    ("GET", "/api/webhooks/{webhook}/deliveries/", None, 200),
    ("POST", "/api/webhooks/{webhook}/deliveries/{delivery}/resend/", None, 202),
    ("POST", "/user", {"username": "anna"}, 201),
    ("POST", "/order", {"username": "alice"}, 201),
]
STAFFS = ["/admin/", "/admin/orders/order/", "/admin/accounts/user/", "/admin/accounts/apikey/add/", "/admin/orders/webhookendpoint/"]


@pytest.fixture
def shop(db: None) -> User:
    """A client made as docs/setup.md says: a user of its own in the group, and nothing else."""
    # A test that commits leaves tables behind that were flushed, the migration's own rows with them.
    migration.create(apps, None)
    client = User.objects.create_user("web-shop", name="The web shop")
    client.groups.add(Group.objects.get(name="API clients"))
    return client


@pytest.fixture
def program(shop: User) -> Client:
    """The client's program, with a key for orders."""
    _row, key = ApiKey.objects.create_key(user=shop, name="test", scopes=[Scope.ORDERS_READ, Scope.ORDERS_WRITE])
    return Client(headers={"Authorization": f"Token {key}"})


@pytest.fixture
def there(shop: User, alice: User, place: Callable[..., Order]) -> dict[str, Any]:
    """What the addresses above name: an order of Alice's, a webhook of the client's own and a delivery to it."""
    order = place(alice)
    event = FeedEvent.objects.create(type=Happening.ORDER_PLACED, key="test", order=order, sequence=1)
    endpoint = WebhookEndpoint.objects.create(url="https://shop.example.com/hooks", created_by=shop)
    delivery = WebhookDelivery.objects.create(endpoint=endpoint, event=event)
    return {"order": order.number, "webhook": endpoint.public_id, "delivery": delivery.public_id}


@pytest.mark.parametrize(("method", "address", "body", "status"), CALLS)
def test_a_client_makes_each_call(program: Client, there: dict[str, Any], method: str, address: str, body: Any, status: int) -> None:
    given = "" if body is None else json.dumps(body)
    answer = program.generic(method, address.format(**there), given, content_type="application/json")
    assert answer.status_code == status, answer.content


@pytest.mark.parametrize("address", STAFFS)
def test_a_client_has_no_place_in_the_admin(program: Client, shop: User, there: dict[str, Any], address: str) -> None:
    program.force_login(shop)
    answer = program.get(address)
    assert (answer.status_code, answer.url.partition("?")[0]) == (302, "/admin/login/")


def test_a_client_reads_and_changes_customers_only(program: Client, clerk: User) -> None:
    answer = program.patch("/api/customers/clerk/", {"email": "mine@example.com"}, content_type="application/json")
    assert answer.status_code == 404


def test_a_client_reads_no_chats(program: Client, there: dict[str, Any]) -> None:
    assert program.get("/api/conversations/").status_code == 403


def test_the_group_is_there_after_the_migrations(db: None) -> None:
    migration.remove(apps, None)
    migration.create(apps, None)
    allowed = Permission.objects.filter(group__name="API clients").values_list("codename", flat=True)
    orders, people, webhooks = ("view_order", "add_order", "change_order"), ("view_user", "add_user", "change_user"), "webhookendpoint"
    assert set(allowed) == {*orders, *people, *(f"{act}_{webhooks}" for act in ("view", "add", "change", "delete"))}


def test_the_migration_taken_back_leaves_no_group_and_every_permission(shop: User) -> None:
    migration.remove(apps, None)
    assert not Group.objects.filter(name="API clients").exists()
    assert Permission.objects.filter(codename="add_webhookendpoint").exists()
