"""Processes that are started at the same moment: one makes ready what is missing, the others wait for it."""

import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from ordersupport import turns
from tests import checkouts
from tests.running import PATIENCE_SECONDS, ROOT, wait_for
from tests.services import MissingError, Postgres, free_port
from tests.test_start import children_of, has_ended


def prepare_at_once(folder: Path, *command: str, hosts: list[Path], **ours: str) -> list[tuple[int, bool]]:
    """Start it in each checkout at the same moment: each one's status, and whether it showed a traceback."""
    logs = [folder / f"{number}.log" for number in range(len(hosts))]
    with ExitStack() as stack:
        starts = [
            stack.enter_context(checkouts.started(host, "prepare", *command, log=log, **ours))
            for host, log in zip(hosts, logs, strict=True)
        ]
        statuses = [process.wait(2 * PATIENCE_SECONDS) for process in starts]
    return [(status, "Traceback" in log.read_text()) for status, log in zip(statuses, logs, strict=True)]


@dataclass(frozen=True)
class Waiting:
    """A start that waits for its turn; `go_on` gives it."""

    process: "subprocess.Popen[bytes]"
    log: Path
    go_on: Callable[[], None]


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """Without tables."""
    # Not pytest's folder: PostgreSQL runs as another user, who must get there.
    with tempfile.TemporaryDirectory(prefix="at-once-") as name:
        Path(name).chmod(0o755)
        try:
            database = Postgres(Path(name))
        except MissingError as error:
            pytest.skip(str(error))
        database.start()
        yield database
        database.stop()


def test_three_first_starts_at_once_end_well_and_make_everything_once(tmp_path: Path) -> None:
    checkout = checkouts.copy(tmp_path / "checkout")
    assert prepare_at_once(tmp_path, "--demo", "http://localhost:3630", hosts=[checkout] * 3, DEMO="1") == [(0, False)] * 3
    with closing(sqlite3.connect(checkout / "var" / "db.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM orders_order").fetchone() == (8,)
    assert (checkout / "var" / "static" / "staticfiles.json").exists()


@pytest.mark.slow
def test_first_starts_at_once_on_postgresql_end_well_too(tmp_path: Path, postgres: Postgres) -> None:
    # As on three hosts: nothing on a disk is common to them.
    hosts = [checkouts.copy(tmp_path / f"host-{number}") for number in range(3)]
    assert prepare_at_once(tmp_path, hosts=hosts, DATABASE_URL=postgres.url) == [(0, False)] * 3


def waits(log: Path) -> bool:
    """Whether it says so."""
    return "we wait until it is done" in log.read_text()


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Waiting]:
    """A `serve` whose child found that somebody else has the turn: this test."""
    log = tmp_path / "log"
    with ExitStack() as turn:
        turn.enter_context(turns.in_folder(tmp_path))
        database = f"sqlite:///{tmp_path}/db.sqlite3"
        with checkouts.started(ROOT, "serve", "--port", str(free_port()), "--no-worker", log=log, DATABASE_URL=database) as process:
            wait_for(lambda: waits(log), "the word that it waits")
            yield Waiting(process, log, turn.close)


def test_a_start_that_waited_goes_on_when_the_other_is_done(waiting: Waiting) -> None:
    waiting.go_on()
    wait_for(lambda: "serves at" in waiting.log.read_text(), "the start")


@pytest.mark.parametrize(("asked", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_start_that_waits_can_be_broken_off(waiting: Waiting, asked: signal.Signals, status: int) -> None:
    (child,) = children_of(waiting.process.pid)
    waiting.process.send_signal(asked)
    assert (waiting.process.wait(PATIENCE_SECONDS), "Traceback" in waiting.log.read_text()) == (status, False)
    wait_for(lambda: has_ended(child), "the child's end")


def test_nobody_waits_for_a_process_that_was_killed(tmp_path: Path) -> None:
    held = "with turns.in_folder(pathlib.Path(sys.argv[1])): print(flush=True); time.sleep(90)"
    program = f"import pathlib, sys, time\nfrom ordersupport import turns\n{held}"
    holder = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert holder.stdout
    holder.stdout.readline()
    holder.kill()
    holder.communicate()
    with turns.in_folder(tmp_path):
        pass
