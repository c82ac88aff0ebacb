"""Which agents have a conversation's page before their eyes, so that no two answer one customer unawares.

It is whispered over the hub like typing: never stored, and forgotten unless it is said again. Every process remembers what it hears, so
that whoever comes is told at once. All of it goes through the inbox's room, whose sockets are for agents alone.
"""

import math
import threading
import time

from chat.hub import INBOX, Hint, hub

HERE = "here"
# A page says it again after twenty.
SECONDS = 45.0

Reader = tuple[str, str]
State = dict[str, object]


def say(*, conversation: str, user: str, name: str, tab: str, is_here: bool) -> None:
    """Tell all agents that one of them has that conversation before their eyes, in this tab of theirs, or no longer has."""
    hub.publish(INBOX, Hint(kind=HERE, conversation=conversation, user=user, name=name, tab=tab, is_here=is_here))


class Readers:
    """Who reads what by what was heard so far; several tabs of one agent are one reader. Safe from any thread."""

    def __init__(self) -> None:
        self._tabs: dict[Reader, dict[str, tuple[float, str]]] = {}
        self._lock = threading.Lock()

    def hear(self, hint: Hint) -> None:
        """Take in a hint of the hub. It may be anybody's who writes to our Redis, so nothing is expected of it."""
        if hint.get("kind") != HERE:
            return
        reader, tab, now = (str(hint.get("conversation")), str(hint.get("user"))), str(hint.get("tab")), time.monotonic()
        with self._lock:
            tabs = self._tabs.setdefault(reader, {})
            tabs.pop(tab, None)
            if hint.get("is_here"):
                tabs[tab] = now + SECONDS, str(hint.get("name"))
            for other, its_tabs in list(self._tabs.items()):
                self._tabs[other] = {name: seen for name, seen in its_tabs.items() if seen[0] > now}
                if not self._tabs[other]:
                    del self._tabs[other]

    def state(self, reader: Reader) -> State:
        """What agents are told of that reader; `seconds`: until they are forgotten, 0 for who has gone (and has no name any more)."""
        with self._lock:
            until, name = max(self._tabs.get(reader, {}).values(), default=(0.0, ""))
        left = max(0, math.ceil(until - time.monotonic()))
        return {"conversation": reader[0], "user": reader[1], "name": name, "seconds": left}

    def all(self) -> list[Reader]:
        """Whoever was heard of and not forgotten yet."""
        now = time.monotonic()
        with self._lock:
            return [reader for reader, tabs in self._tabs.items() if any(until > now for until, _name in tabs.values())]


readers = Readers()
hub.witness = readers.hear
