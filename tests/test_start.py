"""What a start costs, and how it ends when it can't go on: a child process makes what is missing."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from django.core.management.base import CommandError

from chat.models import Event
from orders.models import Order
from ordersupport import children, demo
from tests.running import PATIENCE_SECONDS, ROOT, running_demo, wait_for


def megabytes(pid: int) -> float:
    """VmRSS of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def children_of(pid: int) -> list[int]:
    """The ids of its living children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def has_ended(pid: int) -> bool:
    """Whether nothing of a process runs any more; one that nobody waited for is still listed."""
    path = Path(f"/proc/{pid}/stat")
    return not path.exists() or path.read_text().rpartition(")")[2].split()[0] == "Z"


def started_megabytes(folder: Path) -> float:
    """Of a demo that has answered its first page."""
    with running_demo(folder, PORT="3620") as product:
        requests.get(product.url, timeout=20).raise_for_status()
        return megabytes(product.process.pid)


def test_a_first_start_leaves_as_much_memory_in_use_as_a_second(tmp_path: Path) -> None:
    first, second = started_megabytes(tmp_path), started_megabytes(tmp_path)
    assert first < second * 1.08


def test_the_apis_document_leaves_nothing_behind_in_memory(tmp_path: Path) -> None:
    with running_demo(tmp_path, PORT="3620") as product:
        requests.get(product.url, timeout=20).raise_for_status()
        before = megabytes(product.process.pid)
        answers = [requests.get(f"{product.url}/api/schema/?format={form}", timeout=60) for form in ("json", "yaml", "json")]
        grown = megabytes(product.process.pid) - before
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert grown < 4


def test_a_child_that_fails_says_why_and_ends_its_parent(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://a@b/c")
    with pytest.raises(SystemExit) as ended:
        children.run("prepare")
    assert ended.value.code == 1
    assert re.fullmatch(r"Order Support can't start: DATABASE_URL is not .+\n", capfd.readouterr().err)


@pytest.mark.parametrize(("asked", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_first_start_that_is_broken_off_takes_its_child_along_and_shows_no_traceback(
    tmp_path: Path, asked: signal.Signals, status: int
) -> None:
    log = tmp_path / "log"
    others = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    ours = {"DEMO": "1", "ENV_FILE": os.devnull, "PORT": "3620", "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3", "SECRET_KEY": "k" * 50}
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "manage.py", "demo"], cwd=ROOT, env=others | ours, stdout=output, stderr=output)
    (child,) = wait_for(lambda: children_of(process.pid), "the child that fills the database")
    process.send_signal(asked)
    assert (process.wait(PATIENCE_SECONDS), log.read_text()) == (status, "")
    wait_for(lambda: has_ended(child), "the child's end")


def test_a_demo_that_was_killed_while_it_was_filled_is_whole_after_the_next_start(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "drain", killed)
    with pytest.raises(KeyboardInterrupt):
        demo.fill()
    monkeypatch.undo()
    halfway = (demo.is_filled(), Order.objects.count(), Event.objects.filter(type="message").count())
    demo.fill()
    whole = (demo.is_filled(), Order.objects.count(), Event.objects.filter(type="message").count())
    demo.fill()
    again = (demo.is_filled(), Order.objects.count(), Event.objects.filter(type="message").count())
    assert (halfway, whole, again) == ((False, 8, 0), (True, 8, 6), (True, 8, 6))


def test_the_demos_data_is_not_removed_under_a_running_demo(tmp_path: Path) -> None:
    database = tmp_path / "db.sqlite3"
    with running_demo(tmp_path, PORT="3620"):
        with pytest.raises(CommandError, match=r"db\.sqlite3 is in use\. End the demo first"):
            demo.reset(database)
        assert database.exists()
    demo.reset(database)
    assert list(tmp_path.glob("db.sqlite3*")) == []


@pytest.mark.parametrize("content", [b"", b"no database"])
def test_whatever_lies_at_the_databases_place_can_be_removed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "db.sqlite3").write_bytes(content)
    demo.reset(tmp_path / "db.sqlite3")
    assert list(tmp_path.iterdir()) == []


def test_the_demo_keeps_compiled_modules_whatever_the_shell_says() -> None:
    recipe = subprocess.run(["make", "-n", "-o", ".venv/runtime", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "PYTHONDONTWRITEBYTECODE= exec" in recipe


def test_the_terminal_shows_the_guides_three_requests() -> None:
    words = demo.welcome("http://localhost:3000")
    assert re.findall(r'-d "username=([\w-]+)" -X POST http://localhost:3000(/\w+)', words) == [
        ("agent", "/user"),
        ("user-123", "/user"),
        ("user-123", "/order"),
    ]
