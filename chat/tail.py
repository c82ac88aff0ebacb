"""A slow look at the database, for what no hint told: another process's events while Redis is away, or with no Redis at all; and
log-outs, which concern sockets on which nothing is said as well.
"""

import logging
import threading
import time
from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import connection

from accounts import sessions
from chat import outages
from chat.frames import stays
from chat.hub import INBOX, Hint, hub
from chat.models import Conversation

logger = logging.getLogger(__name__)

SECONDS = 1.0
SECONDS_BESIDE_A_BUS = 5.0
SECONDS_BETWEEN_LOG_OUTS = 5.0
INBOX_ROWS = 50
ROOMS_AT_ONCE = 500


class Tail:
    """One thread that compares the last numbers of the conversations listened to; with no listeners it asks nothing."""

    def __init__(self, *, has_bus: Callable[[], bool]) -> None:
        self._has_bus = has_bus
        self._known: dict[str, int] = {}
        self._looked_at = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(SECONDS_BESIDE_A_BUS if self._has_bus() else SECONDS):
            try:
                self.look()
                if time.monotonic() - self._looked_at >= SECONDS_BETWEEN_LOG_OUTS:
                    self._looked_at = time.monotonic()
                    self.look_for_log_outs()
            except DatabaseError as error:
                logger.warning("the tail can't look at the database (%s); it tries again", outages.reason(error))
                connection.close()
        connection.close()

    def look_for_log_outs(self) -> None:
        """Have every socket whose session has ended ask whether it may stay: all sockets of the process by one query for each 500."""
        open_now = [(socket.session_key, socket.room, socket.listener) for socket in stays.copy()]
        keys = list({key for key, _room, _listener in open_now if key})
        living: set[str] = set()
        for start in range(0, len(keys), ROOMS_AT_ONCE):
            living |= sessions.living(keys[start : start + ROOMS_AT_ONCE])
        for key, room, listener in open_now:
            if key not in living and listener:
                hub.tell(room, listener, Hint(kind="access"))

    def look(self) -> None:
        """Hint whoever listens to a conversation that has grown since the last look."""
        rooms = hub.rooms()
        now: dict[str, int] = {}
        for start in range(0, len(rooms), ROOMS_AT_ONCE):
            chunk = rooms[start : start + ROOMS_AT_ONCE]
            now |= dict(Conversation.objects.filter(public_id__in=chunk).values_list("public_id", "sequence"))
        newest = {}
        if INBOX in rooms:
            newest = dict(Conversation.objects.order_by("-last_event_at").values_list("public_id", "sequence")[:INBOX_ROWS])
        for public_id, sequence in (newest | now).items():
            if self._known.get(public_id) != sequence:
                hint = Hint(kind="events", conversation=public_id, sequence=sequence)
                hub.deliver(public_id, hint)
                hub.deliver(INBOX, hint)
        self._known = newest | now
