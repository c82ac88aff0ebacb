"""The feed of what happened: complete, in order, once, whoever commits when."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chat import conversations
from chat.coordinator import drain
from orders import deliveries, feed
from orders.deliveries import Told
from orders.feed_models import FeedEvent
from orders.models import Order, OrderConfirmation
from tests.accounts.threads import THREADS, at_once

Place = Callable[..., Order]
URL = "/api/events/"


@pytest.fixture
def shop(api_key: str) -> Client:
    """A client with a key that may do everything."""
    return Client(headers={"Authorization": f"Token {api_key}"}, raise_request_exception=False)


def types(shop: Client, query: str = "") -> list[str]:
    """What happened."""
    feed.number()
    return [event["type"] for event in shop.get(f"{URL}{query}").json()["events"]]


def move(order: Order, status: str) -> None:
    """Change an order's status, as the doors do."""
    order = Order.objects.get(pk=order.pk)
    order.status = status
    order.save()


# --- Pages -------------------------------------------------------------------------------------------------------------


def test_what_is_numbered_while_a_page_is_made_is_handed_out_once(
    shop: Client, alice: User, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(alice)
    feed.number()
    page = feed.page
    monkeypatch.setattr(feed, "page", lambda **asked: (page(**asked)[0], 0))
    assert shop.get(URL).json()["last"] == 1


def test_a_draft_that_is_deleted_leaves_no_gap(shop: Client, clerk: User, alice: User, place: Place) -> None:
    draft, _placed = place(alice, status="draft"), place(alice)
    feed.number()
    desk = Client()
    desk.force_login(clerk)
    assert desk.post(f"/admin/orders/order/{draft.number}/delete/", {"post": "yes"}).status_code == 302
    told = shop.get(URL).json()["events"]
    assert [(event["sequence"], event["type"], event["order"] and event["order"]["number"]) for event in told] == [
        (1, "order.created", None),
        (2, "order.placed", draft.number + 1),
    ]


def test_a_number_that_was_never_given_is_refused_by_name(shop: Client, alice: User, place: Place) -> None:
    place(alice)
    feed.number()
    answer = shop.get(f"{URL}?after=2")
    assert (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["field"]) == (400, "future_sequence", "after")


def test_who_has_read_everything_may_ask_on_after_the_events_are_forgotten(shop: Client, alice: User, place: Place) -> None:
    place(alice)
    feed.number()
    FeedEvent.objects.all().delete()
    assert shop.get(f"{URL}?after=1").json() == {"events": [], "last": 1, "has_more": False}


# --- What is told ------------------------------------------------------------------------------------------------------


def test_an_orders_life_is_told_in_order(shop: Client, alice: User, place: Place) -> None:
    order = place(alice, status="draft")
    for status in ("placed", "shipped"):
        move(order, status)
        drain()
    assert types(shop) == ["order.created", "order.placed", "order.told", "order.status_changed"]


def test_a_move_right_after_placing_comes_after_it(shop: Client, alice: User, place: Place) -> None:
    move(place(alice), "shipped")
    assert types(shop) == ["order.placed", "order.status_changed"]


def test_a_draft_that_is_dropped_was_never_placed(shop: Client, alice: User, place: Place) -> None:
    move(place(alice, status="draft"), "cancelled")
    assert types(shop) == ["order.created", "order.status_changed"]


def test_an_event_names_its_order_and_nobodys_address(shop: Client, alice: User, place: Place) -> None:
    order = place(alice)
    Order.objects.filter(pk=order.pk).update(external_id="W-1")
    drain()
    answer = shop.get(URL)
    told = answer.json()["events"][-1]
    assert told["order"] == {"number": order.number, "external_id": "W-1", "customer": "alice"}
    assert (told["type"], told["data"]) == ("order.told", {"version": 1})
    assert "alice@example.com" not in answer.content.decode()


def test_a_telling_that_was_given_up_and_then_worked_is_told_both_times(shop: Client, alice: User, place: Place) -> None:
    User.objects.filter(pk=alice.pk).update(email="")
    place(alice)
    drain()
    User.objects.filter(pk=alice.pk).update(email="alice@example.com")
    OrderConfirmation.objects.get().retry_now()
    drain()
    drain()
    feed.number()
    events = shop.get(URL).json()["events"]
    assert [event["type"] for event in events] == ["order.placed", "order.not_told", "order.told"]
    assert events[1]["data"]["code"] == "no_address"


def test_what_became_of_a_mail_is_told_once_for_each_state(shop: Client, alice: User, place: Place) -> None:
    place(alice)
    drain()
    OrderConfirmation.objects.update(message_id="<m@x>")
    mail_states("delivered", "delivered", "hard_bounce")
    assert states_in_feed(shop) == ["delivered", "bounced"]


def test_a_state_of_a_mail_that_comes_back_is_told_again(shop: Client, alice: User, place: Place) -> None:
    place(alice)
    drain()
    OrderConfirmation.objects.update(message_id="<m@x>")
    mail_states("delivered", "soft_bounce", "delivered")
    assert states_in_feed(shop) == ["delivered", "soft_bounced", "delivered"]


def mail_states(*kinds: str) -> None:
    """Sendinblue tells these of the only mail, a minute apart, and each of them twice."""
    for minute, kind in enumerate(kinds):
        moment = timezone.now() + timedelta(minutes=minute)
        told = Told("m@x", kind, "alice@example.com", moment.replace(microsecond=0), "", ())
        deliveries.record([told])
        deliveries.record([told])


def states_in_feed(shop: Client) -> list[str]:
    feed.number()
    return [event["data"]["delivery"] for event in shop.get(f"{URL}?type=mail.state_changed").json()["events"]]


def test_a_message_is_told_without_its_words(shop: Client, alice: User, agent: User) -> None:
    conversation = conversations.open_for(alice)
    conversations.send_text(conversations.join(conversation, alice), "My secret.", about=7)
    conversations.send_text(conversations.join(conversation, agent), "I keep it.")
    feed.number()
    answer = shop.get(URL)
    told = [(event["type"], event["conversation_id"], event["data"]["about"]) for event in answer.json()["events"]]
    assert told == [("message.received", conversation.public_id, 7), ("message.sent", conversation.public_id, None)]
    assert "secret" not in answer.content.decode()


def test_a_message_that_is_sent_again_happened_once(shop: Client, alice: User) -> None:
    member = conversations.join(conversations.open_for(alice), alice)
    for _again in range(2):
        conversations.send_text(member, "Hello?", key="k")
    assert types(shop) == ["message.received"]


def test_what_was_rolled_back_never_happened(shop: Client, alice: User, place: Place) -> None:
    with transaction.atomic():
        place(alice)
        place(alice, status="draft")
        transaction.set_rollback(True)
    assert types(shop) == []


# --- Read --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def nine(alice: User, place: Place) -> None:
    """Three orders, each placed, told and shipped."""
    for _number in range(3):
        order = place(alice)
        drain()
        move(order, "shipped")
        drain()
    feed.number()


def test_the_feed_is_read_page_by_page_without_a_gap(shop: Client, nine: None) -> None:
    seen, after, has_more = [], 0, True
    while has_more:
        page = shop.get(f"{URL}?after={after}&limit=2").json()
        seen += [event["sequence"] for event in page["events"]]
        after, has_more = page["last"], page["has_more"]
    assert seen == list(range(1, 10))


def test_a_reader_who_has_everything_gets_nothing(shop: Client, nine: None) -> None:
    assert shop.get(f"{URL}?after=9").json() == {"events": [], "last": 9, "has_more": False}


def test_a_reader_of_one_type_goes_on_behind_the_others(shop: Client, nine: None) -> None:
    page = shop.get(f"{URL}?type=order.told&limit=100").json()
    assert (len(page["events"]), page["last"], page["has_more"]) == (3, 9, False)


@pytest.mark.parametrize("query", ["after=-1", "after=junk", "limit=0", "limit=501", "type=junk", "after=99999999999999999999"])
def test_a_question_that_means_nothing_is_refused(shop: Client, query: str) -> None:
    answer = shop.get(f"{URL}?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, query.partition("=")[0])


def test_a_page_costs_three_questions(shop: Client, nine: None, django_assert_max_num_queries: Any) -> None:
    shop.get(URL)
    with django_assert_max_num_queries(3):
        shop.get(URL)


# --- At once -----------------------------------------------------------------------------------------------------------


@THREADS
def test_nothing_is_lost_or_numbered_twice_while_many_write_and_several_number(alice: User, place: Place) -> None:
    seen: list[int] = []

    def one(who: int) -> None:
        if who == 0:
            while len(seen) < 36:
                found, _last = feed.page(after=seen[-1] if seen else 0, limit=7, types=[])
                seen.extend(int(event.sequence or 0) for event in found)
        elif who < 3:
            while FeedEvent.objects.exclude(sequence=None).count() < 36:
                feed.number()
        else:
            for _number in range(6):
                place(alice, status="draft")

    at_once(9, one)
    assert seen == list(range(1, 37))


@THREADS
def test_an_event_that_commits_late_gets_a_late_number(alice: User, place: Place) -> None:
    if connection.vendor == "sqlite":
        # One writes at a time: nobody can be numbered while another transaction is open.
        assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
        return

    def one(who: int) -> None:
        if who == 0:
            place(alice, status="draft")
            feed.number()
            return
        with transaction.atomic():
            place(alice, status="draft")
            while not FeedEvent.objects.exclude(sequence=None).exists():
                pass

    at_once(2, one)
    feed.number()
    numbers = [event.sequence for event in FeedEvent.objects.order_by("sequence")]
    assert [after - before for before, after in pairwise(int(number or 0) for number in numbers)] == [1]
