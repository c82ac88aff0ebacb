"""The real product as a process of its own, on a port and a database of its own, for tests that come through the front door."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import requests

ROOT = Path(__file__).resolve().parent.parent
# How long anything may take on a machine that does other things too. Everything is waited for, nothing is slept for.
PATIENCE_SECONDS = 120.0

Found = TypeVar("Found")


@dataclass(frozen=True)
class Product:
    """A running `manage.py demo`: its address, its log and its process."""

    url: str
    log: Path
    process: "subprocess.Popen[bytes]"


@contextmanager
def running_demo(folder: Path, *, within: Sequence[str] = (), **environment: str) -> Iterator[Product]:
    """Start the demo on a fresh database in `folder`; end it with SIGINT, as Ctrl-C does. `within`: a command that becomes it."""
    log = folder / "demo.log"
    others = {name: value for name, value in os.environ.items() if not re.match(r"(NEXMO|VONAGE|SENDINBLUE|BREVO|DJANGO)_", name)}
    database = f"sqlite:///{folder / 'db.sqlite3'}"
    ours = {"DEMO": "1", "ENV_FILE": os.devnull, "PORT": "3300", "DATABASE_URL": database, "SECRET_KEY": "k" * 50}
    command = [*within, sys.executable, "manage.py", "demo"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=others | ours | environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        url = wait_for(lambda: _address(process, log), "the demo's address in its log")
        wait_for(lambda: _answers(url), "the demo's first answer")
        yield Product(url, log, process)
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Press Ctrl-C and wait. What does not end is killed, so that only the test which waited for it fails."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_for(look: Callable[[], Found | None], what: str, *, seconds: float = PATIENCE_SECONDS) -> Found:
    """Look until something is there; raises AssertionError that says what was waited for."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


def press_over_http(browser: requests.Session, link: str) -> requests.Response:
    """Open a mailed link as a customer does: the page that follows its button."""
    page = browser.get(link, timeout=20)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    form = {"key": parse_qs(urlsplit(link).query)["key"][0], "csrfmiddlewaretoken": token[1] if token else ""}
    return browser.post(link.partition("?")[0], data=form, timeout=20)


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str | None:
    assert process.poll() is None, f"the demo ended by itself:\n{log.read_text()}"
    found = re.search(r"Order Support runs at (http://\S+)/", log.read_text())
    return found[1] if found else None


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.RequestException:
        return False
