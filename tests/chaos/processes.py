"""The processes of a run: twins, web processes, workers and our own, each started, killed and watched by its id."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

from tests.services import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 180.0
JSON = dict[str, Any]


class GoneError(Exception):
    """A process of the run ended by itself, or something that was waited for did not come; the text says which."""


def wait_until(look: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Look until it is so. Raises GoneError."""
    until = time.monotonic() + seconds
    while not look():
        if time.monotonic() > until:
            raise GoneError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)


def environment(**ours: str) -> dict[str, str]:
    """This process's environment without anybody's own providers and settings, and with `ours`."""
    own = r"(NEXMO|VONAGE|SENDINBLUE|BREVO|DJANGO|PYTEST)_|(DEMO|DEBUG|PUBLIC_URL|DATABASE_URL|REDIS_URL|WEBHOOK_SECRET)$"
    return {name: value for name, value in os.environ.items() if not re.match(own, name)} | ours


class Product:
    """One `manage.py serve` or `manage.py worker`. `port` 0: a worker. `kill` is kill -9; `starts` counts."""

    def __init__(self, name: str, *, port: int, arguments: list[str], environment: dict[str, str], folder: Path) -> None:
        self.name, self.port, self.starts = name, port, 0
        self._command = [sys.executable, "manage.py", *arguments]
        self._environment = environment
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; `wait` says when it is there."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(self._command, cwd=ROOT, env=self._environment, stdout=output, stderr=subprocess.STDOUT)
        self.starts += 1

    def wait(self) -> None:
        """Until it works. Raises GoneError with the end of its log."""
        try:
            wait_until(self._is_ready, self.name)
        except GoneError as error:
            raise GoneError(f"{error}; its log ends with\n{self.tail()}") from None

    @property
    def has_ended(self) -> bool:
        """Whether it ended by itself, and well. Raises GoneError where it did not end well."""
        if self._process is None or self._process.poll() is None:
            return False
        if self._process.returncode:
            raise GoneError(f"{self.name} ended with {self._process.returncode}; its log ends with\n{self.tail()}")
        return True

    def kill(self) -> None:
        """As the kernel does when memory is short: no goodbye."""
        assert self._process
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def end(self) -> None:
        """End it by SIGTERM, or by force where that does not help."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def _is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise GoneError(f"{self.name} ended by itself")
        if not self.port:
            return self.log.read_text(errors="replace").count("worker started") >= self.starts
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5).ok
        return False


class Twins:
    """Both providers in a process of their own, which nobody kills: they are the witnesses."""

    def __init__(self, folder: Path, *, seed: int, hook_port: int, hook_secret: str) -> None:
        hooks = f"http://127.0.0.1:{hook_port}/webhooks"
        arguments = ["--tls", "--directory", str(folder), "--seed", str(seed), "--rtc-url", f"{hooks}/rtc/{hook_secret}"]
        arguments += ["--brevo-hook-url", f"{hooks}/sendinblue", "--brevo-hook-header", f"Authorization=Bearer {hook_secret}"]
        command = [sys.executable, "-m", "tests.twins", *arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment())
        assert self._process.stdout
        told = json.loads(self._process.stdout.readline())
        self.environment: dict[str, str] = told["environment"]
        self._origins = {"vonage": told["vonage"], "brevo": told["brevo"]}
        self._session = requests.Session()
        # Else REQUESTS_CA_BUNDLE, where somebody set it, would win over the authority of our own.
        self._session.trust_env = False
        self._session.verify = told["ca_file"]

    def ask(self, name: str, what: str) -> Any:
        """What the twin `name` holds, such as its mails."""
        return self._session.get(f"{self._origins[name]}/_twin/{what}", timeout=60).json()

    def limit(self, calls_per_second: int) -> None:
        """Let both answer 429 to what is more than that; for good, as providers do."""
        dials = {"rate_per_second": calls_per_second}
        for origin in self._origins.values():
            self._session.patch(f"{origin}/_twin/dials", json=dials, timeout=20).raise_for_status()

    def are_silent(self) -> bool:
        """Whether no webhook is on its way."""
        return all(self.ask(name, "state")["webhooks"]["due"] == 0 for name in self._origins)

    def fail(self, rules: JSON) -> None:
        """Let both go wrong by these rules from now on; {} ends it."""
        for origin in self._origins.values():
            self._session.put(f"{origin}/_twin/faults", json=rules, timeout=20).raise_for_status()

    def end(self) -> None:
        """End them."""
        self._session.close()
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE_SECONDS)


class Inside:
    """`tests.chaos.inside` in a process of its own; one question at a time."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.inside"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._log, self._lock = log, threading.Lock()

    def ask(self, do: str, **what: Any) -> JSON:
        """One question, one answer; {"error": …} where the database failed."""
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps({"do": do, **what}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise GoneError(f"the run's own process ended:\n{self._log.read_text(errors='replace')[-2000:]}")
        answer: JSON = json.loads(line)
        return answer

    def ask_until_answered(self, do: str, **what: Any) -> JSON:
        """Ask again while the database fails."""
        until = time.monotonic() + PATIENCE_SECONDS
        while "error" in (answer := self.ask(do, **what)):
            if time.monotonic() > until:
                raise GoneError(f"the database does not answer {do}: {answer['error']}")
            time.sleep(0.2)
        return answer

    def end(self) -> None:
        """Close its input, on which it ends."""
        self._process.communicate(timeout=PATIENCE_SECONDS)


@contextlib.contextmanager
def ending(*things: Any) -> Iterator[None]:
    """End them all, whatever happens."""
    with contextlib.ExitStack() as stack:
        for thing in things:
            stack.callback(thing.end)
        yield


def ports(count: int) -> list[int]:
    """Ports that nobody listens on now, each once."""
    found: list[int] = []
    while len(found) < count:
        port = free_port()
        if port not in found:
            found.append(port)
    return found
