"""Whether the product is well, and what it says of itself."""

import json
import logging
import logging.config
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import requests
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat import outbox
from chat.backends.circuit import FAILURES_IN_A_ROW, Circuit
from chat.coordinator import Coordinator, drain
from chat.models import WorkerBeat
from chat.outbox import OutboxRow
from orders.models import Order, OrderConfirmation
from ordersupport import database
from ordersupport.server import serve_metrics
from tests.accounts.threads import THREADS
from tests.plans import led_by, plans


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


@pytest.mark.skipif(connection.vendor == "postgresql", reason="its disk is not ours to look at")
def test_readiness_is_503_without_room_for_an_order(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LEAST_FREE_BYTES", 10**18)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable", "database": "ok", "disk": "full"})


def test_metrics_count_what_is_due_and_what_failed(client: Client, alice: User, place: Callable[..., Order]) -> None:
    place(alice)
    page = client.get("/metrics").content.decode()
    assert 'ordersupport_outbox_rows{kind="orderconfirmation",state="due"} 1.0' in page


def led_to(state: str, model: type[OutboxRow], found: list[str]) -> bool:
    """Whether one of the plans goes by an index that holds the rows in this state and no others."""
    return any(led_by(index.name, found) for index in model._meta.indexes if ("state", state) in getattr(index.condition, "children", ()))


BY_RULE = pytest.mark.skipif(connection.vendor == "postgresql", reason="PostgreSQL chooses by what it counted; here is nothing to count")


@BY_RULE
@pytest.mark.parametrize("model", outbox.rules())
def test_metrics_read_of_the_outbox_what_waits_and_what_failed_alone(client: Client, db: None, model: type[OutboxRow]) -> None:
    with plans() as found:
        client.get("/metrics")
    assert [led_to(state, model, found) for state in ("waiting", "failed")] == [True, True]


@BY_RULE
@pytest.mark.parametrize("model", outbox.rules())
def test_a_worker_reads_of_the_outbox_what_waits_alone(db: None, model: type[OutboxRow]) -> None:
    with plans() as found:
        model.claim(10)
    assert led_to("waiting", model, found)


@BY_RULE
@pytest.mark.parametrize("model", [model for model in outbox.rules() if model.MOST_AT_ONCE])
def test_what_is_in_hand_is_found_without_reading_what_waits(db: None, model: type[OutboxRow]) -> None:
    with plans() as found:
        model.in_hand(timezone.now())
    assert any(led_by(index.name, found) for index in model._meta.indexes if index.name.endswith("_in_hand"))


def test_metrics_hold_no_personal_data(client: Client, alice: User, place: Callable[..., Order]) -> None:
    place(alice)
    drain()
    page = client.get("/metrics").content.decode()
    assert [word for word in ("alice", "Alice", "example.com", "Widget") if word in page] == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_metrics_ask_for_their_token(client: Client, settings: Settings, headers: dict[str, str]) -> None:
    settings.METRICS_TOKEN = "a token of its own"
    assert client.get("/metrics", headers=headers).status_code == 404


@pytest.fixture
def workers_metrics() -> Iterator[str]:
    """Where a worker answers Prometheus, while its metrics are served."""
    with serve_metrics(0) as served:
        yield f"http://127.0.0.1:{served.server_port}/metrics"
        served.shutdown()


@THREADS
def test_a_workers_metrics_can_be_asked_for_more_often_than_there_are_connections(workers_metrics: str) -> None:
    seen = [requests.get(workers_metrics, timeout=9) for _scrape in range(25)]
    assert {(answer.status_code, "ordersupport_outbox_rows" in answer.text) for answer in seen} == {(200, True)}


def test_metrics_answer_a_stranger_behind_the_proxy_with_404(client: Client) -> None:
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404


def test_a_requests_correlation_id_reaches_the_row(client: Client, api_key: str, alice: User) -> None:
    given = str(uuid.uuid4())
    headers = {"Authorization": f"Token {api_key}", "X-Correlation-ID": given}
    answer = client.post("/order", {"username": "alice"}, headers=headers)
    assert (answer["X-Correlation-ID"], OrderConfirmation.objects.get().correlation_id) == (given, given)


@pytest.mark.parametrize("form", ["{{{}}}", "urn:uuid:{}", "{:->6000}"])
def test_a_correlation_id_in_another_form_reaches_the_row_in_ours(client: Client, api_key: str, alice: User, form: str) -> None:
    plain = str(uuid.uuid4())
    headers = {"Authorization": f"Token {api_key}", "X-Correlation-ID": form.format(plain).upper().replace("URN:UUID", "urn:uuid")}
    answer = client.post("/order", {"username": "alice"}, headers=headers)
    assert (answer.status_code, answer["X-Correlation-ID"], OrderConfirmation.objects.get().correlation_id) == (201, plain, plain)


@pytest.mark.parametrize("given", ["no UUID", "x" * 6000, "{}", "é"])
def test_what_is_no_correlation_id_is_replaced(client: Client, api_key: str, alice: User, given: str) -> None:
    headers = {"Authorization": f"Token {api_key}", "X-Correlation-ID": given}
    answer = client.post("/order", {"username": "alice"}, headers=headers)
    assert OrderConfirmation.objects.get().correlation_id == str(uuid.UUID(answer["X-Correlation-ID"])) != given


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


def formatter_of(log_format: str, settings: Settings) -> logging.Formatter:
    """As the product sets it up."""
    known = dict(settings.LOGGING["formatters"][log_format])
    made: logging.Formatter = logging.config.DictConfigurator(settings.LOGGING).configure_formatter(known)
    return made


@pytest.mark.parametrize("log_format", ["json", "line"])
def test_an_error_of_the_database_is_logged_without_the_row_that_it_is_about(alice: User, settings: Settings, log_format: str) -> None:
    taken = {"username": alice.username}
    with pytest.raises(IntegrityError) as raised, transaction.atomic():
        User.objects.create(**taken)
    record = logging.LogRecord("orders", logging.ERROR, "", 0, "it stopped", (), (raised.type, raised.value, raised.tb))
    record.correlation_id = ""
    line = formatter_of(log_format, settings).format(record)
    assert ("IntegrityError" in line, "test_health.py" in line, "(alice)" in line) == (True, True, False)


def test_logs_as_json_are_one_object_a_line(settings: Settings) -> None:
    formatter = formatter_of("json", settings)
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
