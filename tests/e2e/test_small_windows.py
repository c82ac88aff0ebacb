"""Phones, low windows and zoom: what one needs to write, and to take a choice back, stays in sight."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.chats import Chat, bubble, enter, say
from tests.e2e.test_story import log_in

NewPage = Callable[..., Page]
EIGHT_LINES = "\n".join(f"line {number}" for number in range(8))


def test_a_filter_that_is_on_stays_in_sight_however_low_the_window_gets(chat: Chat, new_page: NewPage) -> None:
    second, agent = chat.again(), new_page()
    page = enter(new_page(width=390, height=844), chat.link)
    page.get_by_role("button", name="This order").click()
    log_in(agent, "agent", onward=second.agents_path)
    page.set_viewport_size({"width": 390, "height": 250})
    say(agent, "The other one leaves today.")
    page.get_by_role("button", name="1 new message").click()
    expect(bubble(page, "The other one leaves today.")).to_be_in_viewport()


def test_at_200_percent_zoom_one_can_narrow_the_talk_to_this_order(chat: Chat, new_page: NewPage) -> None:
    chat.again()
    page = enter(new_page(width=640, height=330), chat.link)
    page.get_by_role("button", name="This order").click()
    expect(page.get_by_role("button", name="This order")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("height", [667, 400])
def test_on_a_phone_the_send_button_stays_below_an_open_order(chat: Chat, new_page: NewPage, height: int) -> None:
    chat.again()
    page = enter(new_page(width=375, height=height), chat.link)
    field = page.get_by_role("textbox", name="Your message")
    field.fill(EIGHT_LINES)
    page.locator("summary.order-bar").click()
    expect(page.locator(".facts")).to_be_visible()
    for place in (".send", "#title", ".order-bar"):
        expect(page.locator(place)).to_be_in_viewport(ratio=1)


def test_on_a_phone_the_order_closes_where_one_begins_to_write(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(width=375, height=667), chat.link)
    page.locator("summary.order-bar").click()
    expect(page.locator(".facts")).to_be_visible()
    page.get_by_role("textbox", name="Your message").click()
    expect(page.locator(".facts")).to_be_hidden()
