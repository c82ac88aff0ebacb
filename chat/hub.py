"""Who is listening to what, in this process: room -> callbacks on the event loop.

The hub only hints that something is new; every listener then reads the database. A lost hint costs delay, never a message.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context

Listener = Callable[["Hint"], None]
# Where a listener is called.
Place = tuple[asyncio.AbstractEventLoop, Context]
INBOX = "inbox"


class Hint(dict[str, object]):
    """A small JSON object: {"kind": "events", "conversation": "CON-…", "sequence": 7} or {"kind": "typing" | "seen", …}.

    `event`: that event's own JSON, where it was stored by this process; it never leaves it.
    """

    event: str | None = None


class Hub:
    """Listeners by room. `publish` is safe from any thread; listeners run on their own event loop."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[Listener, Place]] = defaultdict(dict)
        self._lock = threading.Lock()
        self.relay: Callable[[str, Hint], None] | None = None
        self.witness: Callable[[Hint], None] | None = None

    def join(self, room: str, listener: Listener) -> None:
        """Listen to a room from the running event loop."""
        with self._lock:
            self._rooms[room][listener] = (asyncio.get_running_loop(), copy_context())

    def leave(self, room: str, listener: Listener) -> None:
        """Stop listening; harmless where one never did."""
        with self._lock:
            self._rooms[room].pop(listener, None)
            if not self._rooms[room]:
                del self._rooms[room]

    def publish(self, room: str, hint: Hint) -> None:
        """Hand `hint` to everybody in the room, in this process and (where a bus is set) in the others."""
        self.deliver(room, hint)
        if self.relay:
            self.relay(room, hint)

    def deliver(self, room: str, hint: Hint) -> None:
        """Hand `hint` to everybody in the room of this process; the witness hears it first, also where nobody listens."""
        if self.witness:
            self.witness(hint)
        with self._lock:
            listeners = list(self._rooms[room].items()) if room in self._rooms else []
        for listener, place in listeners:
            _hand(listener, place, hint)

    def tell(self, room: str, listener: Listener, hint: Hint) -> None:
        """Hand `hint` to this one, if it is still in the room."""
        with self._lock:
            place = self._rooms[room].get(listener) if room in self._rooms else None
        if place:
            _hand(listener, place, hint)

    def rooms(self) -> list[str]:
        """The rooms that somebody of this process listens to."""
        with self._lock:
            return list(self._rooms)

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._rooms.values()))


def _hand(listener: Listener, place: Place, hint: Hint) -> None:
    loop, context = place
    # A loop that ends in this very moment takes nothing more; what was written is committed all the same.
    with suppress(RuntimeError):
        # In the listener's own context: the publisher's belongs to a thread that asgiref would wait for, and never get.
        loop.call_soon_threadsafe(listener, hint, context=context)


hub = Hub()
