"""How a process ends: asked to, it finishes what it has in hand, and says nothing alarming."""

import signal
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
