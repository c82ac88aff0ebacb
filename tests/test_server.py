"""Where the server listens, and what it says when it can't."""

import socket
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


def test_static_files_are_looked_over_when_the_first_is_asked_for(tmp_path: Path, settings: Settings, rf: RequestFactory) -> None:
    (tmp_path / "a.css").write_text("a {}")
    settings.STATIC_ROOT, settings.WHITENOISE_AUTOREFRESH = str(tmp_path), False
    files = StaticFiles(lambda request: HttpResponse("a page"))
    before = (dict(files.files), files(rf.get("/a.css")).content, dict(files.files))

    def ask(number: int) -> bytes:
        with closing(files(rf.get(f"{settings.STATIC_URL}a.css"))) as answer:
            return b"".join(answer)

    found = together(8, ask)
    assert (before, found) == (({}, b"a page", {}), [b"a {}"] * 8)
