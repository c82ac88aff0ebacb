"""What no page sends, through both doors: each gets an error with a name, and the next one is served as ever."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import time_machine
import uvicorn
from asgiref.sync import sync_to_async
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import conversations
from chat.consumers import MOST_NEWS
from chat.frames import FRAMES_AT_ONCE
from chat.hub import hub
from chat.models import Conversation
from ordersupport import sockets
from ordersupport.asgi import application
from tests.accounts.sockets import Frame, Socket, browser_test, live_test
from tests.opening import enter
from tests.running import wait_for


@pytest.fixture
def conversation(alice: User, agent: User) -> Conversation:
    """Alice's conversation, which an agent has joined."""
    conversation = conversations.open_for(alice)
    conversations.join(conversation, agent)
    return conversation


@pytest.fixture
def browser(agent: User) -> Client:
    """The agent's."""
    browser = Client(raise_request_exception=False)
    browser.force_login(agent)
    return browser


def door(conversation: Conversation) -> str:
    """The API's."""
    return f"/api/conversations/{conversation.public_id}/events/"


def path(conversation: Conversation) -> str:
    """The socket's."""
    return f"/ws/conversations/{conversation.public_id}/?after={conversation.sequence}"


def message(text: Any, key: str = "k-1") -> dict[str, Any]:
    """A message as the API takes it."""
    return {"type": "message", "body": {"message_type": "text", "text": text}, "client_key": key}


def frame(text: Any, key: str = "k-1") -> Frame:
    """The same for the socket."""
    return {"type": "send", "client_key": key, "event": {"type": "message", "body": {"message_type": "text", "text": text}}}


DEEP: Any = "x"
for _level in range(200):
    DEEP = [DEEP]

BAD = {
    "64 kB": ("x" * 64_000, "too_long"),
    "nothing": ("", "empty"),
    "only spaces": (" \u3000\t\n", "empty"),
    "only what nobody sees": ("\u200b\u2060\ufeff \x00", "empty"),
    "NUL": ("a\x00b", "bad_text"),
    "half a pair": ("a\ud800b", "bad_text"),
    "deep": (DEEP, "bad_type"),
}


@pytest.mark.parametrize("name", BAD)
@browser_test
async def test_over_the_socket_it_is_named_and_the_next_is_taken(conversation: Conversation, browser: Client, name: str) -> None:
    text, code = BAD[name]
    async with Socket(path(conversation), browser) as line:
        await line.until("live")
        refusal = await line.ask(frame(text))
        assert (refusal["code"], refusal["client_key"], refusal["retry"]) == (code, "k-1", False)
        await line.send(frame("Hello", "k-2"))
        assert (await line.until("ack"))["client_key"] == "k-2"


@pytest.mark.parametrize("name", [name for name in BAD if name != "deep"])
def test_over_http_it_is_named_and_the_next_is_taken(conversation: Conversation, browser: Client, name: str) -> None:
    text, code = BAD[name]
    refusal = browser.post(door(conversation), json.dumps(message(text)), content_type="application/json")
    after = browser.post(door(conversation), message("Hello", "k-2"), content_type="application/json")
    assert (refusal.status_code, refusal.json()["code"], after.status_code) == (400, code, 201)


@pytest.mark.parametrize("body", ['{"body": ' + "[" * 5000, '{"body": ' * 5000, json.dumps(message(DEEP))])
def test_over_http_deep_json_is_a_400(conversation: Conversation, browser: Client, body: str) -> None:
    refusal = browser.post(door(conversation), body, content_type="application/json")
    assert (refusal.status_code, refusal["Content-Type"]) == (400, "application/problem+json")


@browser_test
async def test_the_longest_message_is_taken_however_it_is_written(conversation: Conversation, browser: Client) -> None:
    async with Socket(path(conversation), browser) as line:
        await line.until("live")
        # Python's JSON writes each of these as twelve characters.
        await line.send(frame("😀" * 8000))
        assert (await line.until("ack"))["event"]["body"]["text"] == "😀" * 8000


# --- Too fast ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def ten_a_minute(settings: Settings) -> Iterator[None]:
    """Five at once, on a clock that stands still."""
    settings.MESSAGES_PER_MINUTE = 10
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False):
        yield


