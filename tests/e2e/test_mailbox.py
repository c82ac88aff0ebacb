"""The demo's mailbox in a real browser."""

from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.running import Product, wait_for

NewPage = Callable[..., Page]


@pytest.mark.parametrize("articles", [1, 40])
@pytest.mark.parametrize("width", [1280, 340])
def test_a_mails_frame_shows_the_whole_mail(product: Product, new_page: NewPage, articles: int, width: int) -> None:
    lines = [{"name": f"Article {number}", "quantity": 2, "unit_price": "3.50"} for number in range(articles)]
    made = requests.post(f"{product.url}/order", json={"username": "frederike", "lines": lines}, timeout=20).json()
    mails = wait_for(lambda: _mails_of(product, made["order_id"]), "the order's mail")
    reader = new_page(width=width)
    reader.goto(product.url + mails)
    frame = reader.locator("iframe.mail-body")
    frame.scroll_into_view_if_needed()
    expect(reader.frame_locator("iframe.mail-body").locator("tfoot")).to_be_visible()
    tall = reader.frame_locator("iframe.mail-body").locator("html").evaluate("page => [page.scrollHeight, page.clientHeight]")
    assert tall[0] <= tall[1]


def _mails_of(product: Product, number: int) -> str | None:
    page = requests.get(f"{product.url}/demo/mailbox/", timeout=20).text
    rows = [row for row in page.split('<li class="waiter">')[1:] if f"order {number}" in row]
    return rows[0].partition('href="')[2].partition('"')[0] if rows else None
