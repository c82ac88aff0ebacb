"""The chat page and the inbox, as browsers without scripts use them."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import conversations, links
from chat.coordinator import drain
from chat.models import Event
from orders.models import Order, Status
from tests.opening import come_in, link_to, token_in

Answer = Any
GONE = (404, "chat/turned_away.html")


@pytest.fixture
def order(alice: User, place: Callable[..., Order]) -> Order:
    """An order that Alice was told of."""
    placed = place(alice)
    drain()
    return placed


@pytest.fixture
def browser() -> Client:
    """A browser; what goes wrong comes back as a page, and forms need their token."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def link(order: Order) -> str:
    """The mail's link, from the path on."""
    return link_to(order.customer.conversation, order.number)


def path(order: Order, username: str | None = None) -> str:
    """The page's path without a key."""
    return links.path_for(order.customer.conversation, order.number, username=username)


def shown(answer: Answer) -> tuple[int, str]:
    """Status and template."""
    return answer.status_code, answer.templates[0].name


def say(browser: Client, order: Order, text: str, *, username: str | None = None, **fields: str) -> Answer:
    """Open the page (the customer by a fresh link, where they are not in yet) and post its form, as a browser without scripts does."""
    if username is None and browser.get(path(order)).status_code == 404:
        come_in(browser, link(order))
    url = path(order, username)
    return browser.post(url, {"text": text, "csrfmiddlewaretoken": token_in(browser.get(url).content.decode()), **fields})


def said() -> list[str]:
    """The texts of all messages."""
    return [str(event.body["text"]) for event in Event.objects.filter(type="message").order_by("sequence")]


# --- The customer ------------------------------------------------------------------------------------------------------


def test_the_mails_link_shows_the_order(browser: Client, order: Order) -> None:
    answer = come_in(browser, link(order))
    assert (answer.status_code, "Blue mug" in answer.content.decode()) == (200, True)


def test_an_order_that_is_not_told_yet_is_announced(browser: Client, alice: User) -> None:
    page = come_in(browser, link_to(conversations.open_for(alice))).content.decode()
    assert ("Order 1001 appears here by itself once it is confirmed." in page, "There are no orders yet." in visible(page)) == (True, False)


def test_the_agent_reads_that_a_customer_has_no_orders(browser: Client, agent: User, alice: User) -> None:
    browser.force_login(agent)
    page = browser.get(links.path_for(conversations.open_for(alice), 0, username=agent.username)).content.decode()
    assert "There are no orders yet." in visible(page)


def visible(page: str) -> str:
    """The page without the words that wait for its scripts."""
    return re.sub(r"<template.*?</template>", "", page, flags=re.DOTALL)


@pytest.fixture
def _noon() -> Iterator[None]:
    """No midnight comes between a message and the page that shows it. Far ahead, so that what SQLite wrote by its own clock is due."""
    with time_machine.travel(datetime(2030, 6, 5, 12, tzinfo=UTC)):
        yield


@pytest.mark.usefixtures("_noon")
def test_the_first_paint_says_what_the_scripts_will_say(browser: Client, order: Order, agent: User) -> None:
    say(browser, order, "Hello")
    sent = visible(browser.get(path(order)).content.decode())
    conversations.send_text(conversations.join(order.customer.conversation, agent), "Hello!")
    seen = visible(browser.get(path(order)).content.decode())
    fate = re.compile(r'class="why">(.*?)</span></p>')
    assert (">Today</time>" in sent, fate.findall(sent)) == (True, ["Sent"])
    [told] = fate.findall(seen)
    assert re.fullmatch(r"Seen \d\d:\d\d", told)


def test_after_the_link_the_page_opens_without_its_key(browser: Client, order: Order) -> None:
    come_in(browser, link(order))
    assert browser.get(path(order)).status_code == 200


def test_without_the_link_nobody_gets_in(browser: Client, order: Order) -> None:
    assert shown(browser.get(path(order))) == GONE


