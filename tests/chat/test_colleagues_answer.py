"""Two agents at one customer: who writes without having read a colleague's answer is told so first, by whichever door."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chat import conversations, record
from chat.messages import RefusedError
from chat.models import Conversation, Member
from orders.models import Order
from tests.accounts.sockets import Socket, browser_test
from tests.accounts.threads import THREADS, at_once
from tests.chat import phone_side as side
from tests.opening import enter

Answer = Any


@pytest.fixture
def conversation(alice: User, agent: User, clerk: User) -> Conversation:
    """Alice has asked something, and both agents are in: the log stands at 4, and that is what each has before their eyes."""
    opened = conversations.open_for(alice)
    conversations.send_text(conversations.join(opened, alice), "Where is it?")
    for person in (agent, clerk):
        conversations.join(opened, person)
    return opened


@pytest.fixture
def me(conversation: Conversation, agent: User) -> Member:
    """The agent who reads for a minute."""
    return conversations.join(conversation, agent)


@pytest.fixture
def colleague(conversation: Conversation, clerk: User) -> Member:
    """The one who is faster."""
    return conversations.join(conversation, clerk)


@pytest.fixture
def customer(conversation: Conversation, alice: User) -> Member:
    """Who asked."""
    return conversations.join(conversation, alice)


@pytest.fixture
def agents(agent: User) -> Client:
    """The agent's browser."""
    return side.log_in(agent)


def post(browser: Client, conversation: Conversation, **more: object) -> Answer:
    """An answer through the API."""
    content = {"type": "message", "body": {"text": "It left today."}, **more}
    return browser.post(f"/api/conversations/{conversation.public_id}/events/", content, content_type="application/json")


def problem(answer: Answer) -> tuple[int, str, str]:
    """Status, code and sentence of a refusal."""
    found = answer.json()
    return answer.status_code, found["code"], found["detail"]


def words(conversation: Conversation) -> list[str]:
    """All messages."""
    return [str(event.body["text"]) for event in conversation.events.filter(type="message").order_by("sequence")]


# --- Through the API ---------------------------------------------------------------------------------------------------


def test_an_answer_is_not_stored_where_a_colleague_has_answered_meanwhile(
    conversation: Conversation, agents: Client, colleague: Member
) -> None:
    conversations.send_text(colleague, "It is lost.")
    refused = post(agents, conversation, based_on=4)
    assert problem(refused) == (409, "written_since", f"{colleague.user.display_name} has answered meanwhile.")
    assert words(conversation) == ["Where is it?", "It is lost."]


def test_once_the_colleagues_answer_is_read_it_is(conversation: Conversation, agents: Client, colleague: Member) -> None:
    read = conversations.send_text(colleague, "It is lost.").sequence
    assert post(agents, conversation, based_on=read).status_code == 201


def test_who_does_not_say_what_they_have_read_is_not_asked(conversation: Conversation, agents: Client, colleague: Member) -> None:
    conversations.send_text(colleague, "It is lost.")
    assert [post(agents, conversation, **more).status_code for more in ({}, {"based_on": None})] == [201, 201]


def test_what_the_customer_or_oneself_or_the_system_said_meanwhile_refuses_nothing(
    conversation: Conversation, agents: Client, me: Member, customer: Member
) -> None:
    conversations.send_text(customer, "Hello?")
    conversations.send_text(me, "One moment.")
    conversations.add_event(conversation, "custom:order-status-event", {"id": 1002, "status": "shipped"})
    assert post(agents, conversation, based_on=4).status_code == 201


def test_that_a_colleague_came_or_solved_it_refuses_nothing(conversation: Conversation, agents: Client, colleague: Member) -> None:
    conversations.solve(colleague)
    assert post(agents, conversation, based_on=3).status_code == 201


def test_a_retry_of_a_stored_answer_gets_it_whatever_a_colleague_wrote_since(
    conversation: Conversation, agents: Client, colleague: Member
) -> None:
    first = post(agents, conversation, based_on=4, client_key="one")
    conversations.send_text(colleague, "It is lost.")
    again = post(agents, conversation, based_on=4, client_key="one")
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())


def test_the_same_key_with_what_is_read_by_now_is_stored(conversation: Conversation, agents: Client, colleague: Member) -> None:
    read = conversations.send_text(colleague, "It is lost.").sequence
    refused = post(agents, conversation, based_on=4, client_key="one")
    assert (refused.status_code, post(agents, conversation, based_on=read, client_key="one").status_code) == (409, 201)


def test_a_customers_message_is_stored_whatever_it_is_based_on(conversation: Conversation, colleague: Member) -> None:
    browser = Client()
    csrf = enter(browser, conversation).context["page"]["csrf"]
    conversations.send_text(colleague, "It is lost.")
    browser.defaults["HTTP_X_CSRFTOKEN"] = csrf
    assert post(browser, conversation, based_on=1).status_code == 201


def test_a_number_of_the_future_is_refused_by_name(conversation: Conversation, agents: Client) -> None:
    assert problem(post(agents, conversation, based_on=99))[:2] == (400, "future_sequence")