def test_the_api_says_when_to_come_back(conversation: Conversation, browser: Client, ten_a_minute: None) -> None:
    answers = [browser.post(door(conversation), message("Hello", str(number)), content_type="application/json") for number in range(7)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [429] * 2
    assert (answers[-1].json()["code"], answers[-1]["Retry-After"]) == ("too_fast", "6")


def test_the_doors_share_one_limit(conversation: Conversation, browser: Client, agent: User, ten_a_minute: None) -> None:
    member = conversations.join(conversation, agent)
    for number in range(5):
        conversations.send_text(member, str(number))
    assert browser.post(door(conversation), message("Hello"), content_type="application/json").status_code == 429


@browser_test
async def test_the_socket_says_when_to_come_back(conversation: Conversation, browser: Client, ten_a_minute: None) -> None:
    async with Socket(path(conversation), browser) as line:
        await line.until("live")
        for number in range(5):
            await line.send(frame("Hello", str(number)))
            await line.until("ack")
        refusal = await line.ask(frame("Hello", "k-5"))
        assert (refusal["code"], refusal["client_key"], refusal["retry"], refusal["after_seconds"]) == ("too_fast", "k-5", True, 6)


@browser_test
async def test_who_is_too_fast_at_either_door_slows_nobody_else(
    conversation: Conversation, browser: Client, alice: User, ten_a_minute: None
) -> None:
    hers = Client()
    await sync_to_async(enter)(hers, conversation)
    async with Socket(path(conversation), browser) as line, Socket(path(conversation), hers) as other:
        await line.until("live")
        await other.until("live")
        for number in range(20):
            await line.send(frame("Hello", str(number)))
        refused = await line.until("error")
        over_http = await sync_to_async(browser.post)(door(conversation), message("Hello", "k-1"), content_type="application/json")
        await other.send(frame("Where is it?", "k-2"))
        ack = await other.until("ack")
        hers_over_http = await sync_to_async(hers.post)(door(conversation), message("Hello?", "k-3"), content_type="application/json")
    assert (refused["code"], over_http.status_code, ack["client_key"], hers_over_http.status_code) == ("too_fast", 429, "k-2", 201)


@browser_test
async def test_a_key_reused_with_another_text_is_named_at_both_doors_and_both_ways(conversation: Conversation, browser: Client) -> None:
    post = sync_to_async(browser.post)
    async with Socket(path(conversation), browser) as line:
        await line.until("live")
        await line.send(frame("From the socket", "k-1"))
        first = (await line.until("ack"))["event"]
        over_http = await post(door(conversation), message("Other words", "k-1"), content_type="application/json")
        again = await post(door(conversation), message("From the socket", "k-1"), content_type="application/json")
        await post(door(conversation), message("Over HTTP", "k-2"), content_type="application/json")
        refusal = await line.ask(frame("Other words", "k-2"))
    assert (over_http.status_code, over_http.json()["code"], refusal["code"]) == (400, "key_reused", "key_reused")
    assert (again.status_code, again.json()["id"]) == (200, first["id"])


@browser_test
async def test_a_flood_of_frames_ends_its_own_socket_only(conversation: Conversation, browser: Client) -> None:
    async with Socket(path(conversation), browser) as other, Socket(path(conversation), browser) as line:
        await other.until("live")
        await line.until("live")
        for _number in range(FRAMES_AT_ONCE * 2):
            await line.send({"type": "typing"})
        assert await line.close_code() == 4429
        assert await other.ask({"type": "ping"}) == {"type": "pong"}


# --- A socket that never reads -----------------------------------------------------------------------------------------


class Blocked:
    """A browser whose connection takes no more from some point on, until it does."""

    def __init__(self, conversation: Conversation, browser: Client) -> None:
        self.scope = Socket(path(conversation), browser).scope
        self.frames: list[Frame] = []
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.flows = asyncio.Event()
        self.flows.set()

    async def send(self, content: dict[str, Any]) -> None:
        """What the server writes."""
        await self.flows.wait()
        if content["type"] == "websocket.send":
            self.frames.append(json.loads(content["text"]))

    async def until(self, look: Any) -> None:
        """Until it is so."""
        async with asyncio.timeout(20):
            while not look(self.frames):
                await asyncio.sleep(0.01)


@live_test
async def test_what_it_does_not_read_is_not_kept_and_comes_later_from_the_database(
    conversation: Conversation, browser: Client, alice: User
) -> None:
    slow = Blocked(conversation, browser)
    await slow.inbox.put({"type": "websocket.connect"})
    task = asyncio.create_task(application(slow.scope, slow.inbox.get, slow.send))
    await slow.until(lambda frames: frames and frames[-1]["type"] == "live")
    slow.flows.clear()
    [listener] = hub._rooms[conversation.public_id]
    await sync_to_async(lambda: [conversations.send_text(conversations.join(conversation, alice), str(number)) for number in range(60)])()
    await asyncio.sleep(0)
    kept = len(listener.__self__._news)  # type: ignore[attr-defined]
    slow.flows.set()
    await slow.until(lambda frames: frames[-1]["type"] == "events" and frames[-1]["events"][-1]["id"] == 62)
    numbers = [event["id"] for part in slow.frames if part["type"] == "events" for event in part["events"]]
    await slow.inbox.put({"type": "websocket.disconnect", "code": 1001})
    await task
    assert (kept <= MOST_NEWS, numbers) == (True, list(range(3, 63)))


async def flood(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An application that writes as much as it may, until the browser is gone."""
    await receive()
    await send({"type": "websocket.accept"})
    try:
        while True:
            await send({"type": "websocket.send", "text": "x" * 60_000})
    finally:
        scope["state"]["ended"].set()


@contextmanager
def serving(ended: threading.Event) -> Iterator[int]:
    """`flood` behind the product's own sockets, on a port."""
    config = uvicorn.Config(flood, ws=sockets.Sockets, lifespan="off", log_config=None, ws_per_message_deflate=False)
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    config.load()
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    try:
        wait_for(lambda: server.started, "the server")
        server.lifespan.state["ended"] = ended
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def test_a_browser_that_never_reads_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "STUCK_SECONDS", 0.3)
    ended = threading.Event()
    with serving(ended) as port, socket.create_connection(("127.0.0.1", port)) as deaf:
        head = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        deaf.sendall(f"{head}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        assert ended.wait(20)
        # It was let in, got what its buffers took, and nothing after that: the line is broken, not only forgotten.
        deaf.settimeout(20)
        heard = b"".join(iter(lambda: deaf.recv(65_536), b""))
    assert (heard[:12], len(heard) > 60_000) == (b"HTTP/1.1 101", True)
