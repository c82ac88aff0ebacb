"""What waits or failed is seen: every kind of row of the outbox has a page in the admin, with a filter by state and a way to go on."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client, RequestFactory

from accounts.models import User
from chat import conversations, outbox
from chat.admin_outbox import StateFilter
from chat.mirrored import MirroredEvent
from chat.outbox import OutboxRow
from chat.privacy.models import Deletion, Thing
from orders import feed
from orders.models import Order, OrderConfirmation, OrderStatusChange, Status
from orders.webhook_models import WebhookDelivery, WebhookEndpoint

KINDS = sorted((model for model in apps.get_models() if issubclass(model, OutboxRow)), key=lambda model: model._meta.label)
STATES = ("failed", "unknown", "due", "waiting")
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind._meta.model_name)


@pytest.fixture
def desk(client: Client, clerk: User) -> Client:
    client.force_login(clerk)
    return client


@pytest.fixture
def change(alice: User) -> OrderStatusChange:
    """An order of Alice's that was shipped, and whose conversation is not told yet."""
    order = Order.objects.create(customer=alice)
    order.status = Status.SHIPPED
    order.save()
    return OrderStatusChange.objects.get()


def listed(desk: Client, state: str) -> list[Any]:
    answer = desk.get(f"/admin/orders/orderstatuschange/?is={state}")
    return [row.pk for row in answer.context["cl"].result_list]


def test_the_worker_knows_every_kind_of_row() -> None:
    assert sorted(outbox.rules(), key=lambda model: model._meta.label) == KINDS


@each_kind
def test_a_kind_of_row_is_listed_by_its_state(desk: Client, kind: type[OutboxRow]) -> None:
    page = admin.site.get_model_admin(kind)
    url = f"/admin/{kind._meta.app_label}/{kind._meta.model_name}/"
    assert (page.list_filter[0], desk.get(url).status_code) == (StateFilter, 200)


@each_kind
def test_a_kind_of_row_is_tried_again_by_a_person_or_says_why_not(desk: Client, clerk: User, kind: type[OutboxRow]) -> None:
    page = admin.site.get_model_admin(kind)
    request = RequestFactory().get("/")
    request.user = clerk
    answer = desk.get(f"/admin/{kind._meta.app_label}/{kind._meta.model_name}/")
    assert bool({"retry_now", "send_again"} & set(page.get_actions(request))) != bool(answer.context["subtitle"])


def test_a_status_change_that_failed_is_found_and_tried_again(desk: Client, change: OrderStatusChange) -> None:
    OrderStatusChange.objects.update(state="failed", last_error="The order itself is not told yet.")
    found = [listed(desk, state) for state in STATES]
    data = {"action": "retry_now", "_selected_action": [change.pk]}
    answer = desk.post("/admin/orders/orderstatuschange/", data, follow=True)
    words = "1 row is tried again now." in answer.content.decode()
    assert (found, words, OrderStatusChange.objects.get().state) == ([[change.pk], [], [], []], True, "waiting")


def next_attempt(desk: Client, kind: type[OutboxRow]) -> str:
    """What the only row's column of that name says in the list."""
    page = desk.get(f"/admin/{kind._meta.app_label}/{kind._meta.model_name}/").content.decode()
    [cell] = re.findall(r'<td class="field-next_attempt\w*[^>]*>(.*?)</td>', page)
    return str(cell)


@pytest.mark.parametrize("kind", [OrderConfirmation, OrderStatusChange, WebhookDelivery, MirroredEvent, Deletion])
def test_only_a_row_that_waits_is_listed_with_a_next_attempt(desk: Client, change: OrderStatusChange, kind: type[OutboxRow]) -> None:
    WebhookEndpoint.objects.create(url="https://shop.example.com/")
    feed.number()
    event = conversations.add_event(conversations.open_for(change.order.customer), "custom:note", {}, key="a")
    MirroredEvent.objects.get_or_create(event=event, conversation=event.conversation)
    Deletion.objects.create(what=Thing.VONAGE_USER, about="USR-1", identifier="x")
    keep = kind._base_manager.latest("pk").pk
    kind._base_manager.exclude(pk=keep).delete()
    waits = next_attempt(desk, kind)
    kind._base_manager.update(state="done")
    assert (waits == "-", next_attempt(desk, kind)) == (False, "-")


def test_a_status_change_is_no_ones_to_retry_who_may_only_look(client: Client, change: OrderStatusChange) -> None:
    helper = User.objects.create_user("helper", "helper@example.com", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_orderstatuschange"))
    client.force_login(helper)
    OrderStatusChange.objects.update(state="failed")
    client.post("/admin/orders/orderstatuschange/", {"action": "retry_now", "_selected_action": [change.pk]})
    assert OrderStatusChange.objects.get().state == "failed"