@pytest.mark.parametrize(("number", "code"), [(-1, "min_value"), ("four", "invalid"), (2**60, "max_value")])
def test_what_is_no_number_is_refused_by_name(conversation: Conversation, agents: Client, number: object, code: str) -> None:
    assert problem(post(agents, conversation, based_on=number))[:2] == (400, code)


# --- Through the socket and without scripts ----------------------------------------------------------------------------


@browser_test
async def test_the_socket_refuses_it_under_the_same_name(
    conversation: Conversation, agents: Client, colleague: Member, clerk: User
) -> None:
    await sync_to_async(conversations.send_text)(colleague, "It is lost.")
    async with Socket(f"/ws/conversations/{conversation.public_id}/", agents) as socket:
        await socket.until("live")
        await socket.send({"type": "send", "client_key": "one", "based_on": 4, "event": {"body": {"text": "It left today."}}})
        detail = f"{clerk.display_name} has answered meanwhile."
        refused = {"type": "error", "client_key": "one", "code": "written_since", "detail": detail, "retry": False}
        assert await socket.until("error") == refused
        await socket.send({"type": "send", "client_key": "one", "based_on": 5, "event": {"body": {"text": "It left today."}}})
        assert (await socket.until("ack"))["event"]["id"] == 6


def test_the_form_tells_it_and_keeps_the_words(agents: Client, order: Order, agent: User, clerk: User) -> None:
    conversation = Conversation.objects.get(customer=order.customer)
    address = f"/chat/{agent.username}/{conversation.public_id}/{order.pk}"
    read = agents.get(address).context["page"]["conversation"]["sequence"]
    conversations.send_text(conversations.join(conversation, clerk), "It is lost.")
    refused = agents.post(address, {"text": "It left today.", "based_on": read})
    page = refused.content.decode()
    assert (refused.status_code, "has answered meanwhile." in page, ">It left today.</textarea>" in page) == (409, True, True)
    now = refused.context["page"]["conversation"]["sequence"]
    assert f'name="based_on" value="{now}"' in page
    assert agents.post(address, {"text": "It left today.", "based_on": now}).status_code == 303


def test_the_customers_form_has_no_such_field(order: Order) -> None:
    page = enter(Client(), Conversation.objects.get(customer=order.customer)).content.decode()
    assert ('name="client_key"' in page, 'name="based_on"' in page) == (True, False)


# --- At one moment, and what it costs ----------------------------------------------------------------------------------


def test_of_two_in_one_go_the_first_is_stored(conversation: Conversation, me: Member, colleague: Member, customer: Member) -> None:
    drafts = [
        conversations.message(customer, "Hello?", based_on=1),
        conversations.message(me, "It left today.", based_on=4),
        conversations.message(colleague, "It is lost.", based_on=4),
    ]
    *stored, refused = record.store(drafts)
    assert ([type(one) for one in stored], str(getattr(refused, "code", ""))) == ([record.Stored] * 2, "written_since")
    assert words(conversation) == ["Where is it?", "Hello?", "It left today."]


def test_a_retry_in_one_go_with_a_colleagues_words_is_one_message(conversation: Conversation, me: Member, colleague: Member) -> None:
    again = conversations.message(me, "It left today.", key="one", based_on=4)
    first, theirs, last = record.store([again, conversations.message(colleague, "It is lost."), again])
    assert isinstance(first, record.Stored)
    assert isinstance(last, record.Stored)
    assert (first.event.pk == last.event.pk, last.is_new, type(theirs)) == (True, False, record.Stored)


@THREADS
def test_of_two_at_one_moment_one_is_stored(alice: User, agent: User, clerk: User) -> None:
    talk = conversations.open_for(alice)
    people = [conversations.join(talk, person) for person in (agent, clerk)]

    def act(number: int) -> str:
        try:
            return str(conversations.send_text(people[number], str(number), based_on=3).sequence)
        except RefusedError as refused:
            return refused.code

    assert sorted(at_once(2, act)) == ["4", "written_since"]


def looks(writer: Member, **more: Any) -> list[str]:
    """What the database is asked of what was said, when the writer says something."""
    with CaptureQueriesContext(connection) as asked:
        conversations.send_text(writer, "One moment.", **more)
    return [query["sql"] for query in asked if '"chat_event"."sequence" >' in query["sql"]]


@pytest.mark.parametrize(("name", "read", "most"), [("customer", 1, 0), ("me", 5, 0), ("me", 4, 1)])
def test_it_costs_an_agent_who_has_not_read_all_one_look_and_others_none(
    request: pytest.FixtureRequest, conversation: Conversation, customer: Member, name: str, read: int, most: int
) -> None:
    conversations.send_text(customer, "Hello?")
    assert len(looks(request.getfixturevalue(name), based_on=read)) == most


def test_a_refused_answer_is_told_in_the_language_of_who_wrote_it(conversation: Conversation, agents: Client, colleague: Member) -> None:
    conversations.send_text(colleague, "It is lost.")
    agents.defaults["HTTP_ACCEPT_LANGUAGE"] = "zh-hans"
    assert problem(post(agents, conversation, based_on=4))[2] == f"{colleague.user.display_name} 已在此期间回复了。"
