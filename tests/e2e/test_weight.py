"""What a customer's page costs somebody on a train: bytes, which are the same on every machine. benchmarks/page.py has the times too."""

from collections.abc import Callable

from playwright.sync_api import Page, Request, expect

from tests.e2e.chats import Chat, enter

MOST_BYTES, MOST_SCRIPT_BYTES = 60_000, 20_000


def test_the_customers_page_is_light(chat: Chat, new_page: Callable[..., Page]) -> None:
    page, loaded = new_page(), list[Request]()
    page.on("requestfinished", lambda request: loaded.append(request))
    enter(page, chat.link)
    expect(page.get_by_role("log")).to_be_visible()
    page.wait_for_load_state("networkidle")
    # The page with the link's button is among them, so what both use is counted once.
    sizes = [(request.resource_type, request.sizes()) for request in loaded]
    scripts = sum(size["responseBodySize"] for kind, size in sizes if kind == "script")
    everything = sum(size["responseBodySize"] + size["responseHeadersSize"] for _kind, size in sizes)
    assert 10_000 < scripts < MOST_SCRIPT_BYTES
    assert scripts < everything < MOST_BYTES
