"""Who listens to what, across threads and event loops."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from chat.hub import Hint, Hub

HINT = Hint(kind="events", conversation="CON-1", sequence=7)


@pytest.fixture
def hub() -> Hub:
    """A hub of the test's own."""
    return Hub()


class Ear:
    """A listener that keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[Hint] = []
        self.some = asyncio.Event()

    def __call__(self, hint: Hint) -> None:
        self.heard.append(hint)
        self.some.set()


def in_a_thread(act: Callable[[], None]) -> None:
    """Do it in another thread, and wait for its end."""
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def test_everybody_in_the_room_hears_a_hint_from_another_thread(hub: Hub) -> None:
    async def talk() -> list[Hint]:
        first, second = Ear(), Ear()
        hub.join("CON-1", first)
        hub.join("CON-1", second)
        in_a_thread(lambda: hub.publish("CON-1", HINT))
        await asyncio.wait_for(asyncio.gather(first.some.wait(), second.some.wait()), 5)
        return first.heard + second.heard

    assert asyncio.run(talk()) == [HINT, HINT]


def test_nobody_hears_of_another_room(hub: Hub) -> None:
    async def talk() -> list[Hint]:
        ear = Ear()
        hub.join("CON-1", ear)
        hub.publish("CON-2", HINT)
        hub.publish("CON-1", Hint(kind="typing"))
        await asyncio.wait_for(ear.some.wait(), 5)
        return ear.heard

    assert asyncio.run(talk()) == [Hint(kind="typing")]


def test_who_left_hears_nothing(hub: Hub) -> None:
    async def talk() -> list[Hint]:
        ear, other = Ear(), Ear()
        hub.join("CON-1", ear)
        hub.join("CON-1", other)
        hub.leave("CON-1", ear)
        hub.publish("CON-1", HINT)
        await asyncio.wait_for(other.some.wait(), 5)
        return ear.heard

    assert asyncio.run(talk()) == []


def test_leaving_twice_or_without_having_come_harms_nobody(hub: Hub) -> None:
    async def talk() -> int:
        ear = Ear()
        hub.join("CON-1", ear)
        hub.leave("CON-1", ear)
        hub.leave("CON-1", ear)
        hub.leave("CON-2", ear)
        return len(hub)

    assert asyncio.run(talk()) == 0


def test_an_empty_room_is_forgotten(hub: Hub) -> None:
    async def talk() -> list[str]:
        ear = Ear()
        hub.join("CON-1", ear)
        hub.leave("CON-1", ear)
        return hub.rooms()

    assert asyncio.run(talk()) == []


def test_a_listener_whose_loop_is_closed_stops_nobody_else(hub: Hub) -> None:
    async def come() -> None:
        hub.join("CON-1", Ear())

    async def talk() -> list[Hint]:
        ear = Ear()
        hub.join("CON-1", ear)
        hub.publish("CON-1", HINT)
        await asyncio.wait_for(ear.some.wait(), 5)
        return ear.heard

    asyncio.run(come())
    assert asyncio.run(talk()) == [HINT]


def test_a_loop_that_closes_in_this_very_moment_stops_nobody_else(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> list[Hint]:
        closing = asyncio.new_event_loop()
        closing.close()
        monkeypatch.setattr(closing, "is_closed", lambda: False)
        closed, ear = Ear(), Ear()
        hub.join("CON-1", closed)
        hub._rooms["CON-1"][closed] = (closing, hub._rooms["CON-1"][closed][1])
        hub.join("CON-1", ear)
        hub.publish("CON-1", HINT)
        await asyncio.wait_for(ear.some.wait(), 5)
        return ear.heard

    assert asyncio.run(talk()) == [HINT]


def test_a_hint_to_nobody_is_forgotten(hub: Hub) -> None:
    hub.publish("CON-1", HINT)
    assert hub.rooms() == []
