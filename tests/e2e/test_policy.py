"""Every kind of page in Chromium under its own content security policy: nothing is refused, and the console stays clean."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_story import log_in, open_link, order_for
from tests.running import Product

NewPage = Callable[..., Page]
WATCH = """window.refused = [];
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile }) => {
  window.refused.push(`${violatedDirective} ${blockedURI} ${sourceFile}`);
});"""


def refused(page: Page) -> list[str]:
    """What the policy of the page that is open refused."""
    return list(page.evaluate("window.refused"))


def test_a_strangers_pages(product: Product, new_page: NewPage) -> None:
    page = new_page()
    page.add_init_script(WATCH)
    found = []
    for address in ("/", "/login/", "/new-link/", "/demo/mailbox/", "/demo/phones/"):
        page.goto(address, wait_until="networkidle")
        found += refused(page)
    assert found == []


def test_a_mail_with_its_own_styles(product: Product, new_page: NewPage) -> None:
    order_for(product, "styled")
    page = new_page()
    page.add_init_script(WATCH)
    page.goto("/demo/mailbox/")
    page.goto(page.locator("a[href^='/demo/mailbox/']").first.get_attribute("href") or "", wait_until="networkidle")
    frame = page.frame_locator("iframe.mail-body")
    expect(frame.get_by_role("link").first).to_be_visible()
    # Its inline styles hold: the button has its colour.
    expect(frame.locator("a.press").first).to_have_css("text-decoration-line", "none")
    assert refused(page) == []


def test_the_api_documentation_draws_itself(product: Product, new_page: NewPage) -> None:
    page = new_page()
    page.add_init_script(WATCH)
    page.goto("/api/docs/", wait_until="networkidle")
    expect(page.locator(".opblock").first).to_be_visible()
    page.locator(".opblock-summary").first.click()
    page.locator(".try-out button, .opblock-body").first.wait_for()
    assert refused(page) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_mailed_link_the_chat_a_new_device_and_the_inbox(product: Product, new_page: NewPage, width: int) -> None:
    _number, link, agents_path = order_for(product, f"policy-{width}")
    customer, agent = new_page(width=width), new_page(width=width)
    customer.add_init_script(WATCH)
    agent.add_init_script(WATCH)
    customer.goto(link, wait_until="networkidle")
    at_the_door = refused(customer)
    open_link(customer, link)
    customer.wait_for_load_state("networkidle")
    log_in(agent, "agent", onward="/inbox/")
    found = refused(agent)
    agent.goto(agents_path, wait_until="networkidle")
    assert (found, refused(agent), at_the_door, refused(customer)) == ([], [], [], [])


def test_every_page_of_the_admin(product: Product, new_page: NewPage) -> None:
    order_for(product, "policy-admin")
    page = new_page()
    page.add_init_script(WATCH)
    log_in(page, "staff", onward="/admin/")
    todo, found, seen = admin_links(page), refused(page), set[str]()
    while todo:
        address = todo.pop()
        seen.add(kind(address))
        page.goto(address, wait_until="load")
        found += refused(page)
        todo += [link for link in admin_links(page) if kind(link) not in seen]
        todo = list({kind(link): link for link in todo}.values())
    assert (found, len(seen) > 30) == ([], True)


def admin_links(page: Page) -> list[str]:
    """The admin's pages that the open one links to, without their questions."""
    found = page.eval_on_selector_all("a[href]", "links => links.map((link) => new URL(link.href).pathname)")
    return [link for link in found if link.startswith("/admin/") and "logout" not in link and "/r/" not in link]


def kind(address: str) -> str:
    """Pages that differ by a row only are of one kind."""
    return re.sub(r"/(\d+|[0-9a-f-]{20,}|[A-Za-z0-9]{8}\.[^/]+)/", "/1/", address)
