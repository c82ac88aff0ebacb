"""Web processes of one machine that are restarted one after the other, with a change of the code between them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests import checkouts
from tests.chaos.processes import ports
from tests.running import wait_for


@contextmanager
def serving(checkout: Path, port: int) -> Iterator[str]:
    """A web process of this checkout: its address."""
    log = checkout / f"{port}.log"
    with checkouts.started(checkout, "serve", "--no-worker", "--port", str(port), log=log) as process:
        wait_for(lambda: process.poll() is not None or "serves at" in log.read_text(), "the start")
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"


def style(address: str) -> str:
    """The path of the style that its log-in page names."""
    found = re.search(r'href="(/static/chat/style\.\w+\.css)"', requests.get(f"{address}/login/", timeout=30).text)
    assert found
    return found[1]


@pytest.mark.slow
def test_each_process_has_the_files_that_its_own_pages_name_and_those_of_the_other(tmp_path: Path) -> None:
    checkout = checkouts.copy(tmp_path / "checkout")
    first, second = ports(2)
    with serving(checkout, first) as old:
        former = style(old)
        answers = [requests.get(old + former, timeout=30)]
        with (checkout / "chat" / "static" / "chat" / "style.css").open("a") as source:
            source.write(".changed { color: red }\n")
        with serving(checkout, second) as new:
            answers += [requests.get(address + path, timeout=30) for address in (old, new) for path in (former, style(new))]
    assert [(answer.status_code, "changed" in answer.text) for answer in answers] == [(200, False)] + [(200, False), (200, True)] * 2
