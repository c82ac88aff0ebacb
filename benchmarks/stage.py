"""What every benchmark stands on: providers in a process of their own, products, and how much of the machine others took meanwhile."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.running import ROOT, wait_for

TICKS = os.sysconf("SC_CLK_TCK")
FOREIGN_CORES = 0.5
PRIVATE = re.compile(r"(NEXMO|VONAGE|SENDINBLUE|BREVO|DJANGO|REDIS)_|(DEMO|DEBUG|PUBLIC_URL|DATABASE_URL|PORT|WEBHOOK_SECRET)$")


class Provider:
    """Sendinblue's twin, and Vonage's, which nobody calls: `environment` points a product at the first."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.twins"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self.process.stdout
        told = json.loads(self.process.stdout.readline())
        self._origin: str = told["brevo"]
        names = ("SENDINBLUE_API_KEY", "SENDINBLUE_API_URL", "SENDINBLUE_FROM_EMAIL")
        self.environment: dict[str, str] = {name: told["environment"][name] for name in names}
        self._session = requests.Session()

    def set(self, *, latency_ms: float = 0, per_second: int = 0, limit_headers: bool = True) -> None:
        """From an empty account on: so long for each call, so many calls a second (0: no limit), and whether answers say the limit."""
        self._session.post(f"{self._origin}/_twin/reset", timeout=60).raise_for_status()
        dials = {"rate_per_second": per_second, "limit_headers": limit_headers}
        self._session.patch(f"{self._origin}/_twin/dials", json=dials, timeout=60).raise_for_status()
        faults = {"brevo.send_mail": [{"fault": "latency", "ms": latency_ms}]} if latency_ms else {}
        self._session.put(f"{self._origin}/_twin/faults", json=faults, timeout=60).raise_for_status()

    def ask(self, what: str) -> Any:
        """What the twin holds, such as its mails."""
        return self._session.get(f"{self._origin}/_twin/{what}", timeout=60).json()

    def count(self) -> int:
        """Mails that it took."""
        return int(self.ask("state")["mails"])


@contextmanager
def provider() -> Iterator[Provider]:
    """The twins, until the end of the block."""
    twins = Provider()
    try:
        yield twins
    finally:
        end(twins.process)


def environment(folder: Path, **ours: str) -> dict[str, str]:
    """A product of its own on a fresh SQLite file (or on DATABASE_URL of `ours`), without anybody's settings."""
    nobodys = {name: value for name, value in os.environ.items() if not PRIVATE.match(name)}
    database = {"DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}"}
    quiet = {"ENV_FILE": os.devnull, "SECRET_KEY": "k" * 50, "LOG_LEVEL": "ERROR", "API_REQUESTS_PER_MINUTE": "0"}
    return nobodys | database | quiet | ours


def manage(environment: dict[str, str], *command: str) -> str:
    """One command of the product; what it printed."""
    done = subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def run(environment: dict[str, str], code: str) -> str:
    """A few lines of Python inside the product; what they printed."""
    return manage(environment, "shell", "-v0", "-c", code)


def start(environment: dict[str, str], *command: str) -> "subprocess.Popen[bytes]":
    """A long-lived process of Python in the project's folder."""
    return subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def end(process: "subprocess.Popen[bytes]") -> None:
    """By SIGTERM, or by force where that does not help."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for_answer(url: str) -> None:
    """Until it answers with 2xx."""
    wait_for(lambda: _answers(url), url)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def cpu_seconds(pid: int) -> float:
    """What a living process has used, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass
class Load:
    """What the machine did during a block: cores that others kept busy, and cores that the host took away."""

    foreign_cores: float = 0.0
    stolen_cores: float = 0.0

    def __str__(self) -> str:
        mark = "" if self.foreign_cores <= FOREIGN_CORES else " (!)"
        return f"others {self.foreign_cores:.1f} cores{mark}, stolen {self.stolen_cores:.1f}"


@contextmanager
def measured() -> Iterator[Load]:
    """Fill in the load of a block. Processes that it started count as ours, dead ones once they were waited for."""
    load, began, before = Load(), time.monotonic(), (_machine(), _ours())
    yield load
    seconds = time.monotonic() - began
    (busy, stolen), ours = _machine(), _ours()
    load.foreign_cores = max(0.0, (busy - before[0][0]) - (ours - before[1])) / TICKS / seconds
    load.stolen_cores = (stolen - before[0][1]) / TICKS / seconds


def _machine() -> tuple[int, int]:
    """Ticks that the machine was busy, and that its host took."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = fields[:8]
    return user + nice + system + interrupts + soft_interrupts, stolen


def _ours() -> int:
    """Ticks of this process, its living descendants, and the dead that were waited for."""
    ticks: dict[int, int] = {}
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
        ticks[int(path.parent.name)] = sum(int(field) for field in fields[11:15])
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(ticks.get(pid, 0) for pid in family)
