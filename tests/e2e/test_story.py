"""The story in a real browser: two people, two browsers, one conversation."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.running import Product
from tests.test_journey import link_in, mail_to

NewPage = Callable[..., Page]


def log_in(page: Page, name: str, *, onward: str) -> None:
    """Log in as one of the demo's people, whose passwords are their names."""
    page.goto(f"/login/?next={onward}")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", name)
    page.locator("form").get_by_role("button").last.click()
    # The log-in page's own address ends with `onward` too.
    page.wait_for_url(lambda url: urlsplit(url).path == onward)


def order_for(product: Product, username: str) -> tuple[int, str, str]:
    """Place the guide's order; its number, the mail's link and the agent's path."""
    requests.post(f"{product.url}/user", data={"username": username}, timeout=20)
    made = requests.post(f"{product.url}/order", data={"username": username}, timeout=20).json()
    number = made["order_id"]
    link = link_in(mail_to(product, f"{username}@example.com", order=number))
    return number, link, f"/chat/agent/{made['conversation_id']}/{number}"


def open_link(page: Page, link: str) -> None:
    """Come in as a customer does: by the mail's link and its button."""
    page.goto(link)
    page.get_by_role("button", name="Open my order").click()
    page.wait_for_url(lambda url: "key=" not in url)
    page.get_by_role("log").wait_for()


def say(page: Page, text: str) -> None:
    """Type a line and press Enter."""
    page.locator("textarea").fill(text)
    page.locator("textarea").press("Enter")
    # Until then the same words again would be the same line.
    expect(page.locator("textarea")).to_have_value("")


@pytest.mark.parametrize("width", [1280, 390])
def test_customer_and_agent_talk_beside_the_order(product: Product, new_page: NewPage, width: int) -> None:
    _number, link, agents_path = order_for(product, f"talker-{width}")
    customer, agent = new_page(width=width), new_page()
    open_link(customer, link)
    log_in(agent, "agent", onward=agents_path)
    say(customer, "Where is my widget?")
    expect(agent.get_by_role("log").get_by_text("Where is my widget?")).to_be_visible()
    say(agent, "It left the house this morning.")
    expect(customer.get_by_role("log").get_by_text("It left the house this morning.")).to_be_visible()


def test_an_order_typed_in_admin_reaches_the_customer(product: Product, new_page: NewPage) -> None:
    clerk = new_page()
    log_in(clerk, "staff", onward="/admin/orders/order/add/")
    clerk.locator("#id_customer + .select2 .select2-selection").click()
    clerk.locator(".select2-search__field").fill("frederike")
    # Until then everybody is listed, and a click while one list gives way to the other is lost.
    found = clerk.locator(".select2-results__option")
    expect(found).to_have_text([re.compile("Frederike")])
    found.click()
    clerk.fill("#id_lines-0-name", "Beeswax candle")
    clerk.fill("#id_lines-0-quantity", "6")
    clerk.fill("#id_lines-0-unit_price", "7.80")
    clerk.locator(".add-row a").click()
    clerk.fill("#id_lines-1-name", "Candle snuffer")
    clerk.fill("#id_lines-1-unit_price", "12.00")
    clerk.locator("[name=_save]").click()
    clerk.wait_for_url("**/admin/orders/order/")
    number = newest_order(clerk)
    mail = mail_to(product, "frederike@example.com", order=number)
    customer = new_page(width=390, height=844)
    open_link(customer, link_in(mail))
    expect(customer.get_by_text("Candle snuffer").first).to_be_attached()


def newest_order(clerk: Page) -> int:
    """The number of the last order, asked of the API with the clerk's own session."""
    answer = clerk.request.get("/api/orders/?limit=1").json()
    return int(answer["results"][0]["number"])


def test_markup_in_a_message_stays_text(product: Product, new_page: NewPage) -> None:
    _number, link, agents_path = order_for(product, "marker")
    customer, agent = new_page(), new_page()
    open_link(customer, link)
    log_in(agent, "agent", onward=agents_path)
    say(customer, "<img src=x onerror=alert(1)>")
    expect(agent.get_by_role("log").get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()


def test_the_inbox_shows_a_new_message_without_a_reload(product: Product, new_page: NewPage) -> None:
    _number, link, agents_path = order_for(product, "waiter")
    agent, customer = new_page(), new_page()
    log_in(agent, "agent", onward="/inbox/")
    open_link(customer, link)
    say(customer, "Is anybody there?")
    expect(agent.locator(f"#waiters a[href='{agents_path}']")).to_contain_text("Is anybody there?")
