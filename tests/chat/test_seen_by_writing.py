"""Who writes has seen what is above; who says that they had less before their eyes (`based_on`) has seen no more than that."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from chat import conversations
from chat.models import Conversation, Member
from tests.accounts.sockets import Socket, browser_test
from tests.chat import phone_side as side
from tests.opening import enter


@pytest.fixture
def conversation(alice: User, agent: User) -> Conversation:
    """Alice has asked and seen all up to 3; an answer is 4."""
    opened = conversations.open_for(alice)
    customer = conversations.join(opened, alice)
    conversations.send_text(customer, "Where is it?")
    answering = conversations.join(opened, agent)
    customer.conversation.refresh_from_db()
    conversations.see(customer, 3)
    assert conversations.send_text(answering, "It left today.").sequence == 4
    return opened


@pytest.fixture
def browser(conversation: Conversation) -> Client:
    """Alice's."""
    client = Client()
    client.defaults["HTTP_X_CSRFTOKEN"] = enter(client, conversation).context["page"]["csrf"]
    return client


def write(browser: Client, conversation: Conversation, **more: object) -> dict[str, Any]:
    """Her message through the API, as it is stored."""
    content = {"type": "message", "body": {"text": "And the other one?"}, **more}
    answer = browser.post(f"/api/conversations/{conversation.public_id}/events/", content, content_type="application/json")
    assert answer.status_code in {200, 201}
    event: dict[str, Any] = answer.json()
    return event


def mark(conversation: Conversation, name: str = "alice") -> int:
    """How far they have read."""
    return Member.objects.get(conversation=conversation, user__username=name).seen_sequence


def test_what_was_not_before_their_eyes_stays_unseen(conversation: Conversation, browser: Client) -> None:
    event = write(browser, conversation, based_on=3)
    assert (event["id"], event["body"]["seen"], mark(conversation)) == (5, 3, 3)


@pytest.mark.parametrize("more", [{}, {"based_on": None}, {"based_on": 4}], ids=str)
def test_what_was_is_seen_and_so_is_all_for_who_does_not_say(conversation: Conversation, browser: Client, more: dict[str, Any]) -> None:
    event = write(browser, conversation, **more)
    assert ("seen" in event["body"], mark(conversation)) == (False, 5)


def test_a_mark_never_goes_back(conversation: Conversation, browser: Client) -> None:
    write(browser, conversation)
    write(browser, conversation, based_on=1)
    assert mark(conversation) == 6


def test_ones_own_words_hold_nothing_back(conversation: Conversation, browser: Client) -> None:
    events = [write(browser, conversation, based_on=4) for _message in range(3)]
    assert ([event["id"] for event in events], mark(conversation)) == ([5, 6, 7], 7)


def test_what_was_hidden_can_be_seen_afterwards(conversation: Conversation, browser: Client) -> None:
    write(browser, conversation, based_on=3)
    browser.post(f"/api/conversations/{conversation.public_id}/seen/", {"sequence": 5}, content_type="application/json")
    assert mark(conversation) == 5


def test_a_retry_gets_the_message_whatever_is_seen_by_then(conversation: Conversation, browser: Client) -> None:
    first, again = (write(browser, conversation, based_on=number, client_key="one") for number in (3, 4))
    assert first == again


def test_what_a_customer_wrote_meanwhile_is_unread_in_the_inbox_of_who_answered_without_it(
    conversation: Conversation, browser: Client, agent: User
) -> None:
    write(browser, conversation)
    conversations.send_text(conversations.join(conversation, agent), "It comes on Friday.", based_on=4)
    rows = side.log_in(agent).get("/api/conversations/").json()["results"]
    assert ([row["unread"] for row in rows], mark(conversation, agent.username)) == ([1], 4)


@browser_test
async def test_the_socket_tells_how_far_they_had_read(conversation: Conversation, browser: Client) -> None:
    async with Socket(f"/ws/conversations/{conversation.public_id}/", browser) as socket:
        await socket.until("live")
        await socket.send({"type": "send", "client_key": "one", "based_on": 3, "event": {"body": {"text": "And the other one?"}}})
        assert (await socket.until("ack"))["event"]["body"] == {"message_type": "text", "text": "And the other one?", "seen": 3}
