"""Browsers that lack what newer ones have: the page works, and where it can't, it stays readable."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.chats import Chat, bubble, enter, expect_sent, recorded, say

NewPage = Callable[..., Page]
LINE = "Where is it? https://example.com/parcel"


def look_again(page: Page, script: str) -> None:
    """Load the page once more, in a browser that is as `script` makes it."""
    page.add_init_script(script)
    page.reload()


def test_without_canparse_a_message_with_a_link_is_drawn_and_answered(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    say(page, LINE)
    expect_sent(page)
    look_again(page, "delete URL.canParse")
    expect(page.get_by_role("log")).to_be_visible()
    expect(page.locator(".bubble a")).to_have_attribute("href", "https://example.com/parcel")
    say(page, "Hello https://[::1 and https://user@evil.example/")
    expect_sent(page)
    expect(page.locator(".bubble a")).to_have_count(1)


def test_where_a_row_cant_be_drawn_the_servers_page_stays(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(expects=re.compile("matchAll")), chat.link)
    say(page, "Hello", LINE)
    expect_sent(page)
    with page.expect_event("pageerror"):
        look_again(page, "delete String.prototype.matchAll")
    expect(page.locator(".message .bubble")).to_have_text(["Hello", LINE])
    expect(bubble(page, "Hello")).to_be_visible()


def test_where_a_row_cant_be_drawn_what_is_written_goes_by_the_form(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(expects=re.compile("matchAll")), chat.link)
    say(page, "Hello")
    expect_sent(page)
    with page.expect_event("pageerror"):
        look_again(page, "delete String.prototype.matchAll")
    field = page.get_by_role("textbox", name="Your message")
    field.fill("Where is it?")
    with page.expect_navigation():
        field.press("Enter")
    assert recorded(page) == ["Hello", "Where is it?"]
