"""An agent marks a conversation as solved: once, seen by both, and undone by the customer's next words."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts import privacy
from accounts.models import ApiKey, Scope, User
from chat import conversations, links, record
from chat.coordinator import drain
from chat.messages import SOLVED
from chat.models import Conversation
from chat.phones.models import Notice
from orders.models import Order
from tests.accounts.threads import THREADS, at_once
from tests.chat import phone_side as side
from tests.chat.vonage_side import VonageTwin, vonage_side, work
from tests.opening import come_in, enter, link_to, token_in

LIST = "/api/conversations/"
Answer = Any


@pytest.fixture
def conversation(alice: User) -> Conversation:
    """Alice's conversation, in which she waits; her words are its second event."""
    opened = conversations.open_for(alice)
    conversations.send_text(conversations.join(opened, alice), "Where is it?")
    return opened


@pytest.fixture
def agents(agent: User) -> Client:
    """An agent's browser."""
    return side.log_in(agent)


@pytest.fixture
def vonage(settings: Settings) -> Iterator[VonageTwin]:
    """Vonage, on the wire."""
    with vonage_side(settings) as twin:
        yield twin


@pytest.fixture
def order(alice: User, place: Callable[..., Order]) -> Order:
    """An order that Alice was told of."""
    placed = place(alice)
    drain()
    return placed


@pytest.fixture
def browser() -> Client:
    """A browser whose forms need their token."""
    return Client(enforce_csrf_checks=True)


def with_key(user: User, **more: Any) -> Client:
    """A program with a key of that user."""
    _row, key = ApiKey.objects.create_key(user=user, name="test", **more)
    return Client(headers={"Authorization": f"Token {key}"})


def post(browser: Client, url: str, content: object) -> Answer:
    """Write."""
    return browser.post(url, content, content_type="application/json")


def problem(answer: Answer) -> tuple[int, str | None, str]:
    """Status, field and code of a refusal with one error."""
    assert answer["Content-Type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    return answer.status_code, error["field"], error["code"]


def solve(conversation: Conversation) -> str:
    """The address of the door."""
    return f"{LIST}{conversation.public_id}/solve/"


def cards(conversation: Conversation) -> list[int]:
    """The numbers of the events that tell that it is solved."""
    return list(conversation.events.filter(type=SOLVED).order_by("sequence").values_list("sequence", flat=True))


def waits(conversation: Conversation) -> bool:
    """Whether the inbox shows that the customer waits."""
    return Conversation.objects.get(pk=conversation.pk).waiting_since is not None


# --- The door ----------------------------------------------------------------------------------------------------------


def test_an_agent_tells_that_it_is_solved(conversation: Conversation, agents: Client, agent: User) -> None:
    answer = post(agents, solve(conversation), {})
    told = answer.json()
    assert (answer.status_code, told["type"], told["body"]) == (201, SOLVED, {"state": "solved"})
    assert (told["id"], told["_embedded"]["from_user"]["name"]) == (4, agent.username)


def test_nobody_waits_once_it_is_solved(conversation: Conversation, agents: Client) -> None:
    assert waits(conversation)
    post(agents, solve(conversation), {})
    [row] = agents.get(LIST).json()["results"]
    assert (row["waiting_since"], row["last_text"]) == (None, "Where is it?")


def test_the_customers_next_words_wait_again(conversation: Conversation, agents: Client, alice: User) -> None:
    post(agents, solve(conversation), {})
    event = conversations.send_text(conversations.join(conversation, alice), "Not yet")
    assert Conversation.objects.get(pk=conversation.pk).waiting_since == event.created_at


def test_twice_is_once(conversation: Conversation, agents: Client) -> None:
    first, again = (post(agents, solve(conversation), {}) for _time in range(2))
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())


def test_another_agent_who_comes_later_gets_the_first_ones_event(conversation: Conversation, agents: Client, clerk: User) -> None:
    first = post(agents, solve(conversation), {"client_key": "one"})
    later = post(with_key(clerk), solve(conversation), {"client_key": "two"})
    assert (later.status_code, later.json()) == (200, first.json())


def test_a_retry_is_safe_also_after_the_customer_has_written(conversation: Conversation, agents: Client, alice: User) -> None:
    first = post(agents, solve(conversation), {"client_key": "one", "sequence": 2})
    conversations.send_text(conversations.join(conversation, alice), "Not yet")
    again = post(agents, solve(conversation), {"client_key": "one", "sequence": 2})
    assert (again.status_code, again.json(), waits(conversation)) == (200, first.json(), True)


def test_after_further_words_it_can_be_solved_again(conversation: Conversation, agents: Client, alice: User) -> None:
    post(agents, solve(conversation), {})
    conversations.send_text(conversations.join(conversation, alice), "Not yet")
    assert post(agents, solve(conversation), {}).status_code == 201
    assert (len(cards(conversation)), waits(conversation)) == (2, False)


