"""Who gets what at every route: held against the table in docs/security.md, and against what must never be."""

import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import get_resolver
from pytest_django import Settings

from accounts.models import ApiKey, User
from chat import conversations
from chat.coordinator import drain
from chat.models import Conversation
from chat.routing import urlpatterns
from orders import feed
from orders.models import Order
from orders.webhook_models import WebhookDelivery, WebhookEndpoint
from tests import routes
from tests.accounts.sockets import Socket, browser_test
from tests.opening import link_to, press

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

Place = Callable[..., Order]
Found = dict[str, dict[str, dict[str, int]]]
_walked: Found = {}
# What a stranger may have: pages for everybody, the way in, the probes, and what says itself that it is not for them.
PUBLIC = {
    *("/", "/healthz", "/readyz", "/metrics", "/api/schema/", "/api/docs/", "/login/", "/admin/login/", "/admin/jsi18n/", "/new-link/"),
    *("/language/", "/logout/", "/chat/<username>/<conversation_id>/<order_id>/language", "/admin/password_change/done/"),
}


@pytest.fixture
def found(alice: User, bob: User, agent: User, place: Place, settings: Settings) -> Found:
    """The whole walk: route -> role -> method -> status."""
    settings.API_REQUESTS_PER_MINUTE = 0
    hook = WebhookEndpoint.objects.create(url="https://shop.example.com/", types=["order.created"])
    place(alice, status="draft")
    feed.number()
    WebhookDelivery.objects.update(state="done")
    order = place(alice)
    drain()
    conversation = conversations.open_for(alice)
    conversations.send_text(conversations.join(conversation, alice), "Hello")

    def fill(route: str, name: str) -> str:
        values = {"conversation_id": conversation.public_id, "username": "alice", "order_id": order.number, "pk": order.number}
        values |= {"number": order.number, "secret": "wrong", "app_label": "orders", "url": "nowhere/", "id": alice.pk}
        values |= {"public_id": hook.public_id, "delivery": hook.deliveries.get().public_id}
        values |= {"content_type_id": ContentType.objects.get_for_model(User).pk}
        return str(first_of(route, alice) if name == "object_id" else values[name])

    clients = clients_of(alice, bob, agent) | by_link(conversation, order.number)
    # One walk does for all tests: it answers statuses, which don't depend on the test.
    if not _walked:
        _walked.update({spot.name: routes.statuses(spot, clients) for spot in routes.everything(fill)})
    return _walked


def first_of(route: str, alice: User) -> object:
    """The key of a row that the admin's page can be of."""
    parts = route.split("/")
    if len(parts) < 3 or parts[1] not in {"accounts", "auth", "chat", "orders"}:
        return alice.pk
    first = apps.get_model(parts[1], parts[2]).objects.first()
    return first.pk if first else 1


def clients_of(alice: User, bob: User, agent: User) -> dict[str, Client]:
    """Everybody's browser or program."""
    helper = User.objects.create_user("helper", is_staff=True)
    _row, key = ApiKey.objects.create_key(user=User.objects.create_superuser("shop"), name="ended", revoked=True)
    people = {"customer": alice, "other customer": bob, "agent": agent, "staff without permission": helper}
    clients = {"stranger": Client(raise_request_exception=False)}
    for role, person in people.items():
        clients[role] = Client(raise_request_exception=False)
        clients[role].force_login(person)
    return clients | {"revoked key": Client(headers={"Authorization": f"Token {key}"}, raise_request_exception=False)}


def by_link(conversation: Conversation, number: int) -> dict[str, Client]:
    """The browser in which the customer opened their mailed link, and another one with the same link, not confirmed."""
    browsers = {role: Client(raise_request_exception=False) for role in ("customer by link", "new device")}
    link = link_to(conversation, number)
    for browser in browsers.values():
        press(browser, link)
    return browsers


def rows_of(found: Found) -> dict[str, dict[str, str]]:
    """The table's rows; pages of the admin that share a row must share its statuses."""
    rows: dict[str, dict[str, set[str]]] = {}
    for name, by_role in found.items():
        row = rows.setdefault(routes.kind_of(name), {role: set() for role in routes.ROLES})
        for role, by_method in by_role.items():
            row[role].add(routes.in_short(by_method))
    return {name: {role: " or ".join(sorted(cells[role])) for role in routes.ROLES} for name, cells in rows.items()}


def test_every_route_answers_everybody_as_the_table_says(found: Found, request: pytest.FixtureRequest) -> None:
    table = routes.table(rows_of(found))
    if os.environ.get("WRITE_ROUTES"):
        routes.write(table)
    assert table.splitlines() == routes.written().splitlines()


