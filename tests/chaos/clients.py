"""The clients: each places and moves its orders one after the other, and sends each word again until it was told that it is taken."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import requests

from tests.chaos.plan import SLACK, Blow, Options, Wanted
from tests.chaos.processes import GoneError, Inside

TIMEOUT_SECONDS = 15.0
GIVE_UP_SECONDS = 180.0


class Gate:
    """Lets no client run ahead of what is to break, or far ahead of the work: an order begins only once all blows that come before it
    have fallen."""

    def __init__(self, blows: list[Blow]) -> None:
        self._blows = list(blows)
        self._begun = 0
        self._changed = threading.Condition()
        self.is_shut_down = False
        self._is_flooded = False

    def flood(self, is_flooded: bool) -> None:
        """Whether too much work is open for any order to begin."""
        with self._changed:
            self._is_flooded = is_flooded
            self._changed.notify_all()

    def enter(self, index: int) -> bool:
        """Wait for the turn of this order; False where the run was given up."""
        with self._changed:
            ok = self._changed.wait_for(lambda: self.is_shut_down or not self._is_behind(index), timeout=GIVE_UP_SECONDS)
            self._begun = max(self._begun, index + 1)
            self._changed.notify_all()
            return ok and not self.is_shut_down

    def wait_for(self, blow: Blow) -> bool:
        """Until so many orders have begun that it is the blow's turn; False where the run was given up."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_shut_down or self._begun >= blow.after_orders, timeout=GIVE_UP_SECONDS)
            return not self.is_shut_down

    def fell(self, blow: Blow) -> None:
        """The blow is over; the orders behind it may begin."""
        with self._changed:
            self._blows.remove(blow)
            self._changed.notify_all()

    def shut_down(self) -> None:
        """Nobody waits any more."""
        with self._changed:
            self.is_shut_down = True
            self._changed.notify_all()

    def _is_behind(self, index: int) -> bool:
        return self._is_flooded or any(blow.after_orders + SLACK <= index for blow in self._blows)


@dataclass
class Told:
    """What clients were told, by their own id: the order's number, and how it went on the way."""

    numbers: dict[str, int] = field(default_factory=dict)
    at: dict[str, float] = field(default_factory=dict)
    troubles: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def taken(self, order: Wanted, number: int) -> None:
        """The client has its answer."""
        with self.lock:
            self.numbers[order.external_id] = number
            self.at[order.external_id] = time.time()

    def trouble(self, name: str) -> None:
        """Something that made a client try again."""
        with self.lock:
            self.troubles[name] += 1


class Clients:
    """All clients of a run. `start`, then `join`, which raises what went wrong in them."""

    def __init__(self, options: Options, orders: list[Wanted], *, gate: Gate, ports: list[int], key: str, batch: Inside) -> None:
        self.told = Told()
        self._gate, self._ports, self._key, self._batch, self._seed = gate, ports, key, batch, options.seed
        self._by_api: SimpleQueue[Wanted] = SimpleQueue()
        self._by_orm: SimpleQueue[Wanted] = SimpleQueue()
        for order in orders:
            (self._by_orm if order.by_orm else self._by_api).put(order)
        work = [(self._use_api, number) for number in range(options.clients)] + [(self._use_orm, 0)]
        self._threads = [threading.Thread(target=self._guard, args=pair, name=f"client-{pair[1]}", daemon=True) for pair in work]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Until every order is taken. Raises GoneError where a client gave up."""
        for thread in self._threads:
            thread.join()
        if self.told.failures:
            raise GoneError("; ".join(self.told.failures[:3]))

    def _guard(self, use: Callable[[int], None], number: int) -> None:
        try:
            use(number)
        except Exception as error:
            self.told.failures.append(f"client {number}: {type(error).__name__}: {error}")
            self._gate.shut_down()

    def _use_api(self, number: int) -> None:
        dice, session = random.Random(f"{self._seed}/client/{number}"), requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Token {self._key}"
        while (order := _next(self._by_api)) and self._gate.enter(order.index):
            line = {"name": "Widget", "sku": "W-1", "quantity": order.quantity, "unit_price": "4.99"}
            body = {"customer": order.customer, "external_id": order.external_id, "lines": [line]}
            answer = self._insist(session, dice, "POST", "/api/orders/", body)
            if answer.status_code == 200:
                self.told.trouble("told that an earlier try had been taken")
            order_number = int(answer.json()["number"])
            self.told.taken(order, order_number)
            for status in order.moves:
                self._insist(session, dice, "PATCH", f"/api/orders/{order_number}/", {"status": status})

    def _insist(self, session: requests.Session, dice: random.Random, method: str, path: str, body: dict[str, Any]) -> requests.Response:
        """Send it again, to any web process, until one says that it is taken. Raises GoneError where none does for long."""
        until = time.monotonic() + GIVE_UP_SECONDS
        while not (answer := self._send(session, method, f"http://127.0.0.1:{dice.choice(self._ports)}{path}", body)):
            if time.monotonic() > until:
                raise GoneError(f"{method} {path} {body} was not taken within {GIVE_UP_SECONDS:.0f} s")
            time.sleep(dice.uniform(0.05, 0.4))
        return answer

    def _send(self, session: requests.Session, method: str, url: str, body: dict[str, Any]) -> requests.Response | None:
        try:
            answer = session.request(method, url, json=body, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            self.told.trouble("no answer" if isinstance(error, requests.Timeout) else "connection refused or broken")
            return None
        if answer.ok:
            return answer
        if answer.status_code < 500 and answer.status_code != 429:
            raise GoneError(f"{answer.status_code}: {answer.text[:300]}")
        self.told.trouble(f"answer {answer.status_code}")
        return None

    def _use_orm(self, number: int) -> None:
        while (order := _next(self._by_orm)) and self._gate.enter(order.index):
            fields = {"external_id": order.external_id, "customer": order.customer, "quantity": order.quantity}
            order_number = int(self._insist_by_orm("place", **fields)["number"])
            self.told.taken(order, order_number)
            for status in order.moves:
                self._insist_by_orm("move", number=order_number, status=status)

    def _insist_by_orm(self, act: str, **fields: Any) -> dict[str, Any]:
        until = time.monotonic() + GIVE_UP_SECONDS
        while "error" in (answer := self._batch.ask(act, **fields)):
            self.told.trouble(f"ORM: {answer['error']}")
            if time.monotonic() > until:
                raise GoneError(f"{act} {fields} was not stored")
            time.sleep(0.2)
        return answer


def _next(queue: "SimpleQueue[Wanted]") -> Wanted | None:
    try:
        return queue.get_nowait()
    except Empty:
        return None
