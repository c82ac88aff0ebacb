"""Whatever a person types is text everywhere: on the customer's page, in the inbox, the admin, the mail, the texts to agents."""

import itertools
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import Frame, Page, expect

from tests.e2e.chats import change_order
from tests.e2e.test_story import log_in, open_link, say
from tests.running import Product
from tests.test_journey import link_in, mail_to

NewPage = Callable[..., Page]
NUMBERS = itertools.count(1)
# A tag, a way out of an attribute, a template, a script's string, each with a mark by which its field is known.
EVIL = """<img src=x onerror=top.hacked=1>"'><svg onload=top.hacked=1>{{7*7}}{%% now %%}${7*7}%s"""
SHORT = "<b onclick=top.hacked=1>{{7*7}}%s"
# What could only be there because text was taken for markup.
INJECTED = "img[src='x'], svg[onload], [onclick], [onerror], b[onclick], a[href^='javascript:' i]"


def evil(field: str) -> str:
    """A text for one field that would do harm where it is taken for markup."""
    return EVIL % field


class Told:
    """An order of which every word is evil, and the way to its pages."""

    def __init__(self, product: Product) -> None:
        self.username = f"markup-{next(NUMBERS)}"
        self.email = f"{self.username}@example.com"
        requests.post(f"{product.url}/user", json={"username": self.username, "name": evil("name"), "email": self.email}, timeout=20)
        address = {name: evil(name) for name in ("name", "street", "region", "city")} | {"postal_code": "<b>12345</b>", "country": "DE"}
        address = {name: value[:100] for name, value in address.items()}
        order = {
            "username": self.username,
            "lines": [{"name": evil("line"), "sku": SHORT % "sku", "quantity": 1, "unit_price": "4.99"}],
            "shipping_address": address,
            "data": {evil("key"): evil("value")},
        }
        answer = requests.post(f"{product.url}/order", json=order, timeout=20)
        assert answer.status_code == 201, answer.text
        self.number = int(answer.json()["order_id"])
        # Without a key `POST /order` takes none.
        change_order(product, self.number, external_id=f"{SHORT % 'external'}-{self.username}")
        self.conversation = str(answer.json()["conversation_id"])
        self.mail = mail_to(product, self.email, order=self.number)
        self.link = link_in(self.mail)


@pytest.fixture(scope="module")
def told(product: Product) -> Told:
    """One for all tests of this module."""
    return Told(product)


def expect_text(page: Page | Frame, *fields: str) -> None:
    """The fields' words stand on the page as they were typed, and nothing came of them."""
    page.wait_for_load_state()
    shown = str(
        page.locator("body").evaluate("body => body.innerText + [...body.querySelectorAll('input, textarea')].map(f => f.value).join()")
    )
    # A browser shows a run of spaces as one.
    missing = [field for field in fields if evil(field) not in shown and SHORT % field not in shown]
    assert (missing, page.locator(INJECTED).count(), page.evaluate("top.hacked ?? null")) == ([], 0, None)


def test_on_the_customers_page_and_the_agents(product: Product, new_page: NewPage) -> None:
    # Of its own: a link that another browser opened asks for a code.
    customer, agent, told = new_page(), new_page(), Told(product)
    open_link(customer, told.link)
    log_in(agent, "agent", onward=f"/chat/agent/{told.conversation}/{told.number}")
    say(customer, evil("question"))
    say(agent, evil("answer"))
    for page in (customer, agent):
        for text in ("question", "answer"):
            expect(page.get_by_role("log").get_by_text(text)).to_be_visible()
        expect_text(page, "question", "answer", "line")
        page.reload()
        expect_text(page, "question", "answer", "line")
    expect_text(agent, "name")


def test_in_the_inbox_drawn_by_the_server_and_by_the_script(product: Product, new_page: NewPage) -> None:
    agent, customer = new_page(), new_page()
    log_in(agent, "agent", onward="/inbox/")
    open_link(customer, Told(product).link)
    say(customer, evil("hello"))
    expect(agent.get_by_text("hello").first).to_be_visible()
    expect_text(agent, "name")
    agent.reload()
    # The server shows fifty at first, and other tests leave more customers than that who wait.
    expect(agent.get_by_text("hello").first).to_be_visible()
    expect_text(agent, "name")


def test_in_the_mail_and_the_mailbox(product: Product, new_page: NewPage, told: Told) -> None:
    page = new_page()
    page.goto("/demo/mailbox/")
    expect_text(page)
    page.locator("a[href^='/demo/mailbox/']", has_text=f"order {told.number}").first.click()
    page.wait_for_url(re.compile(r"/demo/mailbox/\d+/"))
    page.wait_for_load_state("networkidle")
    expect_text(page, "name", "line")
    frame = next(frame for frame in page.frames if frame.url.endswith("/html/"))
    shown = frame.locator("body").inner_text()
    assert (evil("name") in shown, evil("line") in shown, frame.locator(INJECTED).count()) == (True, True, 0)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/admin/orders/order/", ["name"]),
        ("/admin/orders/order/{number}/change/", ["name", "line", "sku"]),
        ("/admin/orders/order/{number}/history/", []),
        ("/admin/accounts/user/?q={username}", ["name"]),
        ("/admin/orders/orderconfirmation/", []),
        ("/admin/chat/conversation/?q={conversation}", ["name"]),
        ("/admin/chat/event/", []),
        ("/admin/orders/order/?q={evil}", ["search"]),
        ("/admin/accounts/user/?q={evil}", ["search"]),
    ],
)
def test_in_the_admin(product: Product, new_page: NewPage, told: Told, path: str, fields: list[str]) -> None:
    clerk = new_page()
    log_in(clerk, "staff", onward="/admin/")
    clerk.goto(path.format(number=told.number, username=told.username, conversation=told.conversation, evil=quote(evil("search"))))
    expect_text(clerk, *fields)


def test_in_the_field_that_finds_a_customer(product: Product, new_page: NewPage, told: Told) -> None:
    clerk = new_page()
    log_in(clerk, "staff", onward="/admin/orders/order/add/")
    clerk.locator("#id_customer + .select2 .select2-selection").click()
    clerk.locator(".select2-search__field").fill(told.username)
    clerk.locator(".select2-results__option", has_text=told.username).click()
    expect_text(clerk, "name")


def test_in_a_form_that_comes_back(product: Product, new_page: NewPage) -> None:
    page = new_page()
    page.goto("/login/")
    page.fill("input[name=username]", evil("typed"))
    page.fill("input[name=password]", evil("password"))
    with page.expect_navigation():
        page.locator("main form").get_by_role("button").click()
    expect_text(page, "typed")


def test_in_a_text_to_an_agent(product: Product, new_page: NewPage) -> None:
    customer, phones = new_page(), new_page()
    open_link(customer, Told(product).link)
    say(customer, evil("text"))
    phones.goto("/demo/phones/")
    expect_text(phones)
