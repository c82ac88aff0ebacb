"""Hints between processes: over Redis while it is there, by a look at the database when it is not."""

from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
from redis import Redis as Client

from accounts.models import User
from chat import bus, conversations, wakes
from chat import hub as hubs
from chat.bus import Bus
from chat.hub import Hint, Hub
from chat.tail import Tail
from tests.running import wait_for
from tests.services import MissingError, Redis

Take = Callable[[], Hint | None]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of our own."""
    try:
        server = Redis(tmp_path)
    except MissingError as missing:
        pytest.skip(str(missing))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> "SimpleQueue[tuple[str, Hint]]":
    """What is delivered in this process."""
    queue: SimpleQueue[tuple[str, Hint]] = SimpleQueue()
    monkeypatch.setattr(hubs.hub, "deliver", lambda room, hint: queue.put((room, hint)))
    return queue


@pytest.fixture
def buses(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Bus]]:
    """The buses of two processes."""
    monkeypatch.setattr(hubs.hub, "relay", None)
    monkeypatch.setattr(wakes, "_wakers", [])
    # A hint that Redis does not take in time is dropped, and on a busy machine it may be slow.
    monkeypatch.setattr(bus, "TIMEOUT_SECONDS", 30.0)
    pair = [Bus(redis.url), Bus(redis.url)]
    for one in pair:
        one.start()
    wait_for(lambda: all(one.is_up for one in pair), "both buses")
    yield pair
    for one in pair:
        one.stop()


def test_a_hint_reaches_the_other_process(buses: list[Bus], heard: "SimpleQueue[tuple[str, Hint]]") -> None:
    buses[0]._relay("CON-1", Hint(kind="events", sequence=7))
    assert heard.get(timeout=30) == ("CON-1", {"kind": "events", "sequence": 7})


def test_a_hint_does_not_come_back_to_its_own_process(buses: list[Bus], heard: "SimpleQueue[tuple[str, Hint]]") -> None:
    buses[0]._relay("CON-1", Hint(kind="events", sequence=1))
    buses[1]._relay("CON-2", Hint(kind="events", sequence=2))
    assert {heard.get(timeout=30)[0], heard.get(timeout=30)[0]} == {"CON-1", "CON-2"}
    assert heard.empty()


def test_a_new_row_wakes_the_workers_of_other_processes(buses: list[Bus], monkeypatch: pytest.MonkeyPatch) -> None:
    nudges: SimpleQueue[None] = SimpleQueue()
    monkeypatch.setattr(wakes, "_listeners", {nudges})
    buses[0]._wake()
    assert nudges.get(timeout=30) is None


@pytest.mark.parametrize("data", ["hello", "[1]", '"x"', "null", "{", '{"room": 1, "hint": []}', b"\xff", "[" * 100_000])
def test_what_another_program_publishes_under_our_name_is_passed_over(
    buses: list[Bus], redis: Redis, heard: "SimpleQueue[tuple[str, Hint]]", data: str | bytes
) -> None:
    with Client.from_url(redis.url) as stranger:
        stranger.publish("ordersupport", data)
    buses[0]._relay("CON-4", Hint(kind="events", sequence=4))
    assert heard.get(timeout=30)[0] == "CON-4"


def test_the_bus_comes_back_after_redis_was_away(buses: list[Bus], redis: Redis, heard: "SimpleQueue[tuple[str, Hint]]") -> None:
    redis.stop()
    wait_for(lambda: not any(bus.is_up for bus in buses), "both buses to notice")
    redis.start()
    wait_for(lambda: all(bus.is_up for bus in buses), "both buses to be back")
    buses[1]._relay("CON-3", Hint(kind="events", sequence=3))
    assert heard.get(timeout=30)[0] == "CON-3"


@pytest.mark.django_db
def test_without_redis_the_tail_sees_what_another_process_stored(
    alice: User, monkeypatch: pytest.MonkeyPatch, heard: "SimpleQueue[tuple[str, Hint]]"
) -> None:
    conversation = conversations.open_for(alice)
    monkeypatch.setattr(Hub, "rooms", lambda self: [conversation.public_id])
    tail = Tail(has_bus=lambda: False)
    tail.look()
    first = heard.get(timeout=30)[1]["sequence"]
    conversations.send_text(conversations.join(conversation, alice), "Hello")
    tail.look()
    sequences = [first, heard.get(timeout=30)[1]["sequence"], heard.get(timeout=30)[1]["sequence"]]
    assert sequences == [1, 1, 2]
