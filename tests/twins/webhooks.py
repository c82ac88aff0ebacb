"""Webhooks out: what a provider posts to us, in order and once, unless a dial says otherwise."""

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import requests

TIMEOUT_SECONDS = 10


@dataclass
class WebhookDials:
    """`webhook_repeat` 2 = everything twice. `webhook_delay_ms` late; `webhook_jitter_ms` adds 0..that much, so that the order
    changes. `webhook_hold` keeps everything back until `release()`. `webhook_retry_ms` is the first pause of a retry."""

    webhook_repeat: int = 1
    webhook_delay_ms: float = 0
    webhook_jitter_ms: float = 0
    webhook_hold: bool = False
    webhook_retry_ms: float = 200


@dataclass
class Hook:
    """One webhook. `retries` pauses double; `is_to_be_retried` gets the status, or None when there was no answer.
    `on_answer` gets the answered body (an NCCO)."""

    url: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    kind: str = ""
    retries: int = 3
    is_to_be_retried: Callable[[int | None], bool] = lambda status: status is None or status >= 500
    on_answer: Callable[[bytes], None] | None = None


@dataclass
class Delivery:
    """One attempt. `status` None = no answer, then `error` says why."""

    at: float
    kind: str
    method: str
    url: str
    body: str
    attempt: int
    status: int | None
    error: str = ""


class WebhookSender:
    """One thread, so that undisturbed webhooks arrive one after the other in the order in which they were sent."""

    def __init__(self, seed: int = 0) -> None:
        self.dials = WebhookDials()
        self._seed = seed
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, int, Hook]] = []  # when, tie-breaker, attempt, hook
        self._held: list[Hook] = []
        self._numbers = itertools.count()
        self._busy = False
        self._stopping = False
        self._generation = 0  # a delivery that was under way at a reset belongs to the past
        self._deliveries: list[Delivery] = []
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="twin-webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def reset(self) -> None:
        with self._changed:
            self.dials = WebhookDials()
            self._generation += 1
            self._random = random.Random(self._seed)
            self._due.clear()
            self._held.clear()
            self._deliveries.clear()

    def turn(self, name: str, value: Any) -> bool:
        """Sets a dial; False when there is none of that name."""
        if not hasattr(self.dials, name):
            return False
        setattr(self.dials, name, value)
        return True

    def send(self, hook: Hook, *, after_seconds: float = 0) -> None:
        with self._changed:
            if self.dials.webhook_hold:
                self._held.append(hook)
                return
            for _ in range(self.dials.webhook_repeat):
                late_ms = self.dials.webhook_delay_ms + self._random.uniform(0, self.dials.webhook_jitter_ms)
                self._push(hook, attempt=1, after_seconds=after_seconds + late_ms / 1000)
            self._changed.notify_all()

    def release(self, *, newest_first: bool = False) -> int:
        """Lets held webhooks go and stops holding; returns how many went."""
        with self._changed:
            held, self._held = self._held, []
            self.dials.webhook_hold = False
            for hook in reversed(held) if newest_first else held:
                self._push(hook, attempt=1, after_seconds=0)
            self._changed.notify_all()
            return len(held)

    def wait_until_sent(self, timeout_seconds: float = 10) -> bool:
        """Waits until nothing is due any more (held ones do not count); False when the time was not enough."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._due and not self._busy, timeout_seconds)

    def deliveries(self, kind: str = "") -> list[Delivery]:
        with self._changed:
            return [delivery for delivery in self._deliveries if kind in ("", delivery.kind)]

    def summary(self) -> dict[str, Any]:
        with self._changed:
            refused = sum(1 for delivery in self._deliveries if delivery.status is None or delivery.status >= 300)
            return {"delivered": len(self._deliveries) - refused, "refused": refused, "due": len(self._due), "held": len(self._held)}

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(delivery) for delivery in self.deliveries()]

    def _push(self, hook: Hook, *, attempt: int, after_seconds: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + after_seconds, next(self._numbers), attempt, hook))

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the machine must not see loopback
            while (job := self._next()) is not None:
                generation, attempt, hook = job
                delivery, answer = _deliver(session, hook, attempt)
                self._finish(hook, delivery, answer=answer, generation=generation)

    def _next(self) -> tuple[int, int, Hook] | None:
        with self._changed:
            while not self._stopping:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    self._busy = True
                    _, _, attempt, hook = heapq.heappop(self._due)
                    return self._generation, attempt, hook
                self._changed.wait(wait)
        return None

    def _finish(self, hook: Hook, delivery: Delivery, *, answer: bytes, generation: int) -> None:
        if hook.on_answer is not None and delivery.status == 200:
            hook.on_answer(answer)
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            if generation != self._generation:
                return
            self._deliveries.append(delivery)
            if delivery.attempt <= hook.retries and hook.is_to_be_retried(delivery.status):
                pause = self.dials.webhook_retry_ms / 1000 * 2 ** (delivery.attempt - 1)
                self._push(hook, attempt=delivery.attempt + 1, after_seconds=pause)


def _deliver(session: requests.Session, hook: Hook, attempt: int) -> tuple[Delivery, bytes]:
    status, error, answer = None, "", b""
    try:
        with session.request(
            hook.method,
            hook.url,
            data=hook.body or None,
            headers=hook.headers,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            verify=False,
        ) as response:
            status, answer = response.status_code, response.content
    except requests.RequestException as failure:
        error = type(failure).__name__
    body = hook.body.decode("utf-8", "replace")
    return Delivery(time.time(), hook.kind, hook.method, hook.url, body, attempt, status, error), answer
