"""Colleagues who have the same conversation before their eyes: told to agents only, at once, and forgotten by itself."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from accounts.models import User
from chat import conversations, presence
from chat.hub import INBOX, Hint, hub
from chat.inbox import InboxConsumer
from chat.models import Conversation, Event, Member
from chat.presence import Readers
from tests.accounts.sockets import Frame, Socket, browser_test
from tests.chat import phone_side as side
from tests.opening import enter

INBOX_SOCKET = "/ws/inbox/"
PING = {"type": "ping"}


@pytest.fixture(autouse=True)
def _nobody_is_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everybody who came in a test has gone after it; and however long it took, all of it was at one moment."""
    monkeypatch.setattr(presence, "time", SimpleNamespace(monotonic=lambda: 55.0))
    monkeypatch.setattr(InboxConsumer, "_now", lambda consumer: 55.0)
    yield
    assert presence.readers.all() == []


@pytest.fixture
def conversation(alice: User) -> Conversation:
    """What both agents look at."""
    return conversations.open_for(alice)


@pytest.fixture
def agents(agent: User) -> Client:
    """An agent's browser."""
    return side.log_in(agent)


@pytest.fixture
def clerks(clerk: User) -> Client:
    """A colleague's."""
    return side.log_in(clerk)


def here(conversation: Conversation) -> Frame:
    """What a page says while somebody sees it."""
    return {"type": "here", "conversation": conversation.public_id}


def told(conversation: Conversation, user: User, seconds: int = 45) -> Frame:
    """What a colleague hears of it."""
    name = user.display_name if seconds else ""
    return {"type": "here", "conversation": conversation.public_id, "user": user.public_id, "name": name, "seconds": seconds}


async def settled(socket: Socket, frame: Frame) -> None:
    """Say that, and wait until it is taken."""
    await socket.send(frame)
    assert await socket.ask(PING) == {"type": "pong"}


@browser_test
async def test_a_colleague_hears_who_comes_and_who_goes(
    conversation: Conversation, agents: Client, clerks: Client, agent: User, clerk: User
) -> None:
    async with Socket(INBOX_SOCKET, agents) as mine, Socket(INBOX_SOCKET, clerks) as theirs:
        await mine.until("live")
        await theirs.until("live")
        await settled(mine, here(conversation))
        assert await theirs.until("here") == told(conversation, agent)
        await settled(mine, {"type": "gone"})
        assert await theirs.until("here") == told(conversation, agent, 0)


@browser_test
async def test_who_comes_later_hears_at_once_who_is_there(conversation: Conversation, agents: Client, clerks: Client, agent: User) -> None:
    async with Socket(INBOX_SOCKET, agents) as mine:
        await mine.until("live")
        await settled(mine, here(conversation))
        async with Socket(INBOX_SOCKET, clerks) as theirs:
            await theirs.until("live")
            assert await theirs.receive() == told(conversation, agent)


@browser_test
async def test_a_closed_socket_ends_it_at_once(conversation: Conversation, agents: Client, clerks: Client, agent: User) -> None:
    async with Socket(INBOX_SOCKET, clerks) as theirs:
        await theirs.until("live")
        async with Socket(INBOX_SOCKET, agents) as mine:
            await mine.until("live")
            await settled(mine, here(conversation))
            assert await theirs.until("here") == told(conversation, agent)
        assert await theirs.until("here") == told(conversation, agent, 0)


@browser_test
async def test_several_tabs_are_one_person_who_goes_with_the_last(
    conversation: Conversation, agents: Client, clerks: Client, agent: User
) -> None:
    async with Socket(INBOX_SOCKET, clerks) as theirs, Socket(INBOX_SOCKET, agents) as first:
        await theirs.until("live")
        await first.until("live")
        await settled(first, here(conversation))
        async with Socket(INBOX_SOCKET, agents) as second:
            await second.until("live")
            await settled(second, here(conversation))
            assert await theirs.until("here") == told(conversation, agent)
        assert (await theirs.until("here"))["seconds"] > 0
        assert presence.readers.all() == [(conversation.public_id, agent.public_id)]


@browser_test
async def test_nobody_hears_of_themselves(conversation: Conversation, agents: Client) -> None:
    async with Socket(INBOX_SOCKET, agents) as first:
        await first.until("live")
        await settled(first, here(conversation))
        async with Socket(INBOX_SOCKET, agents) as second:
            await second.until("live")
            assert (await second.hears_nothing(), await first.hears_nothing()) == (True, True)


