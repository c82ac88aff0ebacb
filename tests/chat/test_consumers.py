"""The sockets, driven as browsers drive them: connect, send JSON, compare the whole answer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.test import Client

from accounts.models import User
from chat import access, consumers, conversations, desk, shapes
from chat import record as record_of_events
from chat.conversations import RefusedError
from chat.hub import Hint, hub
from chat.models import Conversation, Member
from tests.accounts.sockets import Frame, Socket, browser_test, live_test
from tests.chat.vonage_side import order_told
from tests.opening import enter, link_to


@pytest.fixture(autouse=True)
def _nobody_listens_on() -> Iterator[None]:
    """Every test's sockets leave the hub."""
    yield
    rooms = hub.rooms()
    hub._rooms.clear()
    assert rooms == []


@pytest.fixture
def conversation(alice: User) -> Conversation:
    """Alice's conversation; she joined it with event 1."""
    return conversations.open_for(alice)


@pytest.fixture
def alices(conversation: Conversation) -> Client:
    """The browser in which Alice opened her link."""
    browser = Client()
    enter(browser, conversation)
    return browser


@pytest.fixture
def agents(agent: User, conversation: Conversation) -> Client:
    """The browser of an agent who joined with event 2."""
    conversations.join(conversation, agent)
    browser = Client()
    browser.force_login(agent)
    return browser


def path(conversation: Conversation, query: str = "") -> str:
    """The conversation's socket."""
    return f"/ws/conversations/{conversation.public_id}/{query}"


@sync_to_async
def write(conversation: Conversation, user: User, text: str) -> Frame:
    """A message that came another way, as JSON."""
    event = conversations.send_text(conversations.join(conversation, user), text)
    return shapes.event(event, conversation)


@sync_to_async
def record(conversation: Conversation, after: int = 0) -> list[Frame]:
    """What the database holds, as JSON."""
    return shapes.events(conversations.history(conversation, after=after, limit=1000), conversation)


@sync_to_async
def members(conversation: Conversation) -> list[Frame]:
    """The members as JSON."""
    return shapes.members(conversation)


def message(text: Any = "Hello", key: Any = "k-1", **body: Any) -> Frame:
    """A frame that sends a message."""
    return {"type": "send", "client_key": key, "event": {"type": "message", "body": {"message_type": "text", "text": text, **body}}}


# --- Catching up and live ----------------------------------------------------------------------------------------------


@browser_test
async def test_a_page_catches_up_before_it_is_live(conversation: Conversation, alices: Client, agents: Client) -> None:
    async with Socket(path(conversation), alices) as socket:
        assert await socket.receive() == {"type": "events", "events": await record(conversation)}
        assert await socket.receive() == {"type": "live", "sequence": 2, "members": await members(conversation)}


@browser_test
async def test_a_page_gets_only_what_came_after_its_last(conversation: Conversation, alices: Client, agents: Client) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        assert await socket.receive() == {"type": "events", "events": await record(conversation, after=1)}


@browser_test
async def test_a_page_that_has_everything_is_live_at_once(conversation: Conversation, alices: Client) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        assert (await socket.receive())["type"] == "live"


@browser_test
async def test_a_long_absence_is_caught_up_in_pages(conversation: Conversation, alices: Client, alice: User) -> None:
    @sync_to_async
    def absent() -> None:
        member = conversations.join(conversation, alice)
        for number in range(210):
            conversations.send_text(member, str(number))

    await absent()
    async with Socket(path(conversation), alices) as socket:
        pages = [await socket.receive(), await socket.receive()]
        assert [event["id"] for page_ in pages for event in page_["events"]] == list(range(1, 212))
        assert [len(page_["events"]) for page_ in pages] == [200, 11]


@pytest.mark.parametrize("after", ["junk", "-1", "1.5", "", "%00", "9" * 5000, "%FF", "²"])
@browser_test
async def test_a_junk_number_catches_up_from_the_beginning(conversation: Conversation, alices: Client, after: str) -> None:
    async with Socket(path(conversation, f"?after={after}"), alices) as socket:
        assert (await socket.receive())["events"][0]["id"] == 1


