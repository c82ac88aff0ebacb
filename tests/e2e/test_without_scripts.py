"""Without scripts one can read, write, go back in the talk, and is told what was wrong."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.chats import Chat, bubble, enter, expect_sent, say, write_many
from tests.e2e.test_story import log_in

NewPage = Callable[..., Page]
# Chromium notes every answer of 4xx in its console.
REFUSED = re.compile("422")


@pytest.fixture
def plain(chat: Chat, new_page: NewPage) -> Page:
    """The customer's page in a browser without scripts."""
    return enter(new_page(java_script_enabled=False), chat.link)


def send(page: Page, text: str) -> None:
    """By the form."""
    page.get_by_role("textbox", name="Your message").fill(text)
    page.get_by_role("button", name="Send").click()


def without_details_content(route: Route) -> None:
    """The sheet as a browser reads it that knows no such part."""
    sheet = route.fetch()
    route.fulfill(response=sheet, body=sheet.text().replace("::details-content", "::details-unheard-of"))


def test_one_reads_writes_and_asks_for_what_is_new(chat: Chat, plain: Page, new_page: NewPage) -> None:
    expect(plain.get_by_text("You purchased 1 × Widget for $4.99.")).to_be_in_viewport()
    send(plain, "Does it run on batteries?")
    expect(bubble(plain, "Does it run on batteries?")).to_be_in_viewport()
    agent = new_page()
    log_in(agent, "agent", onward=chat.agents_path)
    say(agent, "It has a spring.")
    expect_sent(agent)
    plain.get_by_role("link", name="Show new messages").click()
    expect(bubble(plain, "It has a spring.")).to_be_in_viewport()


def test_a_reload_after_sending_sends_nothing_again(plain: Page) -> None:
    send(plain, "Once")
    plain.reload()
    expect(bubble(plain, "Once")).to_have_count(1)


def test_a_message_that_says_nothing_is_refused_in_words_and_one_can_go_on(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(java_script_enabled=False, expects=REFUSED), chat.link)
    send(page, "   ")
    expect(page.get_by_role("alert").filter(has_text="Write a message first.")).to_be_visible()
    send(page, "Now I do")
    expect(bubble(page, "Now I do")).to_have_count(1)


def test_a_message_that_is_too_long_is_refused_and_kept(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(java_script_enabled=False, expects=REFUSED), chat.link)
    send(page, "x" * 8001)
    expect(page.get_by_role("alert").filter(has_text="The message is too long. It may have 8000 characters.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Your message")).to_have_value("x" * 8001)


def test_older_messages_are_a_link_away_and_the_way_back_too(chat: Chat, plain: Page, new_page: NewPage) -> None:
    agent = new_page()
    log_in(agent, "agent", onward=chat.agents_path)
    write_many(agent, [f"Line {number}" for number in range(1, 71)])
    plain.reload()
    expect(bubble(plain, "Line 70")).to_have_count(1)
    expect(bubble(plain, "Line 1")).to_have_count(0)
    plain.get_by_role("link", name="Show older messages").click()
    expect(bubble(plain, "Line 1")).to_have_count(1)
    expect(bubble(plain, "Line 70")).to_have_count(0)
    expect(plain.get_by_role("link", name="Show older messages")).to_have_count(0)
    plain.get_by_role("link", name="Show new messages").click()
    expect(bubble(plain, "Line 70")).to_have_count(1)


def test_orders_and_their_states_are_on_the_page(chat: Chat, plain: Page) -> None:
    plain.set_viewport_size({"width": 390, "height": 844})
    plain.locator("summary.order-bar").click()
    expect(plain.get_by_role("region", name="Current order").get_by_role("row", name="Widget")).to_be_visible()
    expect(plain.get_by_role("link", name=f"Order {chat.number}")).to_have_count(2)


def test_on_a_wide_screen_the_order_stands_beside_the_talk(plain: Page) -> None:
    expect(plain.get_by_role("region", name="Current order").get_by_role("row", name="Widget")).to_be_visible()
    expect(plain.locator("summary.order-bar")).to_be_hidden()


def test_where_a_closed_order_cant_be_shown_open_its_bar_opens_it(chat: Chat, new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    # As in Firefox, Safari and Chromium of some years ago.
    page.route("**/style*.css", without_details_content)
    enter(page, chat.link)
    order = page.get_by_role("region", name="Current order")
    expect(order).to_be_hidden()
    page.locator("summary.order-bar").click()
    expect(order.get_by_role("row", name="Widget")).to_be_visible()