def test_nobody_makes_a_route_fail(found: Found) -> None:
    failed = [
        (name, role, by_method) for name, roles in found.items() for role, by_method in roles.items() if max(by_method.values()) >= 500
    ]
    assert failed == []


def opened(found: Found, role: str) -> set[str]:
    """The routes that give this role something."""
    asked = {name: {status for method, status in roles[role].items() if method != "OPTIONS"} for name, roles in found.items()}
    return {name for name, given in asked.items() if any(200 <= status < 300 for status in given)}


@pytest.mark.parametrize("role", ["stranger", "revoked key"])
def test_without_a_log_in_only_what_is_public_opens(found: Found, role: str) -> None:
    assert opened(found, role) - PUBLIC == set()


def test_another_customer_gets_no_more_than_a_stranger(found: Found) -> None:
    assert opened(found, "other customer") - PUBLIC == set()


def test_a_link_opens_what_a_log_in_opens_to_the_customer(found: Found) -> None:
    assert opened(found, "customer by link") - PUBLIC == opened(found, "customer") - PUBLIC


def test_a_new_device_gets_no_more_than_its_orders_page_which_tells_how_the_order_stands(found: Found) -> None:
    assert opened(found, "new device") - PUBLIC == {"/chat/<username>/<conversation_id>/<order_id>"}


@pytest.mark.parametrize("role", ["stranger", "other customer", "staff without permission", "revoked key"])
def test_a_strangers_conversation_is_a_404_or_needs_a_key(found: Found, role: str) -> None:
    theirs = {name: roles[role] for name, roles in found.items() if "<conversation_id>" in name and not name.endswith("/language")}
    given = {name: {by_method["GET"], by_method["POST"]} - {404, 405} for name, by_method in theirs.items()}
    # A wrong key says so before anybody looks what it was for.
    assert {name: statuses - {401 if role == "revoked key" else 404} for name, statuses in given.items() if statuses} == {
        name: set() for name, statuses in given.items() if statuses
    }


def test_staff_without_a_permission_see_the_admins_front_page_and_no_list(found: Found) -> None:
    lists = {name for name in opened(found, "staff without permission") if routes.kind_of(name).startswith("/admin/<app>/")}
    assert lists == set()


def test_the_walk_knows_every_route_of_the_resolver(found: Found) -> None:
    assert len(found) > 150
    assert {f"/{pattern.pattern}" for pattern in get_resolver().url_patterns if not hasattr(pattern, "url_patterns")} <= found.keys()


# Whom each lets in, of all these.
WHO = ["stranger", "alice", "link", "device", "bob", "agent", "helper"]
SOCKETS: list[tuple[str, set[str]]] = [("/ws/conversations/{}/", {"alice", "link", "agent"}), ("/ws/inbox/", {"agent"})]


def test_every_socket_of_the_routing_is_among_them() -> None:
    # The last one takes every other address.
    *known, rest = [str(pattern.pattern) for pattern in urlpatterns]
    assert [re.sub(r"\(\?P<\w+>.*\)", "{}", path).replace("^", "/").replace("$", "") for path in known] == [path for path, _who in SOCKETS]
    assert rest == ""


@pytest.mark.parametrize(("path", "welcome"), SOCKETS)
@pytest.mark.parametrize("name", WHO)
@pytest.mark.django_db(transaction=True)
@browser_test
async def test_every_socket_lets_in_whom_it_may(path: str, welcome: set[str], name: str, people: dict[str, Any]) -> None:
    socket = Socket(path.format(people["conversation"]), people["clients"][name])
    assert await socket.open()
    assert await goes_live(socket) == (name in welcome)
    await socket.__aexit__()


async def goes_live(socket: Socket) -> bool:
    """Whether it is told that it is live, and not closed before."""
    while (output := await socket.line.receive_output(5))["type"] == "websocket.send":
        if json.loads(output["text"])["type"] == "live":
            return True
    return False


@pytest.fixture
def people(alice: User, bob: User, agent: User, db: None) -> dict[str, Any]:
    """Their browsers, and Alice's conversation."""
    helper = User.objects.create_user("helper", is_staff=True)
    clients: dict[str, Client] = {"stranger": Client()}
    for person in (alice, bob, agent, helper):
        clients[person.username] = Client()
        clients[person.username].force_login(person)
    conversation = conversations.open_for(alice)
    clients["link"], clients["device"] = by_link(conversation, 1001).values()
    return {"clients": clients, "conversation": conversation.public_id}