@browser_test
async def test_bytes_that_are_no_text_in_the_address_are_junk_too(conversation: Conversation, alices: Client) -> None:
    socket = Socket(path(conversation), alices)
    socket.scope["query_string"] = b"after=\xff"
    async with socket:
        assert (await socket.receive())["events"][0]["id"] == 1


@live_test
async def test_a_number_of_the_future_is_named_and_misses_nothing_new(conversation: Conversation, alices: Client, alice: User) -> None:
    async with Socket(path(conversation, "?after=999"), alices) as socket:
        refusal, live = await socket.receive(), await socket.receive()
        event = await write(conversation, alice, "Hello")
        assert (refusal["code"], live["sequence"]) == ("future_sequence", 1)
        assert await socket.receive() == {"type": "events", "events": [event]}


@live_test
async def test_a_message_of_the_other_side_arrives_live(conversation: Conversation, alices: Client, agents: Client, agent: User) -> None:
    async with Socket(path(conversation, "?after=2"), alices) as socket:
        await socket.until("live")
        event = await write(conversation, agent, "Hello Alice")
        assert await socket.until("events") == {"type": "events", "events": [event]}


@browser_test
async def test_what_was_rolled_back_is_never_seen(conversation: Conversation, alices: Client, alice: User) -> None:
    @sync_to_async
    def refused() -> str:
        with pytest.raises(RefusedError) as error:
            conversations.send_text(conversations.join(conversation, alice), "")
        return error.value.code

    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        assert await refused() == "empty"
        assert await socket.ask({"type": "ping"}) == {"type": "pong"}


# --- Sending -----------------------------------------------------------------------------------------------------------


@browser_test
async def test_a_message_is_acknowledged_as_it_was_stored(conversation: Conversation, alices: Client) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        await socket.send(message("Hello", "k-1", about=1001))
        ack = await socket.until("ack")
        stored = (await record(conversation, after=1))[0]
        assert ack == {"type": "ack", "client_key": "k-1", "event": stored}
        assert stored["body"] == {"message_type": "text", "text": "Hello", "about": 1001}


@browser_test
async def test_a_line_that_goes_through_vonage_is_announced(conversation: Conversation, alices: Client) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        await socket.send({"type": "about", "order": 1001, "client_key": "k-1", "text": "Hello"})
        await socket.send({"type": "ping"})
        await socket.until("pong")
    [announced] = (await Member.objects.aget(user__username="alice")).announced
    assert (announced["key"], announced["about"], announced["taken_at"]) == ("k-1", 1001, None)


@browser_test
async def test_an_announcement_that_can_t_be_taken_is_refused(conversation: Conversation, alices: Client) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        await socket.send({"type": "about", "order": 1001, "client_key": "k-1", "text": 7})
        assert (await socket.until("error"))["code"] == "bad_type"


@live_test
async def test_a_message_reaches_both_sides(conversation: Conversation, alices: Client, agents: Client) -> None:
    async with Socket(path(conversation, "?after=2"), alices) as mine, Socket(path(conversation, "?after=2"), agents) as theirs:
        await mine.until("live")
        await theirs.until("live")
        await mine.send(message())
        frames = {frame["type"]: frame for frame in [await mine.receive(), await mine.receive()]}
        event = frames["ack"]["event"]
        assert frames["events"]["events"] == [event]
        assert (await theirs.until("events"))["events"] == [event]


@browser_test
async def test_a_retry_with_the_same_key_is_answered_with_the_stored_message(conversation: Conversation, alices: Client) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.send(message())
        first = await socket.until("ack")
        await socket.send(message())
        assert await socket.until("ack") == first


@browser_test
async def test_a_retry_on_a_new_socket_is_answered_with_the_stored_message(conversation: Conversation, alices: Client) -> None:
    async with Socket(path(conversation), alices) as socket:
        await socket.send(message())
        first = await socket.until("ack")
    async with Socket(path(conversation), alices) as socket:
        await socket.send(message())
        assert await socket.until("ack") == first


