"""The clerk's form in a real browser: what its scripts say before anything is saved, and what they say afterwards."""

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
    clerk.locator(".select2-results__option", has_text=name).click()


def test_the_form_adds_up_with_the_currencys_digits(product: Product, new_page: NewPage) -> None:
    clerk = new_page()
    log_in(clerk, "staff", onward=ADD)
    total = clerk.locator("#order-total")
    clerk.fill("#id_lines-0-quantity", "3")
    clerk.fill("#id_lines-0-unit_price", "0.1")
    expect(total).to_have_text("€0.30")
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
    expect(journey).to_contain_text("version 1: told")
    expect(journey).not_to_contain_text("version 2: told")
