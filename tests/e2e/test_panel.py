"""The order beside the conversation: what it says while there is none, and where it can't be brought up to date."""

import re
import uuid
from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.e2e.chats import Chat, enter, order_chat, same_person, set_status
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


def test_card_bar_and_list_add_up_after_lines_and_status_changed_in_one_save(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    before = page.locator(".order-card tfoot .money").inner_text()
    clerk = new_page()
    log_in(clerk, "staff", onward="/admin/orders/order/")
    clerk.get_by_role("link", name=str(chat.number), exact=True).click()
    quantity = clerk.locator("#id_lines-0-quantity")
    quantity.fill("9")
    clerk.select_option("#id_status", "delivered")
    clerk.locator("[name=_save]").click()
    expect(page.locator(".order-card .state")).to_have_text("delivered")
    total = page.locator(".order-card tfoot .money")
    expect(total).not_to_have_text(before)
    expect(page.locator(".order-card tbody small").first).to_have_text(re.compile("^9 ×"))
    # Among it, "Call me": that comes with the scripts.
    expect(page.locator("#call")).to_be_visible()
    drawn = page.locator(".order").inner_text()
    page.reload()
    expect(page.locator("#call")).to_be_visible()
    assert page.locator(".order").inner_text() == drawn
    assert drawn.count(total.inner_text()) >= 2


def test_what_one_might_ask_follows_the_orders_state(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    suggestions = page.locator(".suggestion:visible")
    expect(suggestions).to_have_text(
        ["When will my order arrive?", "I would like to change my order.", "Something is wrong with my order."]
    )
    set_status(chat, "cancelled")
    asked = ["Why was my order cancelled?", "When do I get my money back?", "I have a question about my payment."]
    expect(suggestions).to_have_text(asked)
    page.reload()
    expect(suggestions).to_have_text(asked)


@pytest.mark.parametrize(
    ("before", "status"),
    [("placed", "confirmed"), ("confirmed", "shipped"), ("shipped", "delivered"), ("placed", "cancelled"), ("delivered", "refunded")],
)
def test_in_each_state_there_are_three_things_to_ask(chat: Chat, new_page: NewPage, before: str, status: str) -> None:
    page = enter(new_page(), chat.link)
    set_status(chat, before)
    set_status(chat, status)
    expect(page.locator(".order-card .state")).to_have_text(status)
    expect(page.locator(".suggestion:visible")).to_have_count(3)


def test_what_one_might_ask_comes_after_what_is_written_already(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    field = page.get_by_role("textbox")
    field.fill("Good morning,")
    suggestion = page.get_by_role("button", name="When will my order arrive?")
    suggestion.click()
    expect(field).to_have_value("Good morning,\nWhen will my order arrive?")
    suggestion.click()
    expect(field).to_be_focused()
    expect(field).to_have_value("Good morning,\nWhen will my order arrive?")


def test_an_order_that_is_named_in_the_talk_opens_on_a_phone_too(chat: Chat, new_page: NewPage) -> None:
    second = chat.again()
    page = enter(new_page(width=390, height=844), chat.link)
    page.locator(".event-card").get_by_role("link", name=f"Order {second.number}").click()
    expect(page.get_by_role("region", name="Current order")).to_be_visible()
    expect(page.locator(".order-bar")).to_contain_text(f"Order {second.number}")
    # Folded up by hand, it stays so on the way back.
    page.locator("summary.order-bar").click()
    expect(page.get_by_role("region", name="Current order")).to_be_hidden()
    page.go_back()
    expect(page.locator(".order-bar")).to_contain_text(f"Order {chat.number}")
    expect(page.get_by_role("region", name="Current order")).to_be_hidden()


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


def test_a_page_that_was_opened_beside_no_order_names_none_after_one_was_chosen(chat: Chat, new_page: NewPage) -> None:
    desk, page = new_page(), enter(new_page(), chat.link)
    log_in(desk, "agent", onward=f"/chat/agent/{chat.conversation}/0")
    desk.get_by_role("button", name="Mail a new link").click()
    page.goto(f"/chat/{chat.username}/{chat.conversation}/0")
    title = page.title()
    page.locator(f".history [data-order='{chat.number}']").click()
    expect(page.locator(".order-bar")).to_contain_text(f"Order {chat.number}")
    expect(page.locator(".empty p")).to_have_text("Ask us anything.")
    expect(page.locator("textarea")).to_have_attribute("placeholder", "Your message")
    assert (title.startswith("Your orders"), page.title()) == (True, title)


def test_the_offer_of_another_time_zone_outlives_a_change_of_the_order(chat: Chat, new_page: NewPage) -> None:
    at_home = enter(new_page(timezone_id="Asia/Tokyo"), chat.link)
    with at_home.expect_response("**/language"):
        at_home.locator("textarea").press("a")
    travelling = enter(same_person(new_page(timezone_id="Europe/Berlin"), at_home), chat.link)
    offer = travelling.get_by_role("button", name="Show times in Berlin")
    expect(offer).to_be_visible()
    set_status(chat, "shipped")
    expect(travelling.locator(".order-card .state")).to_have_text("shipped")
    expect(offer).to_be_visible()


def test_the_card_says_since_when_an_order_stands_so_also_on_the_open_page(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    facts, names = page.locator(".order-card .facts"), page.locator(".order-card .facts dt")
    expect(names.get_by_text("shipped")).to_have_count(0)
    set_status(chat, "shipped")
    expect(names.nth(1)).to_have_text("Shipped", use_inner_text=True)
    drawn = [facts.locator("time").all_text_contents(), facts.locator("time").nth(1).get_attribute("datetime")]
    page.reload()
    expect(names.nth(1)).to_have_text("Shipped", use_inner_text=True)
    assert [facts.locator("time").all_text_contents(), facts.locator("time").nth(1).get_attribute("datetime")] == drawn


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_a_date_reads_the_same_from_the_server_and_from_the_script(chat: Chat, new_page: NewPage, locale: str) -> None:
    page = enter(new_page(), chat.link)
    if locale == "zh-CN":
        page.get_by_role("button", name="简体中文").click()
        expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
        # Its script listens.
        expect(page.get_by_role("log")).to_be_visible()
    dates = page.locator(".facts time, .history time")
    card = page.locator(".order-card").element_handle()
    written = dates.all_text_contents()
    # Going to a place in the page, as a skip link does, draws the panel anew.
    page.locator(".skip[href='#order']").press("Enter")
    wait_for(lambda: not card.evaluate("(card) => card.isConnected"), "the panel that the script draws")
    assert (dates.all_text_contents(), len(written)) == (written, 2)


def test_a_sum_in_letters_reads_the_same_from_the_server_and_from_the_script(product: Product, new_page: NewPage) -> None:
    lines = [{"name": "Oud", "quantity": 1, "unit_price": "18.750"}]
    page = enter(new_page(), order_chat(product, currency="KWD", lines=lines).link)
    card = page.locator(".order-card").element_handle()
    sums = page.locator("#order .money:not(thead .money), .event-card .money")
    written = sums.all_text_contents()
    page.locator(".skip[href='#order']").press("Enter")
    wait_for(lambda: not card.evaluate("(card) => card.isConnected"), "the panel that the script draws")
    assert sums.all_text_contents() == written == ["KWD\u00a018.750"] * 5


def test_the_whole_page_speaks_of_the_order_that_was_chosen(chat: Chat, new_page: NewPage) -> None:
    second = chat.again()
    page = enter(new_page(), chat.link)
    address, title = page.url, page.title()
    page.locator(f".history [data-order='{second.number}']").click()
    expect(page.get_by_placeholder(f"Ask us about order {second.number}")).to_be_visible()
    expect(page.locator(".empty p")).to_have_text(f"Ask us anything about order {second.number}.")
    expect(page).to_have_title(title.replace(str(chat.number), str(second.number)))
    # Going to a place in the page leaves the order as it is.
    page.locator(".skip[href='#order']").press("Enter")
    page.locator("header").get_by_role("button", name="简体中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page).to_have_url(address.replace(f"/{chat.number}", f"/{second.number}"))
    page.go_back()
    expect(page).to_have_url(re.compile(f"/{second.number}#order$"))
    page.go_back()
    page.go_back()
    expect(page.locator("textarea")).to_have_attribute("placeholder", re.compile(f"{chat.number}"))