@browser_test
async def test_messages_sent_in_a_row_keep_their_order(conversation: Conversation, alices: Client) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        for number in range(5):
            await socket.send(message(str(number), f"k-{number}"))
        acks = [await socket.until("ack") for _number in range(5)]
        assert [ack["event"]["body"]["text"] for ack in acks] == ["0", "1", "2", "3", "4"]


WIDE = [["x"] * 10]
REFUSED: list[tuple[Any, str, Any]] = [
    (message(""), "empty", "k-1"),
    (message(" \n "), "empty", "k-1"),
    (message("\u200b\u2060"), "empty", "k-1"),
    (message("x" * 8001), "too_long", "k-1"),
    (message("a\x00b"), "bad_text", "k-1"),
    (message("\ud800"), "bad_text", "k-1"),
    (message(None), "bad_type", "k-1"),
    (message(5), "bad_type", "k-1"),
    (message(["Hello"]), "bad_type", "k-1"),
    (message(key=""), "bad_key", None),
    (message(key="x" * 65), "bad_key", None),
    (message(key="\ud800"), "bad_key", None),
    (message(key="a\x00b"), "bad_key", None),
    (message(key=None), "bad_key", None),
    (message(key=5), "bad_key", None),
    (message(key=WIDE), "bad_key", None),
    (message(about=0), "bad_about", "k-1"),
    (message(about=-1), "bad_about", "k-1"),
    (message(about=True), "bad_about", "k-1"),
    (message(about="1001"), "bad_about", "k-1"),
    (message(about=2**60), "bad_about", "k-1"),
    (message(about=float("nan")), "bad_about", "k-1"),
    (message(message_type="image"), "bad_type", "k-1"),
    ({"type": "send", "client_key": "k-1"}, "bad_type", "k-1"),
    ({"type": "send", "client_key": "k-1", "event": []}, "bad_type", "k-1"),
    ({"type": "send", "client_key": "k-1", "event": {"body": {}}}, "empty", "k-1"),
    ({"type": "send", "client_key": "k-1", "event": {"type": "message", "body": "Hello"}}, "bad_type", "k-1"),
    ({"type": "send", "client_key": "k-1", "event": {"type": "member:left", "body": {"text": "x"}}}, "bad_type", "k-1"),
    ({"type": "send", "client_key": "k-1", "event": {"type": "custom:order-confirm-event", "body": {"text": "x"}}}, "bad_type", "k-1"),
]


@pytest.mark.parametrize(("frame", "code", "key"), REFUSED)
@browser_test
async def test_a_message_that_cant_be_taken_is_refused_by_name(
    conversation: Conversation, alices: Client, frame: Frame, code: str, key: str | None
) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        answer = await socket.ask(frame)
        assert answer == {"type": "error", "client_key": key, "code": code, "detail": answer["detail"], "retry": False}
        assert await record(conversation, after=1) == []


@browser_test
async def test_a_key_used_for_another_text_is_refused(conversation: Conversation, alices: Client) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        await socket.send(message("Hello"))
        await socket.until("ack")
        await socket.send(message("Good-bye"))
        assert (await socket.until("error"))["code"] == "key_reused"


def away(*args: Any, **kwargs: Any) -> NoReturn:
    """What anything that asks the database comes to while it is away."""
    raise OperationalError("the connection is closed")


