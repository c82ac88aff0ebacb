"""A hundred requests with one `Idempotency-Key`, all on the wire at the same moment, to the real servers: one order on either engine."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.accounts.threads import together
from tests.chaos.processes import ROOT, Product, ending, environment, ports
from tests.services import MissingError, Postgres

AT_ONCE = 100
SHOP = """
from accounts.models import ApiKey, Scope, User
User.objects.create_user("alice", "alice@example.com")
shop = User.objects.create_superuser("shop")
print(ApiKey.objects.create_key(user=shop, name="till", scopes=[Scope.ORDERS_READ, Scope.ORDERS_WRITE])[1])
"""
ORDER = {"customer": "alice", "lines": [{"name": "Mug", "quantity": 2, "unit_price": "12.50"}]}


@dataclass(frozen=True)
class Shop:
    """A client with a key, and the servers that it may ask."""

    key: str
    ports: list[int]

    def ask(self, number: int, method: str, path: str, **more: Any) -> requests.Response:
        """One request on a connection of its own, to each server in turn."""
        headers = {"Authorization": f"Token {self.key}", **more.pop("headers", {})}
        url = f"http://127.0.0.1:{self.ports[number % len(self.ports)]}{path}"
        return requests.request(method, url, headers=headers, timeout=90, **more)


@contextmanager
def running(folder: Path, database: str, *, servers: int) -> Iterator[Shop]:
    """That many `manage.py serve` on one fresh database."""
    known = environment(DATABASE_URL=database, ENV_FILE=os.devnull, SECRET_KEY="k" * 50, LOG_LEVEL="WARNING")
    products = [
        Product(f"server-{port}", port=port, arguments=["serve", "--port", str(port)], environment=known, folder=folder)
        for port in ports(servers)
    ]
    with ending(*products):
        # One after the other: the first makes the tables.
        for product in products:
            product.start()
            product.wait()
        made = subprocess.run(
            [sys.executable, "manage.py", "shell", "--verbosity=0", "-c", SHOP], cwd=ROOT, env=known, stdout=subprocess.PIPE, check=True
        )
        yield Shop(made.stdout.decode().split()[-1], [product.port for product in products])


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """One server on SQLite; two servers on PostgreSQL."""
    # Not pytest's folder: PostgreSQL runs as another user, who must get there.
    with tempfile.TemporaryDirectory(prefix="retries-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if request.param == "sqlite":
            with running(folder, f"sqlite:///{folder / 'db.sqlite3'}", servers=1) as started:
                yield started
            return
        try:
            postgres = Postgres(folder)
        except MissingError as missing:
            pytest.skip(str(missing))
        postgres.start()
        try:
            with running(folder, postgres.url, servers=2) as started:
                yield started
        finally:
            postgres.stop(how="immediate")


def orders(shop: Shop) -> list[int]:
    """The numbers of all that were made."""
    return [order["number"] for order in shop.ask(0, "GET", "/api/orders/?customer=alice").json()["results"]]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_at_once_under_one_key_make_one_order(shop: Shop) -> None:
    def one(number: int) -> requests.Response:
        return shop.ask(number, "POST", "/api/orders/", json=ORDER, headers={"Idempotency-Key": "order-1"})

    before = orders(shop)
    answers = together(AT_ONCE, one)
    made = [number for number in orders(shop) if number not in before]
    assert Counter(answer.status_code for answer in answers) == {201: AT_ONCE}
    assert {answer.text for answer in answers} == {answers[0].text}
    assert Counter(answer.headers.get("Idempotency-Replayed") for answer in answers) == {"true": AT_ONCE - 1, None: 1}
    assert made == [answers[0].json()["number"]]
    assert len(shop.ask(0, "GET", f"/api/orders/{made[0]}/explain/").json()["versions"]) == 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_at_once_with_two_bodies_make_one_order_and_name_the_field(shop: Shop) -> None:
    def one(number: int) -> requests.Response:
        body = ORDER | {"currency": ["EUR", "SEK"][number // 2 % 2]}
        return shop.ask(number, "POST", "/api/orders/", json=body, headers={"Idempotency-Key": "order-2"})

    before = orders(shop)
    answers = together(AT_ONCE, one)
    refused = [json.loads(answer.text) for answer in answers if answer.status_code == 422]
    assert Counter(answer.status_code for answer in answers) == {201: AT_ONCE // 2, 422: AT_ONCE // 2}
    assert {error["field"] for answer in refused for error in answer["errors"]} == {"currency"}
    assert len(orders(shop)) == len(before) + 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_at_once_under_one_external_id_make_one_order(shop: Shop) -> None:
    before = orders(shop)
    answers = together(AT_ONCE, lambda number: shop.ask(number, "POST", "/api/orders/", json=ORDER | {"external_id": "W-1"}))
    assert Counter(answer.status_code for answer in answers) == {200: AT_ONCE - 1, 201: 1}
    assert ({answer.json()["number"] for answer in answers}, len(orders(shop))) == ({answers[0].json()["number"]}, len(before) + 1)
