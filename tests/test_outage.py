"""The database is away for a while: nothing false is said, nothing is half-written."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.db import OperationalError, connection
from django.test import Client

from accounts.models import User
from orders.models import Order
from ordersupport import database


@pytest.fixture
def stranger() -> Client:
    """A client that gets the answer a browser gets, instead of the exception."""
    return Client(raise_request_exception=False)


@pytest.fixture
def away(db: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Every statement fails, as the database's driver words it."""
    words = getattr(request, "param", "server closed the connection unexpectedly")

    def fail(*_arguments: object) -> None:
        raise OperationalError(words)

    with connection.execute_wrapper(fail):
        yield


def test_the_api_says_when_to_come_back(stranger: Client, api_key: str, away: None) -> None:
    answer = stranger.get("/api/orders/", headers={"Authorization": f"Token {api_key}"})
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "5", "application/problem+json")


def test_the_guides_route_says_it_too(stranger: Client, api_key: str, away: None) -> None:
    answer = stranger.post("/order", {"username": "alice"}, headers={"Authorization": f"Token {api_key}"})
    assert (answer.status_code, answer.json()["code"]) == (503, "database_away")


def test_a_person_gets_a_page(stranger: Client, away: None) -> None:
    answer = stranger.get("/chat/alice/CON-1/1001", headers={"Accept": "text/html"})
    assert (answer.status_code, "right back" in answer.content.decode()) == (503, True)


def test_a_person_who_pressed_a_button_gets_a_page_too(stranger: Client, away: None) -> None:
    answer = stranger.post("/chat/alice/CON-1/1001", {"key": "k"}, headers={"Accept": "text/html,*/*;q=0.8"})
    page = answer.content.decode()
    # Asking for that address again with a GET would not be what was tried.
    assert (answer.status_code, "is then sent again" in page, "Try again" in page) == (503, True, False)


def test_a_script_that_posts_gets_no_page(stranger: Client, away: None) -> None:
    answer = stranger.post("/chat/alice/CON-1/1001", {"key": "k"}, headers={"Accept": "*/*"})
    assert (answer.status_code, answer.json()["code"]) == (503, "database_away")


@pytest.mark.parametrize("away", ["database or disk is full"], indirect=True)
def test_a_full_disk_is_reported_as_such(stranger: Client, api_key: str, away: None, caplog: pytest.LogCaptureFixture) -> None:
    answer = stranger.get("/api/orders/", headers={"Authorization": f"Token {api_key}"})
    assert (answer.json()["code"], "its disk is full" in caplog.text) == ("disk_full", True)


def test_a_fault_of_ours_stays_a_500_without_its_details(stranger: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_names: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("chat.entry.views.caller", broken)
    answer = stranger.get("/chat/alice/CON-1/1001")
    assert (answer.status_code, answer.json()["code"], "secret" in answer.content.decode()) == (500, "internal", False)


@pytest.fixture
def only_reads(alice: User) -> Iterator[None]:
    """The database refuses every write, as a PostgreSQL does that follows another one."""
    if connection.vendor == "sqlite":
        # The driver's own way, because Django asks nothing more of a transaction that failed.
        connection.connection.execute("PRAGMA query_only = 1")
        yield
        connection.connection.execute("PRAGMA query_only = 0")
        return
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    yield


def test_a_database_that_only_reads_counts_as_away(stranger: Client, api_key: str, only_reads: None) -> None:
    answer = stranger.post("/order", {"username": "alice"}, headers={"Authorization": f"Token {api_key}"})
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "database_away", "5")


def is_on_no_host() -> bool:
    """Whether it is a file, which nothing on the way can take away."""
    return connection.vendor == "sqlite" and not connection.settings_dict["HOST"]


def test_a_server_that_only_reads_is_no_database_for_us(db: None) -> None:
    if is_on_no_host():
        return
    with closing(database.apart()) as own:
        own.settings_dict["OPTIONS"]["options"] = "-c default_transaction_read_only=on"
        with pytest.raises(OperationalError, match="read-only"):
            own.ensure_connection()


def test_a_connection_notices_that_the_databases_host_has_vanished(db: None) -> None:
    if is_on_no_host():
        return
    connection.ensure_connection()
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as wire:
        seen = [wire.getsockopt(socket.IPPROTO_TCP, option) for option in (socket.TCP_KEEPIDLE, socket.TCP_USER_TIMEOUT)]
    assert seen == [10, 15_000]


def test_an_order_whose_lines_cant_be_stored_is_not_stored_at_all(stranger: Client, api_key: str, alice: object) -> None:
    def fail_at_the_lines(execute: object, sql: str, *arguments: object) -> object:
        if 'INSERT INTO "orders_orderline"' in sql:
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, *arguments)  # type: ignore[operator]

    body = {"customer": "alice", "lines": [{"name": "Mug", "quantity": 1, "unit_price": "5.00"}]}
    with connection.execute_wrapper(fail_at_the_lines):
        answer = stranger.post("/api/orders/", body, content_type="application/json", headers={"Authorization": f"Token {api_key}"})
    assert (answer.status_code, Order.objects.exists()) == (503, False)
