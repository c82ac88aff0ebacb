"""On one machine a worker's death is known at once: its rows need not wait for their lease."""

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from accounts.models import User
from chat import alive, leases, outbox
from chat.coordinator import Coordinator
from chat.outbox import State
from orders.models import Order, OrderConfirmation
from tests.accounts.threads import THREADS
from tests.chat.worker_side import at_work
from tests.running import wait_for

OTHER = 0xABC
# What a worker holds while it lives, by nothing but the standard library.
HOLDS = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(600)"


@pytest.fixture
def sign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the other worker's sign of life is, beside a database in a file."""
    monkeypatch.setattr(alive, "_place", lambda: tmp_path / "db.sqlite3")
    return tmp_path / f"db.sqlite3-worker-{OTHER:012x}"


@pytest.fixture
def held(alice: User, monkeypatch: pytest.MonkeyPatch) -> OrderConfirmation:
    """A row that the other worker claimed."""
    Order.objects.create(customer=alice)
    with monkeypatch.context() as patch:
        patch.setattr(leases, "WORKER", OTHER)
        return OrderConfirmation.claim(1)[0]


def test_a_dead_workers_row_is_due_at_once(sign: Path, held: OrderConfirmation) -> None:
    sign.touch()
    assert alive.free_rows_of_the_dead() == 1
    assert [row.pk for row in OrderConfirmation.claim(1)] == [held.pk]


def test_a_dead_worker_is_buried_once(sign: Path, held: OrderConfirmation) -> None:
    sign.touch()
    assert [alive.free_rows_of_the_dead(), alive.free_rows_of_the_dead(), sign.exists()] == [1, 0, False]


def test_what_only_looks_like_a_sign_is_left_alone(sign: Path, held: OrderConfirmation) -> None:
    copy = sign.with_name(f"{sign.name}.bak")
    copy.touch()
    sign.touch()
    assert (alive.free_rows_of_the_dead(), copy.exists()) == (1, True)


def test_a_worker_that_was_killed_is_dead_and_a_living_one_is_not(sign: Path, held: OrderConfirmation) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(sign)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        while_it_lives = alive.free_rows_of_the_dead()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (while_it_lives, wait_for(alive.free_rows_of_the_dead, "the dead worker's rows")) == (0, 1)


def test_a_living_workers_sign_is_held_until_it_ends(sign: Path, held: OrderConfirmation, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(leases, "WORKER", OTHER)
        other = alive.Sign()
    assert (alive.free_rows_of_the_dead(), sign.exists()) == (0, True)
    other.end()
    assert (alive.free_rows_of_the_dead(), sign.exists()) == (0, False)


@THREADS
def test_what_a_dead_worker_held_is_done_by_one_that_works(sign: Path, held: OrderConfirmation) -> None:
    OrderConfirmation.objects.update(next_attempt_at=outbox.clock() + timedelta(hours=1))
    sign.touch()
    with at_work(Coordinator(threads=4)):
        wait_for(lambda: OrderConfirmation.objects.filter(pk=held.pk, state=State.DONE).exists(), "the dead worker's row")


@THREADS
def test_a_worker_at_work_holds_its_sign(sign: Path) -> None:
    own = sign.with_name(f"db.sqlite3-worker-{leases.WORKER:012x}")
    with at_work(Coordinator(threads=4)):
        wait_for(own.exists, "its sign of life")
    assert not own.exists()


def test_a_worker_without_a_sign_may_be_alive(sign: Path, held: OrderConfirmation) -> None:
    assert alive.free_rows_of_the_dead() == 0


def test_others_rows_stay_theirs(sign: Path, held: OrderConfirmation, bob: User) -> None:
    Order.objects.create(customer=bob)
    [mine] = OrderConfirmation.claim(1)
    sign.touch()
    alive.free_rows_of_the_dead()
    assert OrderConfirmation.objects.get(pk=mine.pk).next_attempt_at > outbox.clock() + timedelta(seconds=30)


def known_as(monkeypatch: pytest.MonkeyPatch, vendor: str, name: str) -> None:
    """As if the tests had such a database."""
    monkeypatch.setattr(alive, "connection", SimpleNamespace(vendor=vendor, settings_dict={"NAME": name, "HOST": "db", "PORT": 5432}))


def test_with_sqlite_signs_lie_beside_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        known_as(patch, "sqlite", "/srv/var/db.sqlite3")
        path = alive._path(OTHER)
    assert path == Path("/srv/var/db.sqlite3-worker-000000000abc")


def test_with_postgresql_signs_of_one_machine_lie_in_var(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.VAR_DIR = Path("/srv/var")
    with monkeypatch.context() as patch:
        known_as(patch, "postgresql", "shop")
        mine = alive._path(OTHER)
        known_as(patch, "postgresql", "another")
        anothers = alive._path(OTHER)
    assert (mine is not None and mine.parent, mine != anothers) == (Path("/srv/var"), True)


@pytest.mark.parametrize("work", [lambda: alive.Sign().end(), alive.free_rows_of_the_dead], ids=["sign", "look"])
def test_a_database_in_memory_has_no_signs(
    work: Callable[[], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.chdir(tmp_path)
    settings.VAR_DIR = tmp_path
    with monkeypatch.context() as patch:
        known_as(patch, "sqlite", "file:memorydb_default?mode=memory&cache=shared")
        work()
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_may_be_laid_work_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(alive, "_place", lambda: tmp_path / "file" / "db")
    alive.Sign().end()
    assert alive.free_rows_of_the_dead() == 0