@browser_test
async def test_another_conversation_takes_the_place_of_the_first(
    conversation: Conversation, agents: Client, agent: User, bob: User
) -> None:
    other = await sync_to_async(conversations.open_for)(bob)
    async with Socket(INBOX_SOCKET, agents) as mine:
        await mine.until("live")
        await settled(mine, here(conversation))
        await settled(mine, here(other))
        assert presence.readers.all() == [(other.public_id, agent.public_id)]


@browser_test
async def test_nothing_of_it_is_stored(conversation: Conversation, agents: Client) -> None:
    def rows() -> list[Any]:
        return [list(model.objects.values()) for model in (Conversation, Event, Member)]

    before = await sync_to_async(rows)()
    async with Socket(INBOX_SOCKET, agents) as mine:
        await mine.until("live")
        await settled(mine, here(conversation))
    assert await sync_to_async(rows)() == before


# --- Who may not -------------------------------------------------------------------------------------------------------


@browser_test
async def test_a_customer_hears_nothing_of_it_and_cant_say_it(conversation: Conversation, agents: Client) -> None:
    browser = Client()
    await sync_to_async(enter)(browser, conversation)
    async with Socket(f"/ws/conversations/{conversation.public_id}/", browser) as theirs, Socket(INBOX_SOCKET, agents) as mine:
        await theirs.until("live")
        await mine.until("live")
        await settled(mine, here(conversation))
        assert await theirs.hears_nothing()
        refused = await theirs.ask(here(conversation))
        assert (refused["type"], refused["code"]) == ("error", "bad_frame")
        assert await mine.hears_nothing()


@pytest.mark.parametrize("name", [None, 5, "", "CON-1", ["CON-1"], "CON-" + "x" * 36, "MEM-0d159e41-1975-4475-94e6-37cf9429e367"])
@browser_test
async def test_what_names_no_conversation_is_refused_by_name(agents: Client, name: Any) -> None:
    async with Socket(INBOX_SOCKET, agents) as mine:
        await mine.until("live")
        assert (await mine.ask({"type": "here", "conversation": name}))["code"] == "bad_frame"


@browser_test
async def test_who_is_no_agent_any_more_is_closed_out(conversation: Conversation, agents: Client, agent: User) -> None:
    async with Socket(INBOX_SOCKET, agents) as mine:
        await mine.until("live")
        await settled(mine, here(conversation))
        await agent.groups.aclear()
        await mine.send(here(conversation))
        assert await mine.close_code() == 4401


@browser_test
async def test_what_is_said_again_and_again_is_passed_on_five_times(
    conversation: Conversation, agents: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Hint] = []
    async with Socket(INBOX_SOCKET, agents) as mine:
        await mine.until("live")
        monkeypatch.setattr(hub, "relay", lambda room, hint: said.append(hint))
        for _time in range(20):
            await mine.send(here(conversation))
        await settled(mine, here(conversation))
    assert [hint["is_here"] for hint in said] == [*[True] * 5, False]


# --- What a process remembers ------------------------------------------------------------------------------------------


def hint(**more: object) -> Hint:
    """What another process says."""
    return Hint(kind="here", conversation="CON-1", user="USR-1", name="Ben", tab="one", is_here=True) | more  # type: ignore[return-value]


def test_what_another_process_tells_is_remembered_also_while_nobody_listens() -> None:
    hub.deliver(INBOX, hint())
    assert presence.readers.state(("CON-1", "USR-1"))["seconds"] == 45
    hub.deliver(INBOX, hint(is_here=False))
    assert presence.readers.state(("CON-1", "USR-1")) == {"conversation": "CON-1", "user": "USR-1", "name": "", "seconds": 0}


def test_who_does_not_say_it_again_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = Readers()
    monkeypatch.setattr("chat.presence.time.monotonic", lambda: 100.0)
    readers.hear(hint())
    monkeypatch.setattr("chat.presence.time.monotonic", lambda: 144.5)
    assert readers.state(("CON-1", "USR-1"))["seconds"] == 1
    monkeypatch.setattr("chat.presence.time.monotonic", lambda: 145.5)
    assert (readers.state(("CON-1", "USR-1"))["seconds"], readers.all()) == (0, [])


@pytest.mark.parametrize("junk", [{}, {"kind": "here"}, {"kind": "here", "is_here": True, "conversation": [], "user": {}, "tab": None}])
def test_what_another_program_says_under_our_name_harms_nobody(junk: dict[str, object]) -> None:
    Readers().hear(Hint(junk))
