"""A link opens one conversation beside one order, for a while, until somebody ends it; and what is stored of it opens nothing."""

import re
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import conversations, links
from chat.coordinator import drain
from chat.entry.models import AccessLink, LinkUse
from chat.models import Conversation, Event
from chat.phones.models import Notice
from orders.mail_models import StoredMail
from orders.models import Order, OrderConfirmation
from tests.opening import come_in, link_to, press, token_in

NOW = datetime(2026, 11, 22, 9, 48, tzinfo=UTC)
Answer = Any


@pytest.fixture
def conversation(alice: User) -> Conversation:
    """Alice's conversation."""
    return conversations.open_for(alice)


def opens(link: AccessLink, **other: Any) -> bool:
    """Whether the link's key opens its own address, or the `other` one."""
    conversation = link.conversation
    address = {"username": "alice", "conversation_id": conversation.public_id, "subject": link.subject}
    return links.find(links.key_of(link), **(address | other)) == link


# --- The key -----------------------------------------------------------------------------------------------------------


def test_a_key_opens_its_address(conversation: Conversation) -> None:
    assert opens(links.issue(conversation, 1001))


@pytest.mark.parametrize("other", [{"username": "bob"}, {"conversation_id": "CON-0"}, {"subject": 1002}, {"username": "\x00"}])
def test_a_key_opens_no_other_address(conversation: Conversation, other: dict[str, Any]) -> None:
    assert not opens(links.issue(conversation, 1001), **other)


@pytest.mark.parametrize(("days", "is_open"), [(89, True), (91, False)])
def test_a_key_opens_for_ninety_days(conversation: Conversation, days: int, is_open: bool) -> None:
    with time_machine.travel(NOW, tick=False):
        link = links.issue(conversation, 1001)
    with time_machine.travel(NOW + timedelta(days=days), tick=False):
        assert opens(link) is is_open


def test_how_long_a_key_opens_is_a_setting(conversation: Conversation, settings: Settings) -> None:
    settings.LINK_MAX_AGE_DAYS = 1
    with time_machine.travel(NOW, tick=False):
        link = links.issue(conversation, 1001)
    with time_machine.travel(NOW + timedelta(days=2), tick=False):
        assert not opens(link)


@pytest.mark.parametrize("key", ["", ":", "\x00", "\ud800", "é" * 100, "x" * 100_000, "-1:-1:-1"])
def test_rubbish_opens_nothing(conversation: Conversation, key: str) -> None:
    links.issue(conversation, 1001)
    assert links.find(key, username="alice", conversation_id=conversation.public_id, subject=1001) is None


def test_a_thousand_keys_differ_and_have_256_bits(conversation: Conversation) -> None:
    keys = {links.key_of(AccessLink(conversation=conversation, subject=1001)) for _number in range(1000)}
    assert (len(keys), {len(key) for key in keys}) == (1000, {43})


def test_what_is_stored_neither_is_nor_yields_the_key(conversation: Conversation, settings: Settings) -> None:
    link = links.issue(conversation, 1001)
    key = links.key_of(link)
    stored = AccessLink.objects.values_list().get()
    settings.SECRET_KEY = "another secret key that is as long as it has to be"
    assert (key in map(str, stored), links.key_of(AccessLink.objects.get()) == key) == (False, False)


def test_a_link_that_left_opens_after_the_secret_was_changed(conversation: Conversation, settings: Settings, client: Client) -> None:
    link = link_to(conversation)
    settings.SECRET_KEY = "another secret key that is as long as it has to be"
    assert come_in(client, link).status_code == 200


@pytest.mark.parametrize("username", ["o+neil@example.com", "名前", "a.b-c_d"])
def test_the_link_of_an_unusual_name_leads_to_the_page(conversation: Conversation, client: Client, username: str) -> None:
    User.objects.filter(pk=conversation.customer_id).update(username=username)
    conversation.customer.refresh_from_db()
    assert come_in(client, link_to(conversation)).status_code == 200


