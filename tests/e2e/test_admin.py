"""The clerk's form in a real browser: what its scripts say before anything is saved, and what they say afterwards."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.test_story import log_in
from tests.running import Product

NewPage = Callable[..., Page]
ADD = "/admin/orders/order/add/"
LIST = "/admin/orders/order/"


def choose(clerk: Page, username: str, name: str) -> None:
    """Find a customer by typing and take the one that is found."""
    clerk.locator("#id_customer + .select2 .select2-selection").click()
    clerk.locator(".select2-search__field").fill(username)
    # Until then everybody is listed, and a click while one list gives way to the other is lost.
    found = clerk.locator(".select2-results__option")
    expect(found).to_have_text([re.compile(name)])
    found.click()


def test_the_form_adds_up_with_the_currencys_digits(product: Product, new_page: NewPage) -> None:
    clerk = new_page()
    log_in(clerk, "staff", onward=ADD)
    total = clerk.locator("#order-total")
    clerk.fill("#id_lines-0-quantity", "3")
    clerk.fill("#id_lines-0-unit_price", "0.1")
    expect(total).to_have_text("€0.30")
    clerk.locator("#id_lines-0-unit_price").fill("")
    clerk.locator("#id_lines-0-unit_price").press_sequentially("1,50")
    expect(total).to_have_text("€4.50")
    clerk.fill("#id_lines-0-unit_price", "1,500")
    expect(clerk.locator("#id_lines-0-unit_price[data-odd]")).to_be_visible()
    expect(total).to_have_text("€0.00 without 1 line")
    clerk.fill("#id_lines-0-unit_price", "1.50")
    expect(total).to_have_text("€4.50")
    clerk.fill("#id_lines-0-unit_price", "1.500")
    expect(total).to_have_text("€0.00 without 1 line")
    clerk.fill("#id_lines-0-unit_price", "0.1")
    clerk.locator(".add-row a").click()
    clerk.fill("#id_lines-1-unit_price", "5")
    expect(total).to_have_text("€5.30")
    clerk.locator("#lines-1 .inline-deletelink").click()
    expect(total).to_have_text("€0.30")
    clerk.select_option("#id_currency", "KWD")
    expect(total).to_have_text("KWD\u00a00.300")
    clerk.select_option("#id_currency", "JPY")
    expect(clerk.locator("#id_lines-0-unit_price[data-odd]")).to_be_visible()
    clerk.fill("#id_lines-0-unit_price", "100")
    expect(total).to_have_text("¥300")


def fill_line(clerk: Page, place: int, name: str, quantity: str, price: str) -> None:
    """Type a line and leave its last field."""
    for field, words in [("name", name), ("quantity", quantity), ("unit_price", price)]:
        clerk.fill(f"#id_lines-{place}-{field}", words)
    clerk.locator(f"#id_lines-{place}-unit_price").blur()


def test_the_total_says_which_lines_it_leaves_out_and_the_field_says_why(product: Product, new_page: NewPage) -> None:
    clerk = new_page()
    log_in(clerk, "staff", onward=ADD)
    total = clerk.locator("#order-total")
    fill_line(clerk, 0, "Cup", "1", "10")
    clerk.locator(".add-row a").click()
    fill_line(clerk, 1, "Pot", "1", "1,500")
    expect(total).to_have_text("€10.00 without 1 line")
    expect(clerk.locator("#lines-1 .line-fault")).to_have_text("Write the price with a point before the digits, such as 1500 or 1.50.")
    clerk.locator(".add-row a").click()
    fill_line(clerk, 2, "Lid", "0", "2")
    clerk.locator("#id_lines-2-quantity").focus()
    clerk.locator("#id_lines-2-quantity").blur()
    expect(total).to_have_text("€10.00 without 2 lines")
    expect(clerk.locator("#lines-2 .line-fault")).to_have_text("Write a whole quantity from 1 to 1,000,000.")
    clerk.fill("#id_lines-2-quantity", "1")
    clerk.fill("#id_lines-1-unit_price", "1500")
    expect(total).to_have_text("€1,512.00")
    expect(clerk.locator(".line-fault")).to_have_count(0)


def test_the_keyboard_is_where_the_clerk_goes_on(product: Product, new_page: NewPage) -> None:
    clerk = new_page()
    log_in(clerk, "staff", onward=ADD)
    expect(clerk.locator("#id_customer + .select2 .select2-selection")).to_be_focused()
    add = clerk.locator("#lines-group .add-row a")
    expect(add).to_have_text("Add a line")
    add.click()
    expect(clerk.locator("#id_lines-1-name")).to_be_focused()
    choose(clerk, "yuki", "Yuki")
    fill_line(clerk, 0, "Cup", "1", "1,500")
    clerk.locator("#order_form").evaluate("form => { form.noValidate = true; }")
    clerk.locator("[name=_save]").click()
    expect(clerk.locator("#id_lines-0-unit_price")).to_be_focused()


def test_what_the_server_refused_stays_marked(product: Product, new_page: NewPage) -> None:
    clerk = new_page()
    log_in(clerk, "staff", onward=ADD)
    fill_line(clerk, 0, "Cup", "0", "10")
    clerk.locator("#order_form").evaluate("form => { form.noValidate = true; }")
    clerk.locator("[name=_save]").click()
    expect(clerk.locator("#lines-0 .errorlist")).to_have_text("Write a quantity of 1 or more.")
    expect(clerk.locator("#id_lines-0-quantity[data-odd]")).to_be_visible()
    expect(clerk.locator("#order-total")).to_have_text("€0.00 without 1 line")


def test_the_form_says_whom_saving_tells_and_who_cannot_be_told(product: Product, new_page: NewPage) -> None:
    clerk = new_page()
    log_in(clerk, "staff", onward=ADD)
    choose(clerk, "sam", "Sam")
    expect(clerk.locator(".customer-warning")).to_contain_text("Sam has no mail address")
    choose(clerk, "omar", "عمر")
    expect(clerk.locator("#id_status")).to_contain_text("is told by mail when you save (omar@example.com)")
    expect(clerk.locator(".customer-warning")).to_be_hidden()


def test_an_order_comes_to_say_told_by_itself_and_two_clicks_on_resend_are_one(product: Product, new_page: NewPage) -> None:
    clerk = new_page()
    log_in(clerk, "staff", onward=ADD)
    choose(clerk, "yuki", "Yuki")
    clerk.fill("#id_lines-0-name", "Tea whisk")
    clerk.fill("#id_lines-0-unit_price", "24")
    clerk.locator("[name=_save]").click()
    clerk.wait_for_url(f"**{LIST}")
    newest = clerk.locator("#result_list tbody tr").first
    expect(newest.locator(".told-ok")).to_contain_text("told")
    newest.locator("th a").click()
    clerk.get_by_role("button", name="Resend", exact=True).dblclick()
    journey = clerk.locator("section.journey")
    expect(journey).to_contain_text("Yuki Tanaka was told again at")
    expect(journey.get_by_text("Told before, at")).to_have_count(1)


def test_two_clicks_on_save_are_one_order(product: Product, new_page: NewPage) -> None:
    clerk = new_page()
    log_in(clerk, "staff", onward=ADD)
    choose(clerk, "yuki", "Yuki")
    fill_line(clerk, 0, "Tea bowl", "1", "31.17")
    # A person's second click comes when the first one's request has left.
    again = "form => form.addEventListener('submit', () => setTimeout(() => form.elements._save.click(), 120), {once: true})"
    clerk.locator("#order_form").evaluate(again)
    clerk.locator("[name=_save]").click(no_wait_after=True)
    expect(clerk.locator("#result_list")).to_be_visible()
    clerk.reload()
    expect(clerk.locator("#result_list tbody tr").filter(has_text="€31.17")).to_have_count(1)
