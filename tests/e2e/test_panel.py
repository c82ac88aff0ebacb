"""The order beside the conversation: what it says while there is none, and where it can't be brought up to date."""

import re
import uuid
from collections.abc import Callable

import requests
from playwright.sync_api import Page, expect

from tests.e2e.chats import Chat, enter, same_person, set_status
from tests.e2e.test_story import log_in
from tests.e2e.wire import Wire
from tests.running import Product, wait_for

NewPage = Callable[..., Page]
# What a browser writes into its console when it can't reach something; that is what these tests are about.
UNREACHABLE = re.compile("ERR_|WebSocket connection to .* failed")
FAILED = "Orders could not be loaded."


def test_an_order_that_cant_be_drawn_anew_says_so_and_is_there_after_retry(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(expects=UNREACHABLE), chat.link)
    page.get_by_role("textbox").fill("Half a sen")
    page.route("**/panel*.js", lambda route: route.abort())
    set_status(chat, "shipped")
    expect(page.get_by_role("status").filter(has_text=FAILED)).to_be_visible()
    expect(page.locator(".order-card")).to_have_count(0)
    expect(page.locator(".history li")).to_have_count(1)
    expect(page.locator("#order .state")).to_have_count(0)
    page.unroute_all()
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".order-card .state")).to_have_text("shipped")
    expect(page.get_by_role("textbox")).to_have_value("Half a sen")


def test_without_a_connection_retry_leaves_the_page_alone(chat: Chat, new_page: NewPage, wire: Wire) -> None:
    second = chat.again()
    page = enter(new_page(width=390, height=844, expects=UNREACHABLE), chat.link, by=wire.url)
    wire.cut()
    expect(page.locator("#link-state")).to_contain_text("No connection.")
    page.locator("summary.order-bar").click()
    page.locator(".history a", has_text=f"Order {second.number}").click()
    expect(page.locator(".order-bar")).to_have_text(FAILED)
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#link-state")).to_contain_text("No connection.")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    wire.mend()
    expect(page.locator("#link-state")).not_to_contain_text("No connection.", timeout=40_000)
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".order-bar")).to_contain_text(f"Order {second.number}")


def test_a_customer_without_orders_is_shown_as_one_after_each_drawing(product: Product, new_page: NewPage) -> None:
    made = requests.post(f"{product.url}/user", json={"username": f"guest-{uuid.uuid4().hex[:8]}"}, timeout=20).json()
    page = new_page()
    log_in(page, "agent", onward=f"/chat/agent/{made['conversation_id']}/0")
    card = page.get_by_role("region", name="All orders")
    expect(card).to_contain_text("There are no orders yet.")
    # Going to a place in the page, as a skip link does, draws the panel anew.
    first = card.element_handle()
    page.locator(".skip[href='#order']").press("Enter")
    wait_for(lambda: not first.evaluate("(card) => card.isConnected"), "the panel that the script draws")
    expect(card).to_contain_text("There are no orders yet.")


def test_the_offer_of_another_time_zone_outlives_a_change_of_the_order(chat: Chat, new_page: NewPage) -> None:
    at_home = enter(new_page(timezone_id="Asia/Tokyo"), chat.link)
    with at_home.expect_response("**/language"):
        at_home.locator("textarea").press("a")
    travelling = enter(same_person(new_page(timezone_id="Europe/Berlin"), at_home), chat.link)
    offer = travelling.get_by_role("button", name="Show times in Germany Time")
    expect(offer).to_be_visible()
    set_status(chat, "shipped")
    expect(travelling.locator(".order-card .state")).to_have_text("shipped")
    expect(offer).to_be_visible()
