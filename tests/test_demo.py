"""The demo's day shows what the product can do."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import conversations
from chat.models import Event, Member
from orders.models import Order
from ordersupport import demo

STATES = ["delivered", "shipped", "confirmed", "cancelled", "placed", "placed", "draft", "placed"]


def seen_by_agent(client: Client, username: str, number: int) -> str:
    """The chat page of that customer, without scripts."""
    conversation = conversations.open_for(User.objects.get(username=username))
    client.force_login(User.objects.get(username="agent"))
    return client.get(f"/chat/agent/{conversation.public_id}/{number}").content.decode()


@pytest.mark.django_db
def test_the_demos_orders_have_moved_on_and_its_messages_say_from_where(client: Client) -> None:
    demo.fill()
    orders = Order.objects.order_by("number")
    assert [order.status for order in orders] == STATES
    anna, yuki = orders[1].number, orders[4].number
    assert f"Order {anna}: placed, €49.90 when written, now shipped" in seen_by_agent(client, "anna", anna)
    assert f'<p class="chip">Order {yuki} · ' in seen_by_agent(client, "yuki", yuki)


@pytest.mark.django_db
def test_the_demos_day_is_told_in_its_order() -> None:
    demo.fill()
    told = [
        list(user.conversation.events.order_by("sequence").values_list("created_at", flat=True))
        for user in User.objects.filter(is_staff=False, conversation__isnull=False)
    ]
    assert told
    assert told == [sorted(times) for times in told]


@pytest.mark.django_db
def test_who_answered_had_read_the_question_by_then() -> None:
    demo.fill()
    readers = Member.objects.exclude(seen_at=None)
    wrote = [Event.objects.filter(type="message", from_member=reader).latest("sequence").created_at for reader in readers]
    assert readers
    assert [reader.seen_at for reader in readers] == wrote


# What the terminal says of phones.

SET = {"VONAGE_APPLICATION_ID": "aaaa-bbbb", "VONAGE_PRIVATE_KEY": "/nowhere/private.key", "VONAGE_API_HOST": "api.nexmo.com"} | {
    "VONAGE_REST_HOST": "rest.nexmo.com"
}
NOBODY = "none here: Vonage is set, and without VONAGE_FROM_NUMBER no text and no call leaves"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "http://localhost:3000/demo/phones/    every text and call that the agent on duty would get"),
        (SET, NOBODY),
        (
            SET | {"VONAGE_FROM_NUMBER": "+44 7700 900000"},
            "none here: texts go to api.nexmo.com, calls to api.nexmo.com, from +44 7700 900000",
        ),
        (
            SET | {"VONAGE_FROM_NUMBER": "447700900000", "VONAGE_SMS_API": "sms"},
            "none here: texts go to rest.nexmo.com, calls to api.nexmo.com, from 447700900000",
        ),
        (
            SET | {"VONAGE_FROM_NUMBER": "The Shop"},
            "none here: texts go to api.nexmo.com, calls can't be placed from a name, from The Shop",
        ),
    ],
)
def test_the_terminal_says_where_texts_and_calls_go(settings: Settings, values: dict[str, str], said: str) -> None:
    settings.DEMO = True
    for name, value in values.items():
        setattr(settings, name, value)
    [line] = [line for line in demo.welcome("http://localhost:3000").splitlines() if line.startswith("  Phones")]
    assert line.removeprefix("  Phones").strip() == said


@pytest.mark.django_db
@pytest.mark.parametrize(("values", "is_shown"), [({}, True), (SET, False), ({"SENDINBLUE_API_KEY": "xkeysib-1"}, True)])
def test_the_first_page_leads_to_the_demos_phones_where_they_ring(
    client: Client, settings: Settings, values: dict[str, str], is_shown: bool
) -> None:
    settings.DEMO = True
    for name, value in values.items():
        setattr(settings, name, value)
    assert ('href="/demo/phones/"' in client.get("/").content.decode()) == is_shown
