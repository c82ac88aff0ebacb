"""Staff look at a customer's page as the customer sees it: in their language, without a trace in the chat, and written down."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import AuditEntry, User
from chat import conversations
from chat.coordinator import drain
from chat.entry.models import AccessLink, Device
from chat.models import Conversation, Event, Member
from orders.models import Order, Status

Place = Callable[..., Order]
PERMISSIONS = ("view_order", "answer_chats")


@pytest.fixture
def order(alice: User, agent: User, place: Place) -> Order:
    """An order that Alice was told of, in Chinese; an agent has written, and she has not seen it."""
    User.objects.filter(pk=alice.pk).update(language="zh-hans", time_zone="Asia/Shanghai")
    placed = place(User.objects.get(pk=alice.pk))
    drain()
    conversation = conversations.open_for(placed.customer)
    conversations.send_text(conversations.join(conversation, agent), "It is on its way.")
    return placed


@pytest.fixture
def desk(client: Client, clerk: User) -> Client:
    """The clerk's browser."""
    client.force_login(clerk)
    return client


def look(browser: Client, number: int) -> Any:
    """Press "See as the customer"."""
    return browser.get(f"/admin/orders/order/as-customer/{number}")


def record() -> list[Any]:
    """Everything that a look could leave in the chat."""
    members = list(Member.objects.order_by("pk").values_list("user", "seen_sequence", "state"))
    talk = list(Conversation.objects.values_list("sequence", "waiting_since", "untold_since", "last_event_at"))
    return [members, talk, Event.objects.count(), AccessLink.objects.values_list("opened_at", "fetched_at").first(), Device.objects.count()]


def test_the_orders_page_offers_the_look(desk: Client, order: Order) -> None:
    page = desk.get(f"/admin/orders/order/{order.number}/change/").content.decode()
    assert (f"/admin/orders/order/as-customer/{order.number}" in page, "See as the customer" in page) == (True, True)


def test_it_is_the_customers_page_in_their_language(desk: Client, order: Order) -> None:
    page = look(desk, order.number).content.decode()
    found = [words in page for words in ('<html lang="zh-hans"', "Asia/Shanghai", "Blue mug", "It is on its way.", "Alice Martin，您好")]
    assert found == [True] * 5


def test_staff_read_in_their_own_language_what_they_look_at(desk: Client, order: Order) -> None:
    words = "You see this page as Alice Martin sees it. Nothing can be written here; that you looked is in the audit log."
    assert words in look(desk, order.number).content.decode()


def test_nobody_joins_nothing_is_seen_and_nothing_is_written(desk: Client, order: Order) -> None:
    before = record()
    look(desk, order.number)
    drain()
    assert record() == before


def test_there_is_nothing_to_send_and_nothing_that_runs(desk: Client, order: Order) -> None:
    page = look(desk, order.number).content.decode()
    assert [mark in page for mark in ("<form", "<script", "<textarea", "csrf", "/ws/", "key=")] == [False] * 6


def test_it_takes_no_message(desk: Client, order: Order) -> None:
    before = record()
    answer = desk.post(f"/admin/orders/order/as-customer/{order.number}", {"text": "Hello", "solve": "3"})
    assert (answer.status_code, record()) == (405, before)


def test_it_opens_no_door_to_the_customers_own_page(desk: Client, order: Order) -> None:
    look(desk, order.number)
    theirs = f"/chat/alice/{order.customer.conversation.public_id}/{order.number}"
    assert (desk.get(theirs).status_code, desk.post(theirs, {"text": "Hello"}).status_code) == (404, 404)


def test_the_audit_log_says_who_looked_at_whose_page(desk: Client, clerk: User, order: Order) -> None:
    look(desk, order.number)
    entry = AuditEntry.objects.get()
    subject = f"accounts.user {order.customer.public_id}"
    assert (entry.actor, entry.action, entry.subject, entry.details) == (clerk, "viewed_as_customer", subject, {"order": order.number})


def test_the_customers_other_orders_are_a_link_away(desk: Client, order: Order, place: Place) -> None:
    other = place(order.customer, lines=(("Teapot", 1, "9.00"),))
    drain()
    page = look(desk, order.number).content.decode()
    assert (f'href="{other.number}"' in page, "Teapot" in look(desk, other.number).content.decode()) == (True, True)


@pytest.mark.parametrize("lacks", PERMISSIONS)
def test_whoever_may_not_read_chats_or_orders_sees_nothing(client: Client, order: Order, lacks: str) -> None:
    helper = User.objects.create_user("helper", "helper@example.com", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=set(PERMISSIONS) - {lacks}))
    client.force_login(helper)
    page = client.get(f"/admin/orders/order/{order.number}/change/").content.decode()
    assert (look(client, order.number).status_code, AuditEntry.objects.count(), "as-customer" in page) == (403, 0, False)


@pytest.mark.parametrize("who", ["alice", "bob", "agent"])
def test_nobody_but_staff_gets_there(client: Client, order: Order, bob: User, who: str) -> None:
    client.force_login(User.objects.get(username=who))
    assert (look(client, order.number).status_code, AuditEntry.objects.count()) == (302, 0)


def test_a_draft_is_nobodys_page(desk: Client, order: Order, place: Place) -> None:
    draft = place(order.customer, status=Status.DRAFT)
    page = desk.get(f"/admin/orders/order/{draft.number}/change/").content.decode()
    assert (look(desk, draft.number).status_code, "as-customer" in page) == (404, False)


def test_before_the_first_telling_there_is_no_page_yet(desk: Client, bob: User, place: Place) -> None:
    untold = place(bob)
    answer = desk.get(f"/admin/orders/order/as-customer/{untold.number}", follow=True)
    words = "Bob Stone&#x27;s conversation opens when they are told of their first order." in answer.content.decode()
    assert (words, AuditEntry.objects.count(), Conversation.objects.filter(customer=bob).count()) == (True, 0, 0)