@pytest.mark.parametrize(
    "spoil", [lambda key: key[:-1], lambda key: key + "x", lambda key: key.swapcase(), lambda key: "", lambda key: "%00"]
)
def test_a_key_that_was_tampered_with_opens_nothing(browser: Client, order: Order, spoil: Callable[[str], str]) -> None:
    url, _equals, key = link(order).partition("=")
    assert shown(browser.get(f"{url}={spoil(key)}")) == GONE


def test_anothers_link_opens_nothing_of_alices(browser: Client, order: Order, bob: User, place: Callable[..., Order]) -> None:
    theirs = place(bob)
    drain()
    key = link(theirs).partition("?")[2]
    assert shown(browser.get(f"{path(order)}?{key}")) == GONE


def test_in_bobs_browser_alices_page_is_gone(browser: Client, order: Order, bob: User, place: Callable[..., Order]) -> None:
    theirs = place(bob)
    drain()
    come_in(browser, link(theirs))
    assert shown(browser.get(path(order))) == GONE


def test_alices_own_conversation_doesnt_show_bobs_order(browser: Client, order: Order, bob: User, place: Callable[..., Order]) -> None:
    theirs = place(bob)
    come_in(browser, link(order))
    assert shown(browser.get(links.path_for(order.customer.conversation, theirs.number))) == GONE


def test_her_own_draft_is_not_shown(browser: Client, order: Order, place: Callable[..., Order]) -> None:
    draft = place(order.customer, status=Status.DRAFT)
    come_in(browser, link(order))
    assert shown(browser.get(path(draft))) == GONE


def test_all_her_told_orders_open_with_one_link(browser: Client, order: Order, place: Callable[..., Order]) -> None:
    second = place(order.customer)
    drain()
    come_in(browser, link(order))
    assert browser.get(path(second)).status_code == 200


@pytest.mark.parametrize("number", ["0", "99999999999999999999", "9" * 5000])
def test_an_order_number_that_never_was_is_gone(browser: Client, order: Order, number: str) -> None:
    come_in(browser, link(order))
    assert browser.get(path(order).rpartition("/")[0] + f"/{number}").status_code == 404


@pytest.mark.parametrize("name", ["%00", "%FF", "bob", "x" * 5000, "..", "agent"])
def test_the_path_of_another_name_opens_nothing(browser: Client, order: Order, agent: User, bob: User, name: str) -> None:
    come_in(browser, link(order))
    assert browser.get(f"/chat/{name}/{order.customer.conversation.public_id}/{order.number}").status_code == 404


@pytest.mark.parametrize("conversation_id", ["CON-0", "%00", "%FF", "x" * 5000])
def test_a_conversation_that_never_was_is_gone_for_agents_too(browser: Client, order: Order, agent: User, conversation_id: str) -> None:
    browser.force_login(agent)
    assert browser.get(f"/chat/agent/{conversation_id}/{order.number}").status_code == 404


def test_a_conversation_that_is_there_and_one_that_isnt_look_the_same_to_a_stranger(browser: Client, order: Order) -> None:
    token = re.compile(r'(name="csrfmiddlewaretoken" value=)"\w+"')
    there = token.sub("", browser.get(path(order)).content.decode()).replace(order.customer.conversation.public_id, "CON-0")
    assert token.sub("", browser.get(f"/chat/alice/CON-0/{order.number}").content.decode()) == there


def test_reading_needs_no_login_and_is_kept_by_no_cache(browser: Client, order: Order) -> None:
    assert "no-store" in browser.get(link(order))["Cache-Control"]


def test_a_head_request_is_answered_without_a_body(browser: Client, order: Order) -> None:
    answer = browser.head(link(order))
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(client: Client, order: Order, method: str) -> None:
    assert client.generic(method, link(order)).status_code == 405


# --- Writing without scripts -------------------------------------------------------------------------------------------