def test_the_whole_link_is_the_page_with_its_key(conversation: Conversation, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://shop.example"
    link = links.issue(conversation, 1001)
    assert links.url_for(link) == f"https://shop.example/chat/alice/{conversation.public_id}/1001?key={links.key_of(link)}"


# --- The mail ----------------------------------------------------------------------------------------------------------


def test_a_mails_link_opens_the_page(client: Client, alice: User, place: Callable[..., Order]) -> None:
    place(alice)
    drain()
    url = StoredMail.objects.get().params["url"].removeprefix("http://localhost:3000")
    assert "Blue mug" in come_in(client, url).content.decode()


def test_a_mail_that_is_built_again_is_the_same_mail(alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    first = StoredMail.objects.get()
    told = (first.text, first.html, first.params)
    first.delete()
    # As a worker that died after the mail left, and before it could say so.
    OrderConfirmation.objects.filter(order=order).update(
        state="waiting", mail_sent_at=None, finished_at=None, next_attempt_at=first.created_at
    )
    drain()
    again = StoredMail.objects.get()
    assert ((again.text, again.html, again.params), AccessLink.objects.count()) == (told, 1)


def test_each_mail_has_a_link_of_its_own(alice: User, place: Callable[..., Order]) -> None:
    place(alice)
    place(alice)
    drain()
    assert len({mail.params["url"].partition("key=")[2] for mail in StoredMail.objects.all()}) == 2


def test_a_mail_of_before_the_secret_was_changed_gets_a_link_that_opens(conversation: Conversation, settings: Settings) -> None:
    key = uuid.uuid4()
    wanted = {key: (conversation, 1001)}
    before = links.in_mails(wanted)[key]
    old = links.key_of(before)
    settings.SECRET_KEY = "another secret key that is as long as it has to be"
    after = links.in_mails(wanted)[key]
    address = {"username": "alice", "conversation_id": conversation.public_id, "subject": 1001}
    assert (links.find(old, **address), links.find(links.key_of(after), **address)) == (before, after)


def test_telling_of_an_order_costs_one_insert_for_its_link(
    alice: User, place: Callable[..., Order], django_assert_num_queries: Any, conversation: Conversation
) -> None:
    with django_assert_num_queries(1):
        links.issue(conversation, 1001)


# --- Machines ----------------------------------------------------------------------------------------------------------


def test_fifty_scanners_change_nothing_and_one_person_comes_in(client: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    link = link_to(alice.conversation, order.number)
    before = Event.objects.count()
    statuses = {getattr(Client(), method)(link).status_code for method in ("get", "head") for _visit in range(50)}
    assert (statuses, Session.objects.count(), Event.objects.count(), Notice.objects.count(), LinkUse.objects.count()) == (
        {200},
        0,
        before,
        0,
        0,
    )
    assert (press(client, link).status_code, Session.objects.count(), LinkUse.objects.count()) == (303, 1, 1)


def test_that_something_fetched_the_link_is_noted_once(client: Client, conversation: Conversation, django_assert_num_queries: Any) -> None:
    link = link_to(conversation)
    client.get(link)
    at = AccessLink.objects.get().fetched_at
    assert at is not None
    # Who asks, and for which link: two looks, and nothing is written.
    with django_assert_num_queries(2):
        client.get(link)
    assert AccessLink.objects.get().fetched_at == at


def test_the_page_before_names_shop_and_masked_order_and_nothing_else(client: Client, conversation: Conversation) -> None:
    page = client.get(link_to(conversation)).content.decode()
    words = page[page.index("<main") : page.index("</main>")]
    assert ("Order ••01" in words, "Order Support" in words, "Open my order" in words, "Alice" in page, "Order 1001" in page) == (
        True,
        True,
        True,
        False,
        False,
    )


def words_of(answer: Any) -> str:
    """What a person may read of a page, and what stands in its fields; not what is for its scripts."""
    return re.sub(
        r'<script.*?</script>|<i data-key.*?</i>|(href|action|value|datetime)="[^"]*"', "", answer.content.decode(), flags=re.DOTALL
    )


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_who_has_ordered_nothing_reads_of_no_order(client: Client, conversation: Conversation, alice: User, language: str) -> None:
    User.objects.filter(pk=alice.pk).update(language=language)
    link, friend = link_to(conversation, 0), Client()
    pages = [client.get(link), come_in(client, link), come_in(friend, link)]
    friend.post(link.partition("?")[0] + "/code", {"ask": "1"})
    drain()
    mail = StoredMail.objects.get()
    named = [re.search(r"(?i)(order|订单) *0\b", words) for words in (*map(words_of, pages), mail.text, mail.html)]
    assert ([page.status_code for page in pages], named) == ([200] * 3, [None] * 5)


@pytest.mark.parametrize("is_good", [True, False])
def test_the_door_is_kept_and_listed_by_nobody(client: Client, conversation: Conversation, is_good: bool) -> None:
    answer = client.get(link_to(conversation) + ("" if is_good else "x"))
    assert ("no-store" in answer["Cache-Control"], answer["X-Robots-Tag"], answer["Referrer-Policy"]) == (
        True,
        "noindex, nofollow",
        "same-origin",
    )


# --- The button --------------------------------------------------------------------------------------------------------


def test_the_button_takes_the_key_out_of_the_address(client: Client, conversation: Conversation) -> None:
    answer = press(client, link_to(conversation))
    assert (answer.status_code, answer["Location"], answer["Referrer-Policy"]) == (
        303,
        f"/chat/alice/{conversation.public_id}/1001",
        "no-referrer",
    )
    assert "no-store" in answer["Cache-Control"]


def test_the_button_needs_the_token_that_came_with_its_page(conversation: Conversation) -> None:
    browser = Client(enforce_csrf_checks=True)
    path, _question_mark, query = link_to(conversation).partition("?")
    assert browser.post(path, {"key": query.removeprefix("key=")}).status_code == 403
    assert Session.objects.count() == 0


def test_a_fresh_browser_comes_in_with_its_token(conversation: Conversation) -> None:
    assert come_in(Client(enforce_csrf_checks=True), link_to(conversation)).status_code == 200


def test_a_browser_without_our_cookies_is_told_what_helps(conversation: Conversation) -> None:
    browser = Client(enforce_csrf_checks=True)
    link = link_to(conversation)
    token = token_in(browser.get(link).content.decode())
    browser.cookies.clear()
    answer = browser.post(link.partition("?")[0], {"key": link.partition("key=")[2], "csrfmiddlewaretoken": token})
    assert (answer.status_code, "keeps no cookies of ours" in answer.content.decode()) == (403, True)


def test_who_is_in_goes_straight_on_without_the_key(client: Client, conversation: Conversation) -> None:
    link = link_to(conversation)
    press(client, link)
    used = LinkUse.objects.count()
    answer = client.get(link)
    assert (answer.status_code, answer["Location"], LinkUse.objects.count()) == (302, link.partition("?")[0], used)


def test_a_session_that_somebody_planted_is_left_behind(client: Client, conversation: Conversation) -> None:
    client.session.save()
    planted = client.session.session_key
    press(client, link_to(conversation))
    assert (client.session.session_key == planted, Session.objects.filter(pk=planted).exists()) == (False, False)


# --- Links that open nothing ---------------------------------------------------------------------------------------------


@pytest.fixture
def closed_keys(conversation: Conversation, bob: User) -> dict[str, str]:
    """A key of each kind that opens nothing at Alice's address."""
    expired, revoked = links.issue(conversation, 1001), links.issue(conversation, 1001)
    AccessLink.objects.filter(pk=expired.pk).update(expires_at=NOW - timedelta(days=1))
    links.revoke(revoked)
    others = links.issue(conversations.open_for(bob), 1001)
    keys = {"expired": expired, "revoked": revoked, "another's": others, "another order's": links.issue(conversation, 1002)}
    return {kind: links.key_of(link) for kind, link in keys.items()} | {"random": "x" * 43, "none": ""}


def neutral(answer: Answer) -> tuple[int, bytes]:
    """Status and body; a CSRF token is masked anew each time."""
    body: bytes = answer.content
    return answer.status_code, body.replace(token_in(body.decode()).encode() or b"\x00", b"")


def test_keys_that_open_nothing_get_one_answer_to_the_byte(conversation: Conversation, closed_keys: dict[str, str]) -> None:
    path = links.path_for(conversation, 1001)
    pressed = {neutral(Client().post(path, {"key": key})) for key in closed_keys.values()}
    fetched = {neutral(Client().get(path, {"key": key})) for key in closed_keys.values()}
    assert (len(fetched), fetched == pressed, {status for status, _body in fetched}) == (1, True, {404})


def test_keys_that_open_nothing_cost_the_same_work(
    conversation: Conversation, closed_keys: dict[str, str], django_assert_num_queries: Any
) -> None:
    path = links.path_for(conversation, 1001)
    for key in closed_keys.values():
        with django_assert_num_queries(2):
            Client().get(path, {"key": key})


@pytest.mark.slow
def test_keys_that_open_nothing_take_the_same_time(conversation: Conversation, closed_keys: dict[str, str]) -> None:
    path, browser = links.path_for(conversation, 1001), Client()
    taken: dict[str, list[float]] = {kind: [] for kind in closed_keys}
    for _round in range(80):
        for kind, key in closed_keys.items():
            began = time.perf_counter()
            browser.get(path, {"key": key})
            taken[kind].append(time.perf_counter() - began)
    # The quickest of each: what else the machine does makes any other one longer, by chance.
    quickest = {kind: min(times) for kind, times in taken.items()}
    assert max(quickest.values()) < min(quickest.values()) * 1.25, quickest


def test_a_link_of_somebody_who_was_switched_off_opens_nothing(client: Client, conversation: Conversation) -> None:
    link = link_to(conversation)
    User.objects.filter(pk=conversation.customer_id).update(is_active=False)
    assert client.get(link).status_code == 404


# --- Ending ------------------------------------------------------------------------------------------------------------


def test_revoking_a_link_ends_what_came_by_it(client: Client, conversation: Conversation) -> None:
    link = link_to(conversation)
    press(client, link)
    links.revoke(AccessLink.objects.get())
    path = link.partition("?")[0]
    statuses = [client.get(path).status_code, client.get(link).status_code, client.post(path, {"text": "Hello"}).status_code]
    assert (statuses, Event.objects.filter(type="message").count()) == ([404, 404, 404], 0)


def test_revoking_a_link_leaves_others_open(client: Client, conversation: Conversation) -> None:
    first = links.issue(conversation, 1001)
    second = link_to(conversation)
    links.revoke(first)
    assert come_in(client, second).status_code == 200


def test_revoking_twice_is_revoking_once(conversation: Conversation) -> None:
    link = links.issue(conversation, 1001)
    assert (links.revoke(link), links.revoke(link)) == (True, False)


@pytest.mark.parametrize(("number", "shown"), [(1002, "••02"), (7, "7"), (42, "42"), (123456, "••••56")])
def test_an_orders_number_is_masked_but_for_two_digits(number: int, shown: str) -> None:
    assert links.masked(number) == shown
