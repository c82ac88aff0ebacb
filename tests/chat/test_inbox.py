"""The agents' inbox: who is in which tab, in which order, what is counted, and what is said where nobody waits."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from django.db.models.signals import post_init
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chat import conversations, desk, folds, links, subjects
from chat.coordinator import drain
from chat.models import Conversation, Event
from orders.models import Order

WAITING = "/inbox/?show=waiting"
TOLD, MOVED = folds.ORDER_CONFIRMED, folds.ORDER_STATUS


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


@pytest.mark.parametrize("words", ["alice", "MARTIN", " ce Mart ", "alice@exam"])
def test_a_customer_is_found_by_a_part_of_their_name_or_address(browser: Client, alice: User, bob: User, words: str) -> None:
    talk(alice, "Hello")
    talk(bob)
    api = browser.get("/api/conversations/", {"q": words}).json()["results"]
    by_api = [row["customer"]["name"] for row in api]
    by_page = [row["customer"]["name"] for row in browser.get("/inbox/", {"q": words, "show": "waiting"}).context["rows"]]
    assert (by_page, by_api) == (["alice"], ["alice"])


@pytest.mark.parametrize("written", ["{}", "#{}", " # {} "])
def test_a_customer_is_found_by_the_number_of_an_order(
    browser: Client, alice: User, bob: User, place: Callable[..., Order], written: str
) -> None:
    first = place(alice)
    place(alice)
    place(bob)
    drain()
    found = browser.get("/inbox/", {"q": written.format(first.number)})
    assert [row["customer"]["name"] for row in found.context["rows"]] == ["alice"]


@pytest.mark.parametrize("words", ["nobody", "999", "9" * 30, "%", "#", "' OR 1=1 --", "a\x00b" + "c" * 5000])
def test_what_finds_nobody_is_said(browser: Client, alice: User, words: str) -> None:
    talk(alice, "Hello")
    answer = browser.get("/inbox/", {"q": words})
    assert (answer.context["rows"], "No conversation is found for “" in answer.content.decode()) == ([], True)


@pytest.mark.parametrize("words", ["", "  ", "\x00"])
def test_looking_for_nothing_is_looking_at_all(browser: Client, alice: User, words: str) -> None:
    talk(alice)
    answer = browser.get("/inbox/", {"q": words})
    assert ([row["customer"]["name"] for row in answer.context["rows"]], answer.context["page"]["show"]) == (["alice"], "all")


def test_a_search_asks_the_database_no_more_often(
    browser: Client, alice: User, place: Callable[..., Order], django_assert_max_num_queries: Any
) -> None:
    order = place(alice)
    drain()
    with django_assert_max_num_queries(13):
        browser.get("/inbox/", {"q": str(order.number)})


def test_what_was_looked_for_stands_in_the_field_as_text(browser: Client, alice: User) -> None:
    page = browser.get("/inbox/", {"q": '"><script>'}).content.decode()
    assert ('<script>"' in page, 'value="&quot;&gt;&lt;script&gt;"' in page) == (False, True)


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


def test_a_solved_conversation_says_so_in_its_row_until_somebody_writes(browser: Client, alice: User, bob: User, agent: User) -> None:
    opened = talk(alice, "Thanks", minutes_ago=5)
    answer(talk(bob, "Hello", minutes_ago=3), agent)
    conversations.solve(conversations.join(opened, agent))
    is_solved = {row["customer"]["name"]: row["solved"] for row in browser.get("/inbox/").context["rows"]}
    page = browser.get("/inbox/").content.decode().partition("<template")[0]
    conversations.send_text(conversations.join(opened, alice), "One more thing")
    again = [row["solved"] for row in browser.get("/inbox/").context["rows"]]
    assert (is_solved, page.count('class="solved"'), again) == ({"alice": True, "bob": False}, 1, [False, False])


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


# --- The order in a row --------------------------------------------------------------------------------------------------


def tell(customer: User, *news: tuple[object, str, dict[str, Any]]) -> Conversation:
    """Tell of orders in the customer's conversation: number, kind and what else the event says."""
    opened = conversations.open_for(customer)
    for number, kind, more in news:
        conversations.add_event(opened, kind, {"id": number, "status": "placed", "total": "1.00", "currency": "EUR"} | more)
    return opened