def test_a_message_is_stored_beside_its_order(browser: Client, order: Order) -> None:
    say(browser, order, "Hello")
    state = {"version": 1, "status": "placed", "total": "22.48", "currency": "EUR"}
    body = {"message_type": "text", "text": "Hello", "about": order.number, "about_order": state}
    assert Event.objects.get(type="message").body == body


def test_after_writing_the_browser_goes_on_to_the_same_page(browser: Client, order: Order) -> None:
    answer = say(browser, order, "Hello")
    assert (answer.status_code, answer["Location"]) == (303, path(order))


def test_the_page_that_follows_shows_the_message(browser: Client, order: Order) -> None:
    answer = say(browser, order, "Is it <b>blue</b>?")
    assert "Is it &lt;b&gt;blue&lt;/b&gt;?" in browser.get(answer["Location"]).content.decode()


def test_the_form_sent_twice_is_one_message(browser: Client, order: Order) -> None:
    say(browser, order, "Hello", client_key="k-1")
    say(browser, order, "Hello", client_key="k-1")
    assert said() == ["Hello"]


@pytest.mark.parametrize("text", ["", "   ", "x" * 8001, "a\x00b"])
def test_a_message_that_cant_be_taken_comes_back_with_its_reason(browser: Client, order: Order, text: str) -> None:
    answer = say(browser, order, text)
    assert (answer.status_code, bool(answer.context["form_error"]), answer.context["draft"]) == (422, True, text)
    assert said() == []


def test_a_form_sent_too_fast_comes_back_with_its_words_and_a_time(browser: Client, order: Order, settings: Settings) -> None:
    settings.MESSAGES_PER_MINUTE = 1
    say(browser, order, "Hello")
    answer = say(browser, order, "Anybody there?")
    assert (answer.status_code, answer.context["draft"], 0 < int(answer["Retry-After"]) <= 60) == (429, "Anybody there?", True)


def test_a_form_of_two_megabytes_is_refused(browser: Client, order: Order) -> None:
    assert say(browser, order, "x" * 2_000_000).status_code == 400
    assert said() == []


def test_a_key_that_cant_be_stored_is_refused(browser: Client, order: Order) -> None:
    assert say(browser, order, "Hello", client_key="x" * 65).status_code == 422


def test_a_form_without_its_token_is_refused(browser: Client, order: Order) -> None:
    come_in(browser, link(order))
    assert browser.post(path(order), {"text": "Hello"}).status_code == 403
    assert said() == []


def test_a_form_of_another_site_is_refused(browser: Client, order: Order) -> None:
    come_in(browser, link(order))
    token = browser.cookies["ordersupport_csrf"].value
    answer = browser.post(path(order), {"text": "Hello", "csrfmiddlewaretoken": token}, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, said()) == (403, [])


def test_a_stranger_cant_write(order: Order) -> None:
    answer = Client().post(path(order), {"text": "Hello"})
    assert (shown(answer), said()) == (GONE, [])


# --- The agent ---------------------------------------------------------------------------------------------------------


def test_the_agents_own_name_in_the_path_lets_nobody_in(browser: Client, order: Order, agent: User) -> None:
    assert shown(browser.get(path(order, "agent"))) == GONE


def test_the_agents_own_name_works_once_logged_in(browser: Client, order: Order, agent: User) -> None:
    browser.force_login(agent)
    answer = browser.get(path(order, "agent"))
    assert (answer.status_code, answer.context["page"]["me"]["role"]) == (200, "agent")


def test_another_agents_name_doesnt_work(browser: Client, order: Order, agent: User, clerk: User) -> None:
    browser.force_login(agent)
    assert shown(browser.get(path(order, "clerk"))) == GONE


def test_the_customers_name_doesnt_work_for_an_agent(browser: Client, order: Order, agent: User) -> None:
    browser.force_login(agent)
    assert shown(browser.get(path(order))) == GONE


def test_an_agent_finds_the_way_from_the_closed_door_to_their_login(browser: Client, order: Order) -> None:
    answer = browser.get(path(order, "agent"))
    assert answer.context["login_url"].startswith("/login/?next=%2Fchat%2Fagent%2FCON-")


