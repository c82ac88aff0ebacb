"""How a process ends: asked to, it finishes what it has in hand, and says nothing alarming."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.chaos.processes import Inside, Twins, ending, environment, ports, wait_until
from tests.chaos.processes import Product as Process
from tests.orders.slow_side import SlowReceiver
from tests.running import PATIENCE_SECONDS, Product, running_demo, wait_for


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_is_asked_to_end_ends_well(tmp_path: Path, asked: signal.Signals) -> None:
    with running_demo(tmp_path, PORT="3600") as product:
        requests.post(f"{product.url}/order", data={"username": "anna"}, timeout=20).raise_for_status()
        product.process.send_signal(asked)
        status = product.process.wait(PATIENCE_SECONDS)
    assert (status, "Traceback" in product.log.read_text()) == (0, False)


def test_a_taken_port_is_said_and_the_next_free_one_is_used(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running_demo(tmp_path, PORT=str(port)) as product:
            order = requests.post(f"{product.url}/order", data={"username": "anna"}, timeout=20).json()
            said = product.log.read_text()
    assert (f"Port {port} is taken" in said, order["chat_url"].startswith(product.url)) == (True, True)


def register(product: Product, url: str) -> None:
    """Register a webhook as staff of the demo do."""
    browser = requests.Session()

    def post(path: str, **form: str) -> requests.Response:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(product.url + path, timeout=20).text)
        form["csrfmiddlewaretoken"] = token[1] if token else ""
        return browser.post(product.url + path, data=form, timeout=20, allow_redirects=False)

    post("/admin/login/", username="staff", password="staff")
    assert post("/admin/orders/webhookendpoint/add/", url=url, is_active="on").status_code == 302


def test_a_process_ends_though_the_receiver_of_a_webhook_drips(tmp_path: Path) -> None:
    with SlowReceiver() as slow, running_demo(tmp_path, PORT="3600", WEBHOOKS_TO_PRIVATE="1") as product:
        register(product, slow.url)
        requests.post(f"{product.url}/order", data={"username": "anna"}, timeout=20).raise_for_status()
        wait_for(lambda: slow.met, "the delivery to begin")
        product.process.send_signal(signal.SIGTERM)
        status = product.process.wait(PATIENCE_SECONDS)
    assert (status, "Traceback" in product.log.read_text()) == (0, False)


@dataclass(frozen=True)
class Desk:
    """A worker with calls under way that take a while, and more rows than it has threads."""

    worker: Process
    ours: Inside
    twins: Twins


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Desk]:
    twins = Twins(tmp_path / "twins", seed=7, hook_port=ports(1)[0], hook_secret="s" * 20)
    with ending(twins):
        where = {
            "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
            "OUTBOX_THREADS": "4",
            "ENV_FILE": os.devnull,
            "SECRET_KEY": "k" * 50,
        }
        known = environment(**twins.environment, **where)
        migrate = Process("migrate", port=0, arguments=["migrate"], environment=known, folder=tmp_path)
        migrate.start()
        wait_until(lambda: migrate.has_ended, "the tables")
        worker = Process("worker", port=0, arguments=["worker"], environment=known, folder=tmp_path)
        ours = Inside(known, tmp_path / "ours.log")
        with ending(ours, worker):
            # So long that the first four are still under way when even a busy machine has found them.
            twins.fail({"*.*": [{"fault": "latency", "ms": 6000, "jitter_ms": 0}]})
            ours.ask("prepare", customers=["alice"])
            for number in range(10):
                ours.ask("place", external_id=f"stop-{number}", customer="alice", quantity=1)
            worker.start()
            wait_until(lambda: ours.ask("left")["held"] == 4, "four calls")
            yield Desk(worker, ours, twins)


@pytest.mark.slow
def test_a_worker_that_is_asked_to_end_finishes_its_calls_and_holds_no_row(busy: Desk) -> None:
    busy.worker.end()
    assert busy.worker.has_ended
    rows: dict[str, Any] = busy.ours.ask("audit")["rows"]
    done = sum(kind["states"].get("done", 0) for kind in rows.values())
    calls = len(busy.twins.ask("brevo", "mails")) + len(busy.twins.ask("vonage", "events"))
    assert (busy.ours.ask("left")["held"], done, calls, "worker ended" in busy.worker.tail()) == (0, 4, 4, True)
