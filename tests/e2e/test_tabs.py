"""Several tabs of one person: what waits is everybody's to send, what is being written is each tab's own."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.chats import Chat, bubble, enter, expect_sent, order_chat, recorded, say
from tests.e2e.test_bad_network import KEPT, UNREACHABLE
from tests.e2e.wire import Wire
from tests.running import Product, wait_for

NewPage = Callable[..., Page]


def tab_beside(page: Page) -> Page:
    """Another tab of the same browser."""
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_role("log")).to_be_visible()
    return other


def field(page: Page) -> Locator:
    """Where one writes."""
    return page.get_by_role("textbox", name="Your message")


@pytest.fixture
def two_tabs_cut_off(product: Product, new_page: NewPage, wire: Wire) -> tuple[Page, Page]:
    """They were connected, and know that they no longer are."""
    first = enter(new_page(expects=UNREACHABLE), order_chat(product).link, by=wire.url)
    say(first, "Hello")
    expect_sent(first)
    second = tab_beside(first)
    wire.cut()
    for page in (first, second):
        expect(page.locator("#link-state")).to_have_text(KEPT)
    return first, second


def test_what_a_closed_tab_had_to_send_is_sent_by_the_one_beside_it(
    product: Product, two_tabs_cut_off: tuple[Page, Page], wire: Wire
) -> None:
    first, second = two_tabs_cut_off
    say(first, "One", "Two")
    say(second, "Three")
    expect(second.locator(".message.waiting .bubble")).to_have_text(["One", "Two", "Three"])
    first.close()
    wire.mend()
    second.evaluate("dispatchEvent(new Event('online'))")
    expect_sent(second)
    expect(second.locator(".message.mine .bubble")).to_have_text(["Hello", "One", "Two", "Three"])
    assert recorded(second, at=product.url) == ["Hello", "One", "Two", "Three"]


def test_two_tabs_send_what_waits_once_and_in_the_order_of_writing(
    product: Product, two_tabs_cut_off: tuple[Page, Page], wire: Wire
) -> None:
    first, second = two_tabs_cut_off
    say(first, "One")
    say(second, "Two")
    say(first, "Three")
    say(second, "Four")
    wire.mend()
    for page in (first, second):
        page.evaluate("dispatchEvent(new Event('online'))")
    for page in (first, second):
        expect_sent(page)
        expect(page.locator(".message.mine .bubble")).to_have_text(["Hello", "One", "Two", "Three", "Four"])
    assert recorded(second, at=product.url) == ["Hello", "One", "Two", "Three", "Four"]


def test_what_is_discarded_in_one_tab_is_gone_in_the_other(two_tabs_cut_off: tuple[Page, Page]) -> None:
    first, second = two_tabs_cut_off
    say(first, "Never mind")
    bubble(second, "Never mind").get_by_role("button", name="Discard").click()
    for page in (first, second):
        expect(bubble(page, "Never mind")).to_have_count(0)


def test_each_tab_keeps_its_own_draft(chat: Chat, new_page: NewPage) -> None:
    first = enter(new_page(), chat.link)
    second = tab_beside(first)
    field(first).fill("Of the first")
    field(second).fill("Of the second")
    for page, text in ((first, "Of the first"), (second, "Of the second")):
        page.reload()
        expect(field(page)).to_have_value(text)


def locks_held(page: Page) -> int:
    """How many tabs of this browser are there: each holds a lock as long as it lives."""
    return int(page.evaluate("navigator.locks.query().then(({ held }) => held.length)"))


def test_a_closed_tabs_draft_is_found_by_the_next_one_only(chat: Chat, new_page: NewPage) -> None:
    first = enter(new_page(), chat.link)
    second = tab_beside(first)
    field(first).fill("Half a sen")
    field(second).fill("Another")
    first.close()
    wait_for(lambda: locks_held(second) == 1, "the closed tab to be gone")
    third = tab_beside(second)
    expect(field(third)).to_have_value("Half a sen")
    expect(field(second)).to_have_value("Another")
    fourth = tab_beside(third)
    expect(field(fourth)).to_be_focused()
    expect(field(fourth)).to_have_value("")
    field(third).press("Enter")
    expect_sent(third)
    third.close()
    expect(field(tab_beside(second))).to_have_value("")


def test_a_duplicate_of_a_tab_writes_a_draft_of_its_own(chat: Chat, new_page: NewPage) -> None:
    first = enter(new_page(), chat.link)
    field(first).fill("Of the first")
    with first.expect_popup() as opened:
        # With what the browser copies when a tab is duplicated: its sessionStorage.
        first.evaluate("() => { open(location.href); }")
    second = opened.value
    expect(second.get_by_role("log")).to_be_visible()
    field(second).fill("Of the second")
    first.reload()
    expect(field(first)).to_have_value("Of the first")
    second.reload()
    expect(field(second)).to_have_value("Of the second")


def test_without_locks_which_need_https_a_draft_survives_a_reload_and_a_line_is_sent(chat: Chat, new_page: NewPage) -> None:
    page = new_page()
    page.add_init_script("Object.defineProperty(navigator, 'locks', { value: undefined })")
    enter(page, chat.link)
    field(page).fill("Half a sen")
    page.reload()
    expect(field(page)).to_have_value("Half a sen")
    field(page).press("Enter")
    expect_sent(page)
    expect(page.locator(".message.mine .fate")).to_have_text(re.compile("Sent|Seen"))