def test_what_the_system_tells_meanwhile_leaves_it_solved(conversation: Conversation, agents: Client) -> None:
    post(agents, solve(conversation), {})
    conversations.add_event(conversation, "custom:order-status-event", {"id": 1002, "status": "shipped"})
    assert post(agents, solve(conversation), {}).status_code == 200


@THREADS
def test_eight_at_once_are_one_card(agent: User, clerk: User, alice: User) -> None:
    talk = conversations.open_for(alice)
    people = [with_key(person) for person in (agent, clerk)]
    answers = at_once(8, lambda number: post(people[number % 2], solve(talk), {}))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert {answer.json()["id"] for answer in answers} == set(cards(talk))


@THREADS
def test_who_writes_at_the_same_moment_waits_or_stands_above(agent: User, alice: User) -> None:
    talk = conversations.open_for(alice)
    me, program = conversations.join(talk, alice), with_key(agent)

    def act(number: int) -> object:
        return post(program, solve(talk), {}) if number else conversations.send_text(me, "Not yet")

    at_once(2, act)
    words = talk.events.get(type="message").sequence
    assert waits(talk) == (words > cards(talk)[-1])


# --- What is refused ---------------------------------------------------------------------------------------------------


def test_what_the_agent_has_not_read_is_not_solved(conversation: Conversation, agents: Client) -> None:
    refused = post(agents, solve(conversation), {"sequence": 1})
    assert (problem(refused), cards(conversation), waits(conversation)) == ((409, None, "written_since"), [], True)


def test_what_the_agent_has_read_is(conversation: Conversation, agents: Client) -> None:
    assert post(agents, solve(conversation), {"sequence": 2}).status_code == 201


def test_a_number_of_the_future_is_refused_by_name(conversation: Conversation, agents: Client) -> None:
    assert problem(post(agents, solve(conversation), {"sequence": 99})) == (400, "sequence", "future_sequence")


def test_the_customer_cant(conversation: Conversation, browser: Client) -> None:
    browser.defaults["HTTP_X_CSRFTOKEN"] = enter(browser, conversation).context["page"]["csrf"]
    assert problem(post(browser, solve(conversation), {})) == (403, None, "agents_only")
    assert cards(conversation) == []


@pytest.mark.parametrize("scopes", [[], [Scope.ORDERS_READ, Scope.ORDERS_WRITE]])
def test_a_key_that_was_not_made_for_chats_cant(conversation: Conversation, agent: User, scopes: list[Scope]) -> None:
    assert (problem(post(with_key(agent, scopes=scopes), solve(conversation), {})), cards(conversation)) == (
        (403, None, "missing_scope"),
        [],
    )


def test_a_program_that_is_no_agent_finds_no_such_conversation(conversation: Conversation, bob: User) -> None:
    assert (problem(post(with_key(bob), solve(conversation), {})), cards(conversation)) == ((404, None, "not_found"), [])


def test_another_customer_and_a_stranger_find_no_such_conversation(conversation: Conversation, bob: User) -> None:
    other = Client()
    other.force_login(bob)
    assert [problem(post(caller, solve(conversation), {})) for caller in (other, Client())] == [(404, None, "not_found")] * 2


