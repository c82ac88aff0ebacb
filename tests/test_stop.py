"""How a process ends: asked to, it finishes what it has in hand, and says nothing alarming."""

import signal
import socket
from pathlib import Path

import pytest
import requests

from tests.running import running_demo


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