def test_an_agent_answers_under_their_own_name(browser: Client, order: Order, agent: User) -> None:
    browser.force_login(agent)
    say(browser, order, "Hello Alice", username="agent")
    sender = Event.objects.get(type="message").from_member
    assert sender is not None
    assert sender.user == agent


def test_in_one_browser_login_and_link_each_speak_for_themselves(browser: Client, order: Order, agent: User) -> None:
    come_in(browser, link(order))
    browser.force_login(agent)
    say(browser, order, "I am Alice")
    sender = Event.objects.get(type="message").from_member
    assert sender is not None
    assert sender.user == order.customer


def test_what_a_colleague_said_is_ours_to_an_agent_and_theirs_to_the_customer(
    browser: Client, order: Order, agent: User, clerk: User
) -> None:
    conversation = order.customer.conversation
    conversations.send_text(conversations.join(conversation, clerk), "I look into it.")
    conversations.send_text(conversations.join(conversation, order.customer), "Thank you.")
    browser.force_login(agent)
    conversations.send_text(conversations.join(conversation, agent), "It left today.")
    sides = re.compile(r'<li class="message (\w+)')
    answered = sides.findall(browser.get(path(order, agent.username)).content.decode())
    read = sides.findall(come_in(Client(), link(order)).content.decode())
    assert (answered, read) == (["ours", "theirs", "mine"], ["theirs", "mine", "theirs"])


def test_on_a_page_a_number_stays_with_what_it_counts(browser: Client, order: Order) -> None:
    page = come_in(browser, link(order)).content.decode()
    assert "You purchased 2\u00a0×\u00a0Widget; 1\u00a0×\u00a0Blue mug for €22.48." in page


def test_a_customer_is_not_told_that_they_have_joined(browser: Client, order: Order, agent: User) -> None:
    conversation = order.customer.conversation
    conversations.join(conversation, agent)
    page = visible(come_in(browser, link(order)).content.decode())
    assert ("You joined" in page, "Ada Agent joined" in page) == (False, True)


def test_an_agent_reads_who_joined_and_not_that_the_order_made_a_member(browser: Client, order: Order, agent: User) -> None:
    browser.force_login(agent)
    browser.get(path(order, agent.username))
    page = visible(browser.get(path(order, agent.username)).content.decode())
    assert ("You joined" in page, "Alice Martin joined" in page) == (True, False)


def test_once_somebody_has_answered_the_page_says_who_answers(order: Order, agent: User, browser: Client) -> None:
    come_in(browser, link(order))
    path = link(order).split("?")[0]
    before = browser.get(path).content.decode()
    conversation = order.customer.conversation
    conversations.send_text(conversations.join(conversation, agent), "Good morning")
    conversations.send_text(conversations.join(conversation, order.customer), "Hello")
    answers = f"{agent.display_name} answers you"
    assert (answers in before, answers in browser.get(path).content.decode()) == (False, True)


def test_the_time_zone_can_be_chosen_from_the_page_and_is_closed_to_strangers(order: Order, browser: Client) -> None:
    come_in(browser, link(order))
    path = link(order).split("?")[0]
    assert '<a href="?times">Change</a>' in browser.get(path).content.decode()
    choice = browser.get(f"{path}?times").content.decode()
    assert "<option>Asia/Tokyo</option>" in choice
    sent = {"time_zone": "Asia/Tokyo", "next": path, "csrfmiddlewaretoken": token_in(choice)}
    assert browser.post(f"{path}/language", sent).url == path
    assert '<bdi class="zone-name">Asia/Tokyo</bdi>' in browser.get(path).content.decode()
    assert "<option selected>Asia/Tokyo</option>" in browser.get(f"{path}?times").content.decode()
    stranger = Client().get(f"{path}?times")
    assert (stranger.status_code, stranger.templates[0].name) == GONE