@pytest.mark.parametrize(
    ("news", "order"),
    [
        ([(1001, TOLD, {}), (1002, TOLD, {"total": "2.00"})], (1002, "placed", "2.00")),
        ([(1002, TOLD, {"total": "2.00"}), (1001, TOLD, {}), (1001, MOVED, {"status": "shipped"})], (1002, "placed", "2.00")),
        ([(1001, TOLD, {}), (1002, TOLD, {}), (1002, MOVED, {"status": "shipped"}), (1001, MOVED, {})], (1002, "shipped", "1.00")),
        ([(1001, TOLD, {}), (1001, MOVED, {"status": "shipped"}), (1001, TOLD, {"total": "3.00"})], (1001, "placed", "3.00")),
        ([(1001, MOVED, {"status": "shipped"}), (1001, TOLD, {})], (1001, "placed", "1.00")),
        ([(1001, TOLD, {}), (1002, MOVED, {"status": "shipped"})], (1001, "placed", "1.00")),
        ([(1001, TOLD, {}), (None, TOLD, {})], (1001, "placed", "1.00")),
        ([(1001, MOVED, {})], None),
    ],
)
def test_where_nobody_wrote_about_an_order_a_row_shows_the_newest_as_it_stands(
    browser: Client, alice: User, bob: User, news: list[tuple[object, str, dict[str, Any]]], order: tuple[int, str, str] | None
) -> None:
    opened = tell(alice, *news)
    tell(bob, (2001, TOLD, {}), (1001, MOVED, {"status": "cancelled"}))
    [row] = [row for row in browser.get("/inbox/").context["rows"] if row["customer"]["name"] == "alice"]
    whole = next(iter(folds.orders(opened)), None)
    shown = [found and (found["id"], found["status"], found["total"]) for found in (row["order"], whole)]
    assert shown == [order, order]


def about(browser: Client, words: str = "") -> list[tuple[int, str, str]]:
    """Of each row, by the page and by the API: the order that it names, how that stands, and where it leads."""
    wanted = {"q": words} if words else {}
    rows = [browser.get("/inbox/", wanted).context["rows"], browser.get("/api/conversations/", wanted).json()["results"]]
    return [(row["order"]["id"], row["order"]["status"], row["url"].rpartition("/")[2]) for row in chain.from_iterable(rows)]


def two_orders(customer: User) -> Conversation:
    """A conversation that was told of two, the first of which is on its way."""
    return tell(customer, (1002, TOLD, {}), (1005, TOLD, {}), (1002, MOVED, {"status": "shipped"}))


def test_a_row_names_the_order_that_the_customer_writes_about_and_leads_to_it(browser: Client, alice: User, bob: User) -> None:
    hers = conversations.join(two_orders(alice), alice)
    conversations.send_text(hers, "Where is it?", about=1002)
    conversations.send_text(hers, "Hello?")
    his = conversations.join(two_orders(bob), bob)
    conversations.send_text(his, "And mine?", about=1002)
    conversations.send_text(his, "And the new one?", about=1005)
    assert sorted(about(browser)) == [(1002, "shipped", "1002")] * 2 + [(1005, "placed", "1005")] * 2


def test_the_answer_of_an_agent_who_comes_by_the_inbox_is_about_what_was_asked(browser: Client, alice: User) -> None:
    conversations.send_text(conversations.join(two_orders(alice), alice), "Where is it?", about=1002)
    [row] = browser.get("/inbox/").context["rows"]
    browser.post(row["url"], {"text": "It left yesterday.", "client_key": "k-1"})
    asked, answered = Event.objects.filter(type="message").order_by("sequence")
    assert (asked.body["about"], answered.body["about"], about(browser)) == (1002, 1002, [(1002, "shipped", "1002")] * 2)


def test_an_order_that_was_never_told_is_not_named(browser: Client, alice: User) -> None:
    conversations.send_text(conversations.join(two_orders(alice), alice), "And that one?", about=999)
    assert about(browser) == [(1005, "placed", "1005")] * 2


