"""Between processes: hints and wake-ups over Redis pub/sub.

Nothing here is trusted to deliver. Redis being away costs about a second of delay, because `chat/tail.py` looks at the database
meanwhile; after a reconnect it looks at once.
"""

import json
import logging
import threading
import uuid
from queue import Empty, Full, Queue

import redis

from chat import wakes
from chat.hub import Hint, hub

logger = logging.getLogger(__name__)

CHANNEL = "ordersupport"
# redis-py 8 waits five seconds by default and forgets that a subscriber is idle for longer; say both explicitly.
TIMEOUT_SECONDS = 2.0
RECONNECT_SECONDS = 1.0
MOST_UNSENT = 10_000


class Bus:
    """Two threads: one sends this process's hints, one receives the others'. `is_up`: whether the receiver is subscribed."""

    def __init__(self, url: str) -> None:
        self.is_up = False
        self._id = uuid.uuid4().hex
        self._client = redis.Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)
        self._unsent: Queue[str] = Queue(MOST_UNSENT)
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=work, name=f"bus-{work.__name__}", daemon=True) for work in (self._send, self._receive)]

    def start(self) -> None:
        """Carry this process's hints and wake-ups from now on."""
        hub.relay = self._relay
        wakes.also_wake(self._wake)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._client.close()

    def _relay(self, room: str, hint: Hint) -> None:
        self._put({"from": self._id, "room": room, "hint": hint})

    def _wake(self) -> None:
        self._put({"from": self._id, "wake": True})

    def _put(self, message: dict[str, object]) -> None:
        try:
            self._unsent.put_nowait(json.dumps(message))
        except Full:
            # Redis is away for long; the tails of the other processes see what we could not tell them.
            logger.debug("a hint was dropped")

    def _send(self) -> None:
        while not self._stopping.is_set():
            try:
                message = self._unsent.get(timeout=RECONNECT_SECONDS)
            except Empty:
                continue
            try:
                self._client.publish(CHANNEL, message)
            except redis.RedisError as error:
                logger.debug("a hint was not sent (%s)", type(error).__name__)

    def _receive(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (redis.RedisError, OSError) as error:
                if self.is_up:
                    logger.warning("Redis is away (%s); pages look at the database every second meanwhile", type(error).__name__)
                self.is_up = False
                self._stopping.wait(RECONNECT_SECONDS)

    def _listen(self) -> None:
        with self._client.pubsub() as subscription:  # type: ignore[no-untyped-call]
            subscription.subscribe(CHANNEL)
            while not self._stopping.is_set():
                message = subscription.get_message(timeout=RECONNECT_SECONDS)
                if message and message["type"] == "subscribe":
                    self.is_up = True
                    wakes.wake_here()
                    logger.info("Redis carries hints")
                elif message and message["type"] == "message":
                    self._take(message["data"])

    def _take(self, data: bytes) -> None:
        """Whatever is published under our channel's name, by us or by anybody: it has no database number, as keys have."""
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            logger.warning("Redis carried %d bytes that are none of ours; does another program use the channel %r?", len(data), CHANNEL)
            return
        if message.get("from") == self._id:
            return
        if "wake" in message:
            wakes.wake_here()
        elif isinstance(room := message.get("room"), str) and isinstance(hint := message.get("hint"), dict):
            hub.deliver(room, Hint(hint))
