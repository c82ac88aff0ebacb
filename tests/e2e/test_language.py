"""Languages in a real browser: the switch, the reader's clock, and writing that runs from right to left."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.chats import bubble, enter, expect_sent, order_chat, same_person, say
from tests.running import Product

NewPage = Callable[..., Page]
ARABIC = "مرحبا، أين طلبي 1002؟"


def direction(place: Locator) -> str:
    """Which way the browser writes there."""
    return str(place.evaluate("node => getComputedStyle(node).direction"))


def left_of(place: Locator) -> float:
    """How far from the window's left edge it begins."""
    box = place.bounding_box()
    assert box
    return box["x"]


def test_the_switch_turns_page_and_scripts_to_the_other_language_for_good(product: Product, new_page: NewPage) -> None:
    chat = order_chat(product)
    page = enter(new_page(), chat.link)
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator(f"#order h2:has-text('订单 {chat.number}')")).to_be_visible()
    # Drawn by the page's script from the event's data, not from its English text.
    expect(page.get_by_role("log").get_by_text("您购买了 1 × Widget，合计 US$4.99。感谢您的订购！")).to_be_visible()
    page.locator("textarea").fill("x" * 8001)
    page.locator("textarea").press("Enter")
    expect(page.get_by_role("alert").filter(has_text="太长了。请缩短到 8000 个字符以内。")).to_be_visible()
    elsewhere = enter(same_person(new_page(), page), chat.link)
    expect(elsewhere.locator("html")).to_have_attribute("lang", "zh-hans")


def test_the_switch_works_without_scripts(product: Product, new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(order_chat(product).link)
    page.get_by_role("button", name="Open my order").click()
    page.get_by_role("button", name="简体中文").click()
    expect(page.get_by_text("您购买了 1 × Widget")).to_be_visible()


def test_times_follow_the_readers_clock_and_are_kept_once_a_person_is_there(product: Product, new_page: NewPage) -> None:
    chat = order_chat(product)
    page = enter(new_page(timezone_id="Asia/Tokyo"), chat.link)
    expect(page.locator("html")).to_have_attribute("data-time-zone", "Asia/Tokyo")
    with page.expect_response("**/language"):
        page.locator("textarea").press("a")
    elsewhere = same_person(new_page(timezone_id="Europe/Berlin", java_script_enabled=False), page)
    elsewhere.goto(chat.link)
    expect(elsewhere.locator("html")).to_have_attribute("data-time-zone", "Asia/Tokyo")


def test_a_reader_somewhere_else_is_offered_their_own_clock(product: Product, new_page: NewPage) -> None:
    chat = order_chat(product)
    at_home = enter(new_page(timezone_id="Asia/Tokyo"), chat.link)
    with at_home.expect_response("**/language"):
        at_home.locator("textarea").press("a")
    travelling = enter(same_person(new_page(timezone_id="Europe/Berlin"), at_home), chat.link)
    travelling.get_by_role("button", name="Show times in Berlin").click()
    expect(travelling.locator("html")).to_have_attribute("data-time-zone", "Europe/Berlin")
    expect(travelling.get_by_role("button", name="Show times in")).to_have_count(0)


def test_a_reader_where_the_clocks_show_the_same_is_offered_nothing(product: Product, new_page: NewPage) -> None:
    chat = order_chat(product)
    at_home = enter(new_page(timezone_id="Europe/Stockholm"), chat.link)
    with at_home.expect_response("**/language"):
        at_home.locator("textarea").press("a")
    travelling = enter(same_person(new_page(timezone_id="Europe/Berlin"), at_home), chat.link)
    expect(travelling.locator("html")).to_have_attribute("data-time-zone", "Europe/Stockholm")
    expect(travelling.locator("form.zone:visible")).to_have_count(0)


def test_arabic_runs_from_right_to_left_in_an_english_page(product: Product, new_page: NewPage) -> None:
    page = enter(new_page(width=390), order_chat(product).link)
    page.locator("textarea").fill(ARABIC)
    assert direction(page.locator("textarea")) == "rtl"
    say(page, ARABIC, "Where is it?")
    expect_sent(page)
    assert direction(bubble(page, ARABIC).locator(".bubble")) == "rtl"
    assert direction(bubble(page, "Where is it?").locator(".bubble")) == "ltr"
    assert direction(page.get_by_role("log")) == "ltr"


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_a_page_from_right_to_left_is_the_mirror_of_the_other(product: Product, new_page: NewPage, width: int) -> None:
    page = enter(new_page(width=width), order_chat(product).link)
    say(page, "Here")
    expect_sent(page)
    mine = page.locator(".message.mine .bubble")
    before = left_of(mine)
    page.locator("html").evaluate("node => { node.dir = 'rtl'; }")
    assert left_of(mine) < before
    assert left_of(page.locator("button.send")) < left_of(page.locator("textarea"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
