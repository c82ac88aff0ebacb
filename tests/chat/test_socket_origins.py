"""A socket opens for our own pages only: the same scheme, host and port."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from tests.accounts.sockets import Socket, browser_test

FOREIGN = [
    None,
    "null",
    "",
    "http://evil.example",
    "http://localhost",
    "http://localhost:9999",
    "https://localhost",
    "https://localhost:3000",
    "http://127.0.0.1:3000",
    "http://localhost.evil.example:3000",
    "http://evil.example:3000",
    "http://localhost:3000@evil.example",
    "http://localhost:99999",
    "file://",
    "chrome-extension://abc",
]


async def opens(browser: Client, origin: str | None, *, scheme: str = "ws", host: str = "localhost:3000") -> bool:
    """Whether the inbox takes a socket from a page of that origin."""
    socket = Socket("/ws/inbox/", browser, origin=origin)
    socket.scope |= {"scheme": scheme, "headers": [pair for pair in socket.scope["headers"] if pair[0] != b"host"]}
    socket.scope["headers"].append((b"host", host.encode()))
    found = await socket.open()
    await socket.__aexit__()
    return found


@pytest.fixture
def browser(agent: User) -> Client:
    """The agent's, with its cookies."""
    client = Client()
    client.force_login(agent)
    return client


@pytest.mark.parametrize("origin", FOREIGN)
@browser_test
async def test_a_foreign_page_opens_no_socket(browser: Client, origin: str | None) -> None:
    assert not await opens(browser, origin)


@browser_test
async def test_our_own_page_opens_one(browser: Client) -> None:
    assert await opens(browser, "http://localhost:3000")


@browser_test
async def test_a_page_opens_one_at_the_address_that_it_came_from(browser: Client) -> None:
    assert await opens(browser, "http://127.0.0.1:4600", host="127.0.0.1:4600")


@browser_test
async def test_a_host_that_is_not_allowed_opens_none(browser: Client) -> None:
    assert not await opens(browser, "http://evil.example", host="evil.example")


@browser_test
async def test_behind_a_trusted_proxy_the_scheme_is_the_browsers(browser: Client) -> None:
    # The server has read X-Forwarded-Proto by then, where it came from TRUSTED_PROXIES.
    found = [await opens(browser, origin, scheme="wss", host="localhost") for origin in ("https://localhost", "http://localhost")]
    assert found == [True, False]


@browser_test
async def test_behind_a_proxy_that_changes_the_host_it_is_the_public_address(browser: Client, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://shop.example.com"
    origins = ("https://shop.example.com", "https://shop.example.com:8443", "http://shop.example.com")
    assert [await opens(browser, origin, host="10.0.0.5:8000") for origin in origins] == [True, False, False]


@pytest.mark.parametrize("path", ["/ws/nowhere/", "/ws/", "/", "/ws/conversations//", "/ws/conversations/" + "x" * 61 + "/"])
@browser_test
async def test_an_address_that_is_no_sockets_is_closed_as_not_found(browser: Client, path: str) -> None:
    async with Socket(path, browser) as socket:
        assert await socket.close_code() == 4404
