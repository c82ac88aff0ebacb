"""A socket stays open no longer than what let it in."""

from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chat import consumers, conversations, frames, links
from chat.entry.models import AccessLink
from chat.hub import hub
from chat.models import Conversation, Event
from chat.tail import Tail
from tests.accounts.sockets import Frame, Socket, live_test
from tests.opening import link_to, press


@pytest.fixture(autouse=True)
def _nobody_listens_on() -> Iterator[None]:
    """Every test's sockets leave the hub."""
    yield
    rooms = hub.rooms()
    hub._rooms.clear()
    assert rooms == []


@pytest.fixture
def always_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if ten seconds passed between any two frames."""
    monkeypatch.setattr(consumers, "STALE_SECONDS", -1.0)


@pytest.fixture
def conversation(alice: User) -> Conversation:
    """Alice's conversation."""
    return conversations.open_for(alice)


@pytest.fixture
def alices(conversation: Conversation) -> Client:
    """The browser in which Alice opened her link."""
    browser = Client()
    press(browser, link_to(conversation))
    return browser


@pytest.fixture
def agents(agent: User, conversation: Conversation) -> Client:
    """The agent's browser."""
    conversations.join(conversation, agent)
    browser = Client()
    browser.force_login(agent)
    return browser


def message(text: str = "Hello") -> Frame:
    """A line, as the page sends it."""
    return {"type": "send", "client_key": text, "event": {"type": "message", "body": {"message_type": "text", "text": text}}}


def path(conversation: Conversation) -> str:
    """The conversation's socket."""
    return f"/ws/conversations/{conversation.public_id}/"


@live_test
async def test_who_talks_on_is_not_made_to_wait_for_that(
    conversation: Conversation, agents: Client, agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "FRESH_SECONDS", -1.0)
    async with Socket(path(conversation), agents) as socket:
        await socket.until("live")
        await sync_to_async(agent.groups.clear)()
        await socket.send(message("One more"))
        while (output := await socket.line.receive_output(5))["type"] == "websocket.send":
            pass
        assert (output["code"], await count()) == (4401, 1)


@sync_to_async
def revoke() -> None:
    """Staff ends the link."""
    links.revoke(AccessLink.objects.get())


@sync_to_async
def say(conversation: Conversation, user: User, text: str) -> None:
    """A line that came another way."""
    conversations.send_text(conversations.join(conversation, user), text)


@sync_to_async
def count() -> int:
    """How many messages there are."""
    return Event.objects.filter(type="message").count()


@live_test
async def test_revoking_the_link_closes_its_socket_at_once(conversation: Conversation, alices: Client) -> None:
    async with Socket(path(conversation), alices) as socket:
        await socket.until("live")
        await revoke()
        assert await socket.close_code() == 4401


@live_test
async def test_revoking_the_link_leaves_the_agents_socket_open(conversation: Conversation, alices: Client, agents: Client) -> None:
    async with Socket(path(conversation), agents) as socket:
        await socket.until("live")
        await revoke()
        assert (await socket.ask({"type": "ping"}))["type"] == "pong"


@live_test
async def test_without_a_hint_a_revoked_socket_hears_and_says_nothing_more(
    conversation: Conversation, alices: Client, agent: User, always_asked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "tell_doors", lambda conversation: None)
    async with Socket(path(conversation), alices) as socket:
        await socket.until("live")
        await revoke()
        await say(conversation, agent, "A secret")
        assert await socket.close_code() == 4401


@live_test
async def test_a_line_after_the_end_is_not_stored(
    conversation: Conversation, alices: Client, always_asked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "tell_doors", lambda conversation: None)
    async with Socket(path(conversation), alices) as socket:
        await socket.until("live")
        await revoke()
        await socket.send(message())
        assert (await socket.close_code(), await count()) == (4401, 0)


@live_test
async def test_logging_out_closes_the_agents_socket(conversation: Conversation, agents: Client, always_asked: None) -> None:
    async with Socket(path(conversation), agents) as socket:
        await socket.until("live")
        await sync_to_async(agents.logout)()
        await socket.send(message())
        # The page comes back with what its browser holds by now, and is turned away or let in.
        assert (await socket.close_code(), await count()) == (1012, 0)


@sync_to_async
def look_for_log_outs() -> int:
    """What the process does every five seconds; how many queries that takes."""
    with CaptureQueriesContext(connection) as queries:
        Tail(has_bus=lambda: False).look_for_log_outs()
    return len(queries)


@live_test
async def test_a_log_out_closes_the_sockets_on_which_nothing_is_said(conversation: Conversation, agents: Client, alices: Client) -> None:
    async with (
        Socket(path(conversation), agents) as chat,
        Socket("/ws/inbox/", agents) as inbox,
        Socket(path(conversation), alices) as customer,
    ):
        await chat.until("live")
        await inbox.until("live")
        await customer.until("live")
        await sync_to_async(agents.logout)()
        assert await look_for_log_outs() == 1
        assert (await chat.close_code(), await inbox.close_code()) == (1012, 1012)
        assert (await customer.ask({"type": "ping"}))["type"] == "pong"


@live_test
async def test_sockets_that_have_gone_are_not_looked_after(conversation: Conversation, agents: Client) -> None:
    async with Socket(path(conversation), agents) as chat:
        await chat.until("live")
    assert (await look_for_log_outs(), frames.stays) == (0, set())


@live_test
async def test_an_agent_who_may_no_longer_answer_is_closed_out_of_both_sockets(
    conversation: Conversation, agents: Client, agent: User, alice: User, always_asked: None
) -> None:
    async with Socket(path(conversation), agents) as chat, Socket("/ws/inbox/", agents) as inbox:
        await chat.until("live")
        await inbox.until("live")
        await sync_to_async(agent.groups.clear)()
        await say(conversation, alice, "A secret")
        assert (await chat.close_code(), await inbox.close_code()) == (4401, 4401)


@live_test
async def test_who_may_stay_stays(conversation: Conversation, alices: Client, always_asked: None) -> None:
    async with Socket(path(conversation), alices) as socket:
        await socket.until("live")
        await socket.send(message())
        assert (await socket.until("ack"))["event"]["body"]["text"] == "Hello"


@live_test
async def test_a_device_that_did_not_prove_itself_gets_no_socket(conversation: Conversation, alice: User) -> None:
    link = await sync_to_async(link_to)(conversation)
    first, second = Client(), Client()
    await sync_to_async(press)(first, link)
    await sync_to_async(press)(second, link)
    async with Socket(path(conversation), second) as socket:
        told = await socket.receive()
        assert (told["type"], told["code"], await socket.close_code()) == ("error", "unconfirmed_device", 4403)


@live_test
async def test_opening_a_second_link_leaves_the_first_tab_alive(conversation: Conversation, alices: Client, always_asked: None) -> None:
    before = Client()
    before.cookies = alices.cookies.copy()  # type: ignore[assignment]
    async with Socket(path(conversation), before) as socket:
        await socket.until("live")
        link = await sync_to_async(link_to)(conversation, 1002)
        await sync_to_async(Session.objects.all().delete)()
        await sync_to_async(press)(alices, link)
        await socket.send(message())
        assert await socket.close_code() == 1012
    async with Socket(path(conversation), alices) as socket:
        assert (await socket.until("live"))["type"] == "live"
