"""Where the server listens, and what it says when it can't."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from ordersupport import schema, server
from ordersupport.storage import StaticFiles
from tests.accounts.threads import together
from tests.chaos.processes import ROOT, environment


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which somebody else listens already."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def port_of(host: str, port: int, *, search: bool = False) -> int:
    """The port at which the server would listen."""
    with server.bind(host, port, search=search) as listening:
        return int(listening.getsockname()[1])


def complaint(host: str, port: int, *, search: bool = False) -> str:
    """What the operator reads."""
    with pytest.raises(CommandError) as error:
        server.bind(host, port, search=search)
    return str(error.value)


def test_a_free_port_is_taken() -> None:
    assert port_of("127.0.0.1", 0) > 0


def test_a_taken_port_is_said_with_the_way_out(taken: int) -> None:
    assert complaint("127.0.0.1", taken) == f"Port {taken} of 127.0.0.1 can't be used (Address already in use). Set PORT to a free one."


def test_the_demo_takes_the_next_free_port(taken: int) -> None:
    assert taken < port_of("127.0.0.1", taken, search=True) < taken + server.PORTS_TRIED


def test_the_demo_leaves_a_port_to_who_listens_on_the_other_loopback() -> None:
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert port < port_of("127.0.0.1", port, search=True) < port + server.PORTS_TRIED


@pytest.mark.parametrize("port", [-1, 65536, 70000, 10**20])
@pytest.mark.parametrize("search", [True, False])
def test_a_port_that_cant_be_is_said(port: int, search: bool) -> None:
    assert complaint("127.0.0.1", port, search=search) == f"{port} is no port. Set PORT to a number from 1 to 65535."


def test_the_search_ends_at_the_last_port(monkeypatch: pytest.MonkeyPatch) -> None:
    def in_use(self: socket.socket, address: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket.socket, "bind", in_use)
    assert complaint("127.0.0.1", 65535, search=True).startswith("Port 65535 of 127.0.0.1 can't be used")


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_a_host_that_isnt_ours_is_said(host: str) -> None:
    words = complaint(host, 3000)
    assert words.startswith(f"Port 3000 of {host} can't be used (")


def test_links_follow_the_port_that_was_free(settings: Settings) -> None:
    settings.PUBLIC_URL_IS_SET = False
    server.follow_port(3001)
    assert (settings.PUBLIC_URL, settings.CSRF_TRUSTED_ORIGINS) == ("http://localhost:3001", ["http://localhost:3001"])


def test_links_keep_an_address_that_was_set(settings: Settings) -> None:
    settings.PUBLIC_URL_IS_SET = True
    settings.PUBLIC_URL = "https://shop.example"
    server.follow_port(3001)
    assert settings.PUBLIC_URL == "https://shop.example"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.5", "shop.example", "127.0.0.1.evil.example", ""])
def test_the_demo_listens_on_loopback_only(settings: Settings, host: str) -> None:
    settings.DEMO = True
    with pytest.raises(CommandError, match="Unset DEMO first"):
        call_command("serve", host=host, port=0)


def test_the_demo_command_needs_the_demo(settings: Settings) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="Set DEMO=1"):
        call_command("demo")


def test_a_database_with_everything_is_not_migrated_again(db: None) -> None:
    assert schema.is_current()


def test_a_migration_that_is_not_applied_yet_is_seen(db: None) -> None:
    MigrationRecorder(connection).record_unapplied("chat", "0010_provider_ids_are_no_keys")
    assert not schema.is_current()


def test_a_migrate_that_was_killed_before_its_end_is_seen(db: None) -> None:
    Permission.objects.filter(codename="erase_customer").delete()
    assert not schema.is_current()


FAULTY = """
import django
django.setup()
from django.core.management import execute_from_command_line
from chat.coordinator import Coordinator

def fail(self):
    raise RuntimeError("a fault of ours")

Coordinator.run = fail
execute_from_command_line(["manage.py", "serve", "--port", "0"])
"""


def test_a_server_whose_worker_has_failed_ends_with_an_error(tmp_path: Path) -> None:
    known = environment(
        DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}",
        DJANGO_SETTINGS_MODULE="ordersupport.settings",
        ENV_FILE=os.devnull,
        SECRET_KEY="k" * 50,
    )
    ended = subprocess.run([sys.executable, "-c", FAULTY], cwd=ROOT, env=known, capture_output=True, text=True, timeout=300, check=False)
    assert (ended.returncode, "The worker ended by a fault of ours" in ended.stderr) == (1, True), ended.stderr


@pytest.fixture
def files(tmp_path: Path, settings: Settings, db: None) -> StaticFiles:
    """A folder with a style, as a server has it. The end of an answer looks at the database's connection."""
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "a.css").write_text("a {}")
    settings.STATIC_ROOT, settings.WHITENOISE_AUTOREFRESH = str(tmp_path), False
    return StaticFiles(lambda request: HttpResponse("a page"))


def answer(files: StaticFiles, path: str) -> bytes:
    """What is sent."""
    with closing(files(RequestFactory().get(path))) as response:
        return b"".join(response)


def test_a_static_file_is_looked_for_when_it_is_asked_for(files: StaticFiles) -> None:
    before = (dict(files.files), answer(files, "/chat/a.css"), dict(files.files))
    found = together(8, lambda number: answer(files, "/static/chat/a.css"))
    assert (before, found) == (({}, b"a page", {}), [b"a {}"] * 8)


def test_a_static_file_that_comes_later_is_found_as_well(files: StaticFiles, tmp_path: Path) -> None:
    before = answer(files, "/static/chat/b.css")
    (tmp_path / "chat" / "b.css").write_text("b {}")
    assert (before, answer(files, "/static/chat/b.css")) == (b"a page", b"b {}")


@pytest.mark.parametrize(
    "path", ["", "chat", "chat/", "%00", "x" * 5000, "chat/a.css/b", "/etc/passwd", "../../etc/passwd", "chat%5Ca.css"]
)
def test_what_is_no_static_file_is_not_sent_as_one(files: StaticFiles, path: str) -> None:
    assert answer(files, f"/static/{path}") == b"a page"