def test_what_was_written_very_long_ago_is_not_what_it_is_about(browser: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "LOOKED_THROUGH", 2)
    hers = conversations.join(two_orders(alice), alice)
    conversations.send_text(hers, "Where is it?", about=1002)
    conversations.send_text(hers, "Hello?")
    before = about(browser)
    conversations.send_text(hers, "Anybody?")
    assert (before, about(browser)) == ([(1002, "shipped", "1002")] * 2, [(1005, "placed", "1005")] * 2)


@pytest.mark.parametrize("written", ["{}", "#{}"])
def test_who_is_looked_for_by_an_order_is_shown_with_that_order(
    browser: Client, alice: User, place: Callable[..., Order], written: str
) -> None:
    first, second, third = (place(alice) for _order in range(3))
    drain()
    conversations.send_text(conversations.join(conversations.open_for(alice), alice), "Hello", about=second.number)
    found = [about(browser, words)[0][0] for words in (written.format(first.number), written.format(third.number), "alice")]
    assert found == [first.number, third.number, second.number]


@pytest.mark.parametrize(("words", "socket"), [("", "/ws/inbox/"), ("#1002", "/ws/inbox/?q=%231002")])
def test_the_live_list_is_told_what_was_looked_for(browser: Client, alice: User, words: str, socket: str) -> None:
    two_orders(alice)
    assert browser.get("/inbox/", {"q": words}).context["page"]["urls"]["socket"] == socket


def test_a_number_in_somebodys_name_is_no_order_of_theirs(browser: Client) -> None:
    person = User.objects.create_user("anna1001")
    conversations.send_text(conversations.join(two_orders(person), person), "Hello", about=1002)
    assert about(browser, "1001") == [(1002, "shipped", "1002")] * 2


# --- What it costs -------------------------------------------------------------------------------------------------------


def test_the_inbox_asks_the_database_as_often_for_ten_conversations_as_for_one(
    browser: Client, place: Callable[..., Order], django_assert_max_num_queries: Any
) -> None:
    orders = [place(User.objects.create_user(f"customer-{number}", email="c@example.com")) for number in range(10)]
    drain()
    writers = [(conversations.join(conversations.open_for(order.customer), order.customer), order.pk) for order in orders[5:]]
    [conversations.send_text(writer, "Hello", about=number) for writer, number in writers]
    with django_assert_max_num_queries(13):
        browser.get("/inbox/")
    assert Conversation.objects.count() == 10


def test_of_each_customer_the_inbox_reads_the_events_of_one_order(browser: Client, alice: User, bob: User) -> None:
    for customer in (alice, bob):
        tell(customer, *((number, kind, {}) for kind in (TOLD, MOVED) for number in range(1001, 1031)))
    conversations.send_text(conversations.join(conversations.open_for(bob), bob), "Hello", about=1007)
    read: list[Event] = []

    def note(instance: Event, **_signal: Any) -> None:
        read.append(instance)

    post_init.connect(note, sender=Event)
    browser.get("/inbox/")
    post_init.disconnect(note, sender=Event)
    assert sorted((event.type, event.body["id"]) for event in read) == [(TOLD, 1007), (TOLD, 1030), (MOVED, 1007), (MOVED, 1030)]


def test_the_last_answer_is_one_question(alice: User, agent: User, django_assert_num_queries: Any) -> None:
    answer(talk(alice, "Hello"), agent)
    with django_assert_num_queries(1):
        desk.last_answer()


def test_an_agent_in_a_conversation_sees_how_many_others_wait(browser: Client, alice: User, bob: User, agent: User) -> None:
    hers, his = talk(alice, "Hello"), talk(bob, "Hello")
    page = browser.get(links.path_for(hers, 0, username=agent.username))
    answer(his, agent)
    after = browser.get(links.path_for(hers, 0, username=agent.username))
    badge = '<span class="count" id="others" title="1 other customer is waiting">'
    assert (page.context["others"], badge in page.content.decode()) == (1, True)
    assert (after.context["others"], badge in after.content.decode()) == (0, False)


def test_a_customer_is_told_nothing_of_others(client: Client, alice: User, bob: User) -> None:
    talk(bob, "Hello")
    client.force_login(alice)
    page = client.get(links.path_for(talk(alice, "Hello"), 0)).content.decode()
    assert ('id="others"' in page, "/ws/inbox/" in page) == (False, False)
