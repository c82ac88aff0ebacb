"""A customer in a real browser is noticed by an agent's phone, and is called."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.test_story import open_link, order_for
from tests.running import Product

OpenPage = Callable[..., Page]


def test_a_customer_is_noticed_once_a_hand_moves_and_is_called(new_page: OpenPage, product: Product) -> None:
    phones, page = new_page(), new_page(width=390, height=844)
    phones.goto("/demo/phones/")
    posted: list[str] = []
    page.on("request", lambda request: posted.append(request.url) if request.method == "POST" else None)
    # A customer of this test's own: the text names the latest order, and other tests give the demo's people new ones.
    number, link, _agents_path = order_for(product, "caller")
    open_link(page, link)
    assert [url for url in posted if "/present/" in url] == []
    with page.expect_response(lambda response: "/present/" in response.url):
        page.mouse.move(100, 200)
    expect(phones.get_by_text(f"about order {number}")).to_be_visible()
    call(page)
    expect(page.get_by_text("We are ringing Maria.")).to_be_visible()
    answer_and_hang_up(phones, page)
    expect(page.get_by_text("The call is over.")).to_be_visible()
    expect(page.get_by_text("Call with Maria")).to_have_count(1)


def call(page: Page) -> None:
    """Ask for a call."""
    page.locator("summary.order-bar").click()
    page.locator("summary").filter(has_text="Call me").click()
    page.get_by_label("Your number, with its country code").fill("+46 70 555 01 21")
    page.get_by_role("button", name="Call me now").click()


def answer_and_hang_up(phones: Page, page: Page) -> None:
    """Both pick up, talk, and one hangs up."""
    phones.get_by_role("button", name="Answer").click()
    expect(page.get_by_text("Now your phone rings.")).to_be_visible()
    phones.get_by_role("button", name="Answer").click()
    expect(page.get_by_text("You are talking with Maria.")).to_be_visible()
    phones.get_by_role("button", name="Hang up").first.click()