@browser_test
async def test_a_socket_whose_database_is_away_closes_so_that_its_page_comes_back(
    conversation: Conversation, alices: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        monkeypatch.setattr(record_of_events._Batch, "store", away)
        await socket.send(message())
        assert await socket.close_code() == 1012


@browser_test
async def test_what_a_page_says_to_a_socket_that_never_came_in_is_passed_over(
    conversation: Conversation, alices: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "party", away)
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.send(message())
        assert await socket.close_code() == 1012
        assert (await socket.hears_nothing(), len(hub)) == (True, 0)


@browser_test
async def test_a_socket_that_ended_over_a_fault_of_ours_is_heard_of_no_more(
    conversation: Conversation, alices: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*args: Any, **kwargs: Any) -> NoReturn:
        raise KeyError("x")

    socket = Socket(path(conversation, "?after=1"), alices)
    await socket.open()
    await socket.until("live")
    monkeypatch.setattr(record_of_events._Batch, "store", fault)
    await socket.send(message())
    with pytest.raises(KeyError):
        await socket.line.wait(5)
    assert len(hub) == 0


@browser_test
async def test_a_socket_of_which_two_things_fail_at_once_says_good_bye_once(
    conversation: Conversation, alices: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        # Whether it may stay is looked after beside what it is to be told.
        monkeypatch.setattr(consumers, "FRESH_SECONDS", -1.0)
        monkeypatch.setattr(access, "party", away)
        monkeypatch.setattr(conversations, "history", away)
        hub.publish(conversation.public_id, Hint(kind="events", sequence=9))
        assert await socket.close_code() == 1012
        assert await socket.hears_nothing()


# --- Frames that are none ----------------------------------------------------------------------------------------------

JUNK = [
    "",
    "hello",
    "[]",
    "5",
    "null",
    '"send"',
    "{}",
    '{"type": null}',
    '{"type": 5}',
    '{"type": ["send"]}',
    '{"type": {"a": 1}}',
    '{"type": "events"}',
    '{"type": "connect"}',
    '{"type": "_pump"}',
    '{"type": "__init__"}',
    '{"type": "send.x"}',
    '{"type": "\\u0000"}',
    "[" * 50_000,
    '{"type": ' + "9" * 5000 + "}",
    '{"a":' * 5000,
]


@pytest.mark.parametrize("text", JUNK)
@browser_test
async def test_a_frame_that_is_none_is_named_and_harms_nobody(conversation: Conversation, alices: Client, text: str) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        await socket.send_raw(text=text)
        answer = await socket.receive()
        assert answer == {"type": "error", "client_key": None, "code": "bad_frame", "detail": answer["detail"], "retry": False}
        assert await socket.ask({"type": "ping"}) == {"type": "pong"}


@browser_test
async def test_a_huge_frame_is_named(conversation: Conversation, alices: Client) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        assert (await socket.ask({"type": "ping", "padding": "x" * 100_000}))["code"] == "too_long"


@browser_test
async def test_a_binary_frame_is_named(conversation: Conversation, alices: Client) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        await socket.send_raw(bytes=b'{"type": "ping"}')
        assert (await socket.receive())["type"] == "error"


# --- Typing and seen ---------------------------------------------------------------------------------------------------


@sync_to_async
def member_of(conversation: Conversation, username: str) -> Member:
    """That person's membership."""
    return Member.objects.get(conversation=conversation, user__username=username)


@browser_test
async def test_typing_is_told_to_the_others(conversation: Conversation, alices: Client, agents: Client) -> None:
    alice = await member_of(conversation, "alice")
    async with Socket(path(conversation, "?after=2"), alices) as mine, Socket(path(conversation, "?after=2"), agents) as theirs:
        await mine.until("live")
        await theirs.until("live")
        await mine.send({"type": "typing"})
        assert await theirs.receive() == {"type": "typing", "from": alice.public_id, "name": "Alice Martin"}
        assert await mine.ask({"type": "ping"}) == {"type": "pong"}


@live_test
async def test_seen_is_told_to_the_others_and_stored(conversation: Conversation, alices: Client, agents: Client) -> None:
    alice = await member_of(conversation, "alice")
    async with Socket(path(conversation, "?after=2"), alices) as mine, Socket(path(conversation, "?after=2"), agents) as theirs:
        await mine.until("live")
        await theirs.until("live")
        await mine.send({"type": "seen", "sequence": 2})
        told = await theirs.receive()
        assert told == {"type": "seen", "from": alice.public_id, "sequence": 2, "at": told["at"]}
        assert datetime.now(UTC) - datetime.fromisoformat(told["at"]) < timedelta(minutes=1)
        assert await mine.ask({"type": "ping"}) == {"type": "pong"}
    assert (await member_of(conversation, "alice")).seen_sequence == 2


@live_test
async def test_what_came_in_live_can_be_seen(conversation: Conversation, alices: Client, agents: Client) -> None:
    async with Socket(path(conversation, "?after=2"), alices) as mine, Socket(path(conversation, "?after=2"), agents) as theirs:
        await mine.until("live")
        await theirs.until("live")
        await theirs.send({"type": "send", "client_key": "k1", "event": {"type": "message", "body": {"text": "Good morning"}}})
        event = (await mine.until("events"))["events"][-1]
        await mine.send({"type": "seen", "sequence": event["id"]})
        assert (await theirs.until("seen"))["sequence"] == event["id"]
    assert (await member_of(conversation, "alice")).seen_sequence == event["id"]


@pytest.mark.parametrize("sequence", [2**52, 2**53, 10**20, 10**4000 - 1], ids=["2**52", "2**53", "10**20", "4000 digits"])
@browser_test
async def test_seen_of_the_future_is_named_and_counts_as_the_last_event(conversation: Conversation, alices: Client, sequence: int) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        answer = await socket.ask({"type": "seen", "sequence": sequence})
        assert answer == {"type": "error", "client_key": None, "code": "future_sequence", "detail": answer["detail"], "retry": False}
        assert await socket.ask({"type": "ping"}) == {"type": "pong"}
    assert (await member_of(conversation, "alice")).seen_sequence == 1


NO_NUMBERS: list[Frame] = [{"sequence": value} for value in (None, "1", True, -1, 1.0, [1], {}, float("nan"))]


@pytest.mark.parametrize("more", [*NO_NUMBERS, {}], ids=str)
@browser_test
async def test_seen_of_nothing_is_named_and_moves_no_mark(conversation: Conversation, alices: Client, more: Frame) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        answer = await socket.ask({"type": "seen", **more})
        assert answer == {"type": "error", "client_key": None, "code": "bad_frame", "detail": answer["detail"], "retry": False}
        assert await socket.ask({"type": "ping"}) == {"type": "pong"}
    assert (await member_of(conversation, "alice")).seen_sequence == 0


@pytest.mark.parametrize("order", ["1002", True, -1, 0, 1.0, [1], {}, float("nan"), 2**53])
@browser_test
async def test_an_announced_order_that_is_none_is_named(conversation: Conversation, alices: Client, order: Any) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        answer = await socket.ask({"type": "about", "order": order})
        assert answer == {"type": "error", "client_key": None, "code": "bad_frame", "detail": answer["detail"], "retry": False}
        assert await socket.ask({"type": "ping"}) == {"type": "pong"}


@pytest.mark.parametrize("more", [{}, {"order": None}, {"order": 1002}], ids=str)
@browser_test
async def test_an_announced_order_or_none_at_all_is_taken_in_silence(conversation: Conversation, alices: Client, more: Frame) -> None:
    async with Socket(path(conversation, "?after=1"), alices) as socket:
        await socket.until("live")
        await socket.send({"type": "about", **more})
        assert await socket.ask({"type": "ping"}) == {"type": "pong"}
    assert (await member_of(conversation, "alice")).about_next == more.get("order")


# --- Who may -----------------------------------------------------------------------------------------------------------


async def refused(path: str, client: Client | None) -> int:
    """The code with which the socket is closed."""
    async with Socket(path, client) as socket:
        return await socket.close_code()


@browser_test
async def test_a_stranger_is_closed_out(conversation: Conversation) -> None:
    assert await refused(path(conversation), None) == 4403


@browser_test
async def test_a_conversation_that_isnt_there_is_closed_alike(conversation: Conversation, alices: Client) -> None:
    assert await refused("/ws/conversations/CON-0/", alices) == 4403


@browser_test
async def test_an_address_with_a_nul_is_closed_alike(conversation: Conversation, agents: Client) -> None:
    assert await refused("/ws/conversations/CON-%00/", agents) == 4403


@browser_test
async def test_another_customer_is_closed_out(conversation: Conversation, alices: Client, bob: User) -> None:
    theirs = await sync_to_async(conversations.open_for)(bob)
    assert await refused(path(theirs), alices) == 4403


@pytest.mark.parametrize("username", ["agent", "bob", "%00"])
@browser_test
async def test_the_customer_speaks_under_no_other_name(conversation: Conversation, alices: Client, agent: User, username: str) -> None:
    assert await refused(path(conversation, f"?as={username}"), alices) == 4403


@browser_test
async def test_an_agent_speaks_under_no_other_name(conversation: Conversation, agents: Client) -> None:
    assert await refused(path(conversation, "?as=alice"), agents) == 4403


@browser_test
async def test_a_key_in_the_sockets_address_opens_nothing(conversation: Conversation) -> None:
    key = await sync_to_async(link_to)(conversation)
    assert await refused(path(conversation, f"?{key.partition('?')[2]}"), None) == 4403


@browser_test
async def test_who_was_closed_out_can_send_nothing(conversation: Conversation) -> None:
    async with Socket(path(conversation)) as socket:
        await socket.send(message())
        assert await socket.close_code() == 4403
        assert await socket.hears_nothing()
    assert len(await record(conversation)) == 1


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example", "null", None])
@browser_test
async def test_a_page_of_another_site_gets_no_socket(conversation: Conversation, alices: Client, origin: str | None) -> None:
    assert not await Socket(path(conversation), alices, origin=origin).open()


# --- The inbox ---------------------------------------------------------------------------------------------------------


@live_test
async def test_the_inbox_shows_a_conversation_as_soon_as_it_changes(
    conversation: Conversation, agents: Client, agent: User, alice: User
) -> None:
    @sync_to_async
    def rows() -> list[Frame]:
        return desk.rows(Conversation.objects.select_related("customer"), agent)

    async with Socket("/ws/inbox/", agents) as socket:
        assert await socket.receive() == {"type": "live", "answered_at": None}
        await write(conversation, alice, "Hello")
        assert await socket.receive() == {"type": "conversation", "conversation": (await rows())[0]}


@live_test
async def test_a_row_that_was_found_by_an_order_stays_with_it_when_it_changes(
    conversation: Conversation, agents: Client, alice: User
) -> None:
    for number in (1001, 1002):
        await sync_to_async(order_told)(alice, number)
    async with Socket("/ws/inbox/?q=%231001", agents) as socket:
        await socket.until("live")
        await write(conversation, alice, "Hello")
        row = (await socket.receive())["conversation"]
        assert (row["order"]["id"], row["url"].rpartition("/")[2]) == (1001, "1001")


@live_test
async def test_what_an_agent_has_read_is_no_longer_unread_in_their_own_inbox(
    conversation: Conversation, agents: Client, agent: User, alice: User, bob: User
) -> None:
    event = await write(conversation, alice, "Hello")

    @sync_to_async
    def read(reader: User) -> None:
        conversations.see(conversations.join(Conversation.objects.get(pk=conversation.pk), reader), event["id"])

    await sync_to_async(lambda: conversations.join(conversation, bob))()
    async with Socket("/ws/inbox/", agents) as socket:
        await socket.until("live")
        await read(bob)
        await read(agent)
        row = (await socket.receive())["conversation"]
        assert (row["id"], row["unread"]) == (conversation.public_id, 0)
        assert await socket.hears_nothing()


@browser_test
async def test_the_inbox_takes_no_messages(agents: Client) -> None:
    async with Socket("/ws/inbox/", agents) as socket:
        await socket.until("live")
        assert (await socket.ask(message()))["code"] == "bad_frame"
        assert await socket.ask({"type": "ping"}) == {"type": "pong"}


@browser_test
async def test_a_stranger_has_no_inbox(db: None) -> None:
    assert await refused("/ws/inbox/", None) == 4403


@browser_test
async def test_a_customer_has_no_inbox(alices: Client) -> None:
    assert await refused("/ws/inbox/", alices) == 4403


@browser_test
async def test_staff_without_the_agents_permission_have_no_inbox(db: None) -> None:
    @sync_to_async
    def intern() -> Client:
        browser = Client()
        browser.force_login(User.objects.create_user("intern", is_staff=True))
        return browser

    assert await refused("/ws/inbox/", await intern()) == 4403


@browser_test
async def test_a_refusal_is_said_in_the_partys_language(conversation: Conversation, alices: Client) -> None:
    await User.objects.filter(username="alice").aupdate(language="zh-hans")
    async with Socket(path(conversation), alices) as socket:
        await socket.until("live")
        await socket.send(message(""))
        assert (await socket.until("error"))["detail"] == "请先写消息。"
