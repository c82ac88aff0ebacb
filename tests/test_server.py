"""Where the server listens, and what it says when it can't."""

import socket
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from ordersupport import server


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
