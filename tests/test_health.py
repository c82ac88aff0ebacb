"""Whether the product is well, and what it says of itself."""

import json
import logging
import logging.config
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat.backends.circuit import FAILURES_IN_A_ROW, Circuit
from chat.coordinator import Coordinator, drain
from chat.models import WorkerBeat
from orders.models import Order, OrderConfirmation


def test_the_probe_of_the_process_needs_no_database(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readiness_says_that_nobody_works(client: Client, db: None, settings: Settings) -> None:
    settings.REDIS_URL = ""
    WorkerBeat.objects.create(name="gone", beat_at=timezone.now() - timedelta(minutes=5))
    assert client.get("/readyz").json() == {"status": "ok", "database": "ok", "worker": "none", "bus": "not set"}


def test_readiness_says_that_the_bus_is_away(client: Client, db: None, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert client.get("/readyz").json()["bus"] == "away"


def test_readiness_sees_a_worker_that_beats(client: Client, db: None) -> None:
    Coordinator()._beat()
    assert client.get("/readyz").json()["worker"] == "ok"


def test_readiness_is_503_without_the_database(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "cursor", fail)
        answer = client.get("/readyz")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def test_metrics_count_what_is_due_and_what_failed(client: Client, alice: User, place: Callable[..., Order]) -> None:
    place(alice)
    page = client.get("/metrics").content.decode()
    assert 'ordersupport_outbox_rows{kind="orderconfirmation",state="due"} 1.0' in page


def test_metrics_hold_no_personal_data(client: Client, alice: User, place: Callable[..., Order]) -> None:
    place(alice)
    drain()
    page = client.get("/metrics").content.decode()
    assert [word for word in ("alice", "Alice", "example.com", "Widget") if word in page] == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_metrics_ask_for_their_token(client: Client, settings: Settings, headers: dict[str, str]) -> None:
    settings.METRICS_TOKEN = "a token of its own"
    assert client.get("/metrics", headers=headers).status_code == 404


def test_metrics_answer_a_stranger_behind_the_proxy_with_404(client: Client) -> None:
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404


def test_a_requests_correlation_id_reaches_the_row(client: Client, api_key: str, alice: User) -> None:
    given = str(uuid.uuid4())
    headers = {"Authorization": f"Token {api_key}", "X-Correlation-ID": given}
    answer = client.post("/order", {"username": "alice"}, headers=headers)
    assert (answer["X-Correlation-ID"], OrderConfirmation.objects.get().correlation_id) == (given, given)


def test_the_workers_lines_carry_the_rows_correlation_id(
    alice: User, place: Callable[..., Order], caplog: pytest.LogCaptureFixture
) -> None:
    order = place(alice)
    order.confirmations.update(correlation_id="3f1c0000-0000-4000-8000-000000000000")
    root = logging.getLogger()
    caplog.handler.addFilter(root.handlers[0].filters[0])
    with caplog.at_level(logging.INFO, logger="chat.tasks"):
        drain()
    assert [record.correlation_id for record in caplog.records if record.name == "chat.tasks"] == [  # type: ignore[attr-defined]
        "3f1c0000-0000-4000-8000-000000000000"
    ]


def test_logs_as_json_are_one_object_a_line(settings: Settings) -> None:
    formatter = logging.config.DictConfigurator(settings.LOGGING).configure_formatter(dict(settings.LOGGING["formatters"]["json"]))  # type: ignore[attr-defined]
    record = logging.LogRecord("orders", logging.INFO, "", 0, "order %s told", (1001,), None)
    record.correlation_id = "id"
    line = json.loads(formatter.format(record))
    assert (line["level"], line["logger"], line["message"], line["correlation_id"]) == ("INFO", "orders", "order 1001 told", "id")


def test_an_open_circuit_and_a_learned_pace_are_metrics(client: Client, db: None) -> None:
    door = Circuit("A provider of this test")
    for _call in range(FAILURES_IN_A_ROW):
        door.pause(1.0)
        door.failed()
    page = client.get("/metrics").content.decode()
    assert 'ordersupport_circuit_open{provider="A provider of this test"} 1.0' in page
    assert 'ordersupport_pace_per_second{provider="A provider of this test"} 0.5' in page
