"""The agents' inbox: who is in which tab, in which order, what is counted, and what is said where nobody waits."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chat import conversations, desk
from chat.coordinator import drain
from chat.models import Conversation, Event
from orders.models import Order

WAITING = "/inbox/?show=waiting"


@pytest.fixture
def browser(agent: User) -> Client:
    """The agent's."""
    client = Client()
    client.force_login(agent)
    return client


def talk(customer: User, text: str = "", *, minutes_ago: int = 0) -> Conversation:
    """The customer's conversation, in which they said this so long ago."""
    opened = conversations.open_for(customer)
    if text:
        event = conversations.send_text(conversations.join(opened, customer), text)
        moment = timezone.now() - timedelta(minutes=minutes_ago)
        Event.objects.filter(pk=event.pk).update(created_at=moment)
        Conversation.objects.filter(pk=opened.pk).update(waiting_since=moment, last_event_at=moment)
    return opened


def answer(conversation: Conversation, agent: User, *, minutes_ago: int = 0) -> datetime:
    """Words of the agent, and when they were said."""
    event = conversations.send_text(conversations.join(conversation, agent), "Good morning")
    moment = timezone.now() - timedelta(minutes=minutes_ago)
    Event.objects.filter(pk=event.pk).update(created_at=moment)
    return moment


def shown(browser: Client, url: str) -> list[str]:
    """The customers' names, from above."""
    return [row["customer"]["name"] for row in browser.get(url).context["rows"]]


def said(browser: Client) -> list[str]:
    """The sentences where no row is."""
    page = browser.get(WAITING).content.decode()
    sentences = re.findall(r"<p[^>]*>(.*?)</p>", page.partition('id="nobody">')[2].partition("</div>")[0])
    return [sentence.replace("\xa0", " ") for sentence in sentences if sentence]


# --- Who may, and what is markup -----------------------------------------------------------------------------------------


def test_a_stranger_is_sent_to_the_login_from_the_inbox(client: Client, db: None) -> None:
    page = client.get("/inbox/")
    assert (page.status_code, page["Location"]) == (302, "/login/?next=/inbox/")


