"""How a process ends: asked to, it finishes what it has in hand, and says nothing alarming."""

import re
import signal
import socket
from pathlib import Path

import pytest
import requests

from tests.orders.slow_side import SlowReceiver
from tests.running import Product, running_demo, wait_for


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_is_asked_to_end_ends_well(tmp_path: Path, asked: signal.Signals) -> None:
    with running_demo(tmp_path, PORT="3600") as product:
        requests.post(f"{product.url}/order", data={"username": "anna"}, timeout=20).raise_for_status()
        product.process.send_signal(asked)
        status = product.process.wait(60)
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
        status = product.process.wait(30)
    assert (status, "Traceback" in product.log.read_text()) == (0, False)