def test_an_agents_login_solves_only_with_its_csrf_token(conversation: Conversation, agent: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(agent)
    assert (post(browser, solve(conversation), {}).status_code, cards(conversation)) == (403, [])


def test_a_conversation_that_is_not_there_is_a_404(agents: Client) -> None:
    assert problem(post(agents, f"{LIST}CON-nowhere/solve/", {})) == (404, None, "not_found")


@pytest.mark.parametrize("key", ["", "x" * 65, "a\x00b", 7])
def test_a_key_that_cant_be_one_is_refused(conversation: Conversation, agents: Client, key: object) -> None:
    assert problem(post(agents, solve(conversation), {"client_key": key})) == (400, "client_key", "bad_key")


def test_a_key_of_a_message_is_refused(conversation: Conversation, agents: Client, agent: User) -> None:
    conversations.send_text(conversations.join(conversation, agent), "It is on its way", key="one")
    assert problem(post(agents, solve(conversation), {"client_key": "one"})) == (400, "client_key", "key_reused")


# --- By plain form -----------------------------------------------------------------------------------------------------


def page_of(order: Order, reader: User | None = None) -> str:
    """The page's address."""
    return links.path_for(order.customer.conversation, order.number, username=reader and reader.username)


def press(browser: Client, url: str, sequence: object) -> Answer:
    """The button in a browser without scripts, on a page that showed everything up to that event."""
    return browser.post(url, {"solve": sequence, "csrfmiddlewaretoken": token_in(browser.get(url).content.decode())})


def button(page: str) -> str:
    """The form's own tag."""
    return "".join(re.findall(r'<form class="solve"[^>]*>', page))


def test_the_button_works_without_scripts(browser: Client, order: Order, agent: User) -> None:
    browser.force_login(agent)
    url = page_of(order, agent)
    sequence = browser.get(url).context["page"]["conversation"]["sequence"]
    answer = press(browser, url, sequence)
    assert (answer.status_code, answer["Location"], cards(order.customer.conversation)) == (303, url, [sequence + 1])


def test_the_agents_page_shows_the_card_and_the_button_is_gone(browser: Client, order: Order, agent: User) -> None:
    browser.force_login(agent)
    url = page_of(order, agent)
    before = browser.get(url).content.decode()
    press(browser, url, 99)
    after = browser.get(url).content.decode()
    assert ("hidden" in button(before), "hidden" in button(after)) == (False, True)
    assert ("You marked this as solved</b>" in before, "You marked this as solved</b>" in after) == (False, True)


def test_the_customers_page_says_what_to_do_if_it_is_not(browser: Client, order: Order, agent: User) -> None:
    conversations.solve(conversations.join(order.customer.conversation, agent))
    come_in(browser, link_to(order.customer.conversation, order.number))
    page = browser.get(page_of(order)).content.decode()
    assert ("Ada Agent marked this as solved</b>" in page, 'class="text">Not solved yet? Just write.' in page) == (True, True)
    assert button(page) == ""


def test_the_form_tells_what_the_agent_has_to_read_first(browser: Client, order: Order, agent: User) -> None:
    talk = order.customer.conversation
    conversations.send_text(conversations.join(talk, order.customer), "Where is it?")
    browser.force_login(agent)
    answer = press(browser, page_of(order, agent), 1)
    assert (answer.status_code, answer.context["form_error"]) == (409, "The customer has written since. Read that first.")
    assert cards(talk) == []


def test_a_customer_who_makes_up_the_form_is_refused(browser: Client, order: Order) -> None:
    come_in(browser, link_to(order.customer.conversation, order.number))
    answer = press(browser, page_of(order), 99)
    assert (answer.status_code, answer.context["form_error"]) == (403, "Only we can mark a conversation as solved.")
    assert cards(order.customer.conversation) == []


# --- Those who are told ------------------------------------------------------------------------------------------------


def test_agents_on_duty_are_not_texted_for_what_is_solved(settings: Settings, alice: User, agent: User) -> None:
    settings.DEMO = True
    side.on_duty("maria", side.MARIA)
    conversations.send_text(conversations.join(side.conversation_of(alice), alice), "Thank you")
    conversations.solve(conversations.join(side.conversation_of(alice), agent))
    drain()
    assert (side.texts(), Notice.objects.get().last_error) == ([], "Somebody has answered.")


def test_the_customers_next_words_are_a_new_episode(settings: Settings, alice: User, agent: User) -> None:
    settings.DEMO = True
    side.on_duty("maria", side.MARIA)
    me = conversations.join(side.conversation_of(alice), alice)
    conversations.send_text(me, "Hello")
    solved = conversations.solve(conversations.join(me.conversation, agent)).event
    conversations.send_text(me, "Not yet")
    assert list(Notice.objects.order_by("pk").values_list("episode", flat=True)) == [0, solved.sequence]


def test_it_is_copied_to_vonage_like_any_custom_event(vonage: VonageTwin, alice: User, agent: User) -> None:
    talk = conversations.open_for(alice)
    conversations.solve(conversations.join(talk, agent))
    work()
    assert [event["body"]["state"] for event in vonage.events(kind=SOLVED)] == ["solved"]


def test_words_and_their_solving_in_one_transaction_leave_nobody_waiting(conversation: Conversation, alice: User, agent: User) -> None:
    customer, me = conversations.join(conversation, alice), conversations.join(conversation, agent)
    record.store([conversations.message(customer, "Thanks"), record.Draft(conversation.pk, SOLVED, {"state": "solved"}, sender=me)])
    assert not waits(conversation)


def test_a_customer_takes_it_away_and_erasure_leaves_what_names_nobody(conversation: Conversation, alice: User, agent: User) -> None:
    conversations.solve(conversations.join(conversation, agent))
    page = privacy.export(alice, by=None).decode()
    rows = json.loads(page.partition('type="application/json">')[2].partition("</script>")[0])["rows"]
    assert [(row["from"], row["body"]) for row in rows if row.get("type") == SOLVED] == [("Ada Agent", {"state": "solved"})]
    privacy.erase(alice, by=None)
    assert conversation.events.get(type=SOLVED).body == {"state": "solved"}