def test_a_customer_with_a_login_has_no_inbox(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get(WAITING).status_code == 403


def test_the_inbox_shows_what_people_wrote_as_text(browser: Client, alice: User) -> None:
    talk(alice, "<script>alert(1)</script>")
    assert "<script>alert(1)</script>" not in browser.get("/inbox/").content.decode()


# --- Order and tabs ------------------------------------------------------------------------------------------------------


def test_who_waits_stands_first_the_longest_above_and_then_the_newest(browser: Client, alice: User, bob: User) -> None:
    talk(bob, "Hello", minutes_ago=4)
    talk(alice, "Anybody there?", minutes_ago=40)
    for name in ("early", "late"):
        talk(User.objects.create_user(name))
    assert shown(browser, "/inbox/") == ["alice", "bob", "late", "early"]


def test_whoever_waits_is_in_the_list_however_many_wrote_since(browser: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    talk(alice, "Hello", minutes_ago=40)
    for name in ("one", "two", "three"):
        talk(User.objects.create_user(name))
    monkeypatch.setattr(desk, "ROWS", 2)
    assert shown(browser, "/inbox/") == ["alice", "three"]


def test_the_tab_of_those_who_wait_shows_them_alone(browser: Client, alice: User, bob: User) -> None:
    talk(alice, "Hello")
    talk(bob)
    assert (shown(browser, WAITING), shown(browser, "/inbox/?show=nonsense")) == (["alice"], ["alice", "bob"])


def test_the_tabs_are_links_with_their_counts(browser: Client, alice: User, bob: User) -> None:
    talk(alice, "Hello")
    talk(bob)
    page = browser.get(WAITING).content.decode()
    assert '<a href="?show=waiting" aria-current="page">Waiting <span id="count-waiting">(1)</span></a>' in page
    assert '<a href="/inbox/">All <span id="count-all">(2)</span></a>' in page


def test_beyond_many_nobody_counts(browser: Client, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "MOST", 1)
    talk(alice, "Hello")
    talk(bob)
    assert browser.get("/inbox/").context["counts"] == {"waiting": "1", "all": "1+"}


def test_the_api_lists_those_who_wait_alone(browser: Client, alice: User, bob: User) -> None:
    talk(alice, "Hello")
    talk(bob)
    [row] = browser.get("/api/conversations/?waiting=1").json()["results"]
    assert row["customer"]["name"] == "alice"


def test_the_api_refuses_a_wish_that_it_does_not_understand(browser: Client) -> None:
    refused = browser.get("/api/conversations/?waiting=perhaps")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "waiting")


# --- Where nobody waits --------------------------------------------------------------------------------------------------


def test_nobody_waits_and_nobody_ever_answered(browser: Client, alice: User) -> None:
    talk(alice)
    assert said(browser) == ["Nobody is waiting."]


def test_nobody_waits_and_somebody_answered(browser: Client, alice: User, agent: User) -> None:
    answer(talk(alice, "Hello", minutes_ago=20), agent, minutes_ago=12)
    assert said(browser) == ["Nobody is waiting.", "Last answered 12 min ago."]


def test_an_answer_of_hours_ago_is_told_in_hours(browser: Client, alice: User, agent: User) -> None:
    answer(talk(alice, "Hello", minutes_ago=200), agent, minutes_ago=125)
    assert said(browser) == ["Nobody is waiting.", "Last answered 2 hours, 5 minutes ago."]


def test_in_chinese(browser: Client, alice: User, agent: User) -> None:
    agent.language = "zh-hans"
    agent.save()
    answer(talk(alice, "Hello", minutes_ago=20), agent, minutes_ago=12)
    assert said(browser) == ["没有人在等待。", "上次回复是 12 分钟前。"]


def test_the_word_that_it_is_solved_is_an_answer(browser: Client, alice: User, agent: User) -> None:
    opened = talk(alice, "Thank you", minutes_ago=20)
    conversations.solve(conversations.join(opened, agent))
    assert said(browser) == ["Nobody is waiting.", "Last answered just now."]


def test_neither_the_customers_words_nor_the_shops_news_are_answers(alice: User, agent: User, place: Callable[..., Order]) -> None:
    opened = talk(alice, "Hello", minutes_ago=20)
    conversations.join(opened, agent)
    place(alice)
    drain()
    assert desk.last_answer() is None


def test_the_answer_before_the_customers_last_words_is_found(alice: User, agent: User) -> None:
    opened = talk(alice, "Hello")
    moment = answer(opened, agent, minutes_ago=5)
    talk(alice, "Thank you")
    assert desk.last_answer() == moment


def test_an_answer_is_only_looked_for_among_the_newest_events(alice: User, agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = talk(alice, "Hello")
    answer(opened, agent)
    monkeypatch.setattr(desk, "LOOKED_THROUGH", 1)
    assert desk.last_answer() is not None
    talk(alice, "Thank you")
    assert desk.last_answer() is None


# --- What it costs -------------------------------------------------------------------------------------------------------


def test_the_inbox_asks_the_database_as_often_for_ten_conversations_as_for_one(
    browser: Client, place: Callable[..., Order], django_assert_max_num_queries: Any
) -> None:
    [place(User.objects.create_user(f"customer-{number}", email="c@example.com")) for number in range(10)]
    drain()
    with django_assert_max_num_queries(12):
        browser.get("/inbox/")
    assert Conversation.objects.count() == 10


def test_the_last_answer_is_one_question(alice: User, agent: User, django_assert_num_queries: Any) -> None:
    answer(talk(alice, "Hello"), agent)
    with django_assert_num_queries(1):
        desk.last_answer()
