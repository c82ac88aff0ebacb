"""A real Chromium, the one that is on the machine, and a running product for it."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e.chats import Chat, enter, expect_sent, order_chat, say
from tests.e2e.wire import Wire
from tests.running import Product, running_demo

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Chromium looks for its maker's hosts at every start; here it only ever talks to this machine.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
# Of itself it looks for five seconds, which pass on a busy machine before a page is drawn.
expect.set_options(timeout=60_000)


def find_chromium() -> str | None:
    """The path of an installed Chromium or Chrome; CHROMIUM names another one."""
    return os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder, and skip it with one line where there is no browser."""
    chromium = find_chromium()
    for item in items:
        if "tests/e2e/" in item.path.as_posix():
            item.add_marker("e2e")
            if chromium is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium or Chrome on this machine (Debian: apt-get install chromium)"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless browser for a module's tests.

    Not for the whole run: Playwright keeps an event loop running in this thread until it stops, and no other test could start one.
    """
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One running demo for all tests; each brings customers of its own."""
    with running_demo(tmp_path_factory.mktemp("e2e"), PORT="3400", MESSAGES_PER_MINUTE="100000") as started:
        yield started


@pytest.fixture
def new_page(browser: Browser, product: Product) -> Iterator[Callable[..., Page]]:
    """A page in a browser of its own (its own cookies), whose console must stay clean but for what the test `expects` (a pattern)."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(*, width: int = 1280, height: int = 800, expects: re.Pattern[str] | None = None, **options: object) -> Page:
        def hear(complaint: str) -> None:
            if not (expects and expects.search(complaint)):
                complaints.append(complaint)

        def listen(page: Page) -> None:
            page.on("console", lambda message: hear(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: hear(str(error)))

        context = browser.new_context(viewport={"width": width, "height": height}, base_url=product.url, **options)  # type: ignore[arg-type]
        contexts.append(context)
        context.on("page", listen)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def chat(product: Product) -> Chat:
    """A conversation of one's own, whose link nobody opened yet."""
    return order_chat(product)


@pytest.fixture
def customer(new_page: Callable[..., Page], chat: Chat) -> Page:
    """Its customer's page, after a question."""
    page = enter(new_page(), chat.link)
    say(page, "Where is it?")
    expect_sent(page)
    return page


@pytest.fixture
def wire(product: Product) -> Iterator[Wire]:
    """A line of one's own to the product."""
    port = urlsplit(product.url).port
    assert port
    with Wire(port).running() as started:
        yield started
