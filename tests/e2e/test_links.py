"""A mailed link in real browsers: a scanner's, the customer's, and that of whoever the mail was forwarded to."""

import re
from collections.abc import Callable
from functools import partial

import requests
from playwright.sync_api import Page, Route, expect

from tests.e2e.chats import Chat
from tests.e2e.test_story import log_in, open_link, say
from tests.running import Product, wait_for

NewPage = Callable[..., Page]


def code_for(chat: Chat) -> str:
    """The newest code in the customer's mailbox."""

    def look() -> str | None:
        page = requests.get(f"{chat.product.url}/demo/mailbox/", timeout=20).text
        for number in re.findall(r'href="/demo/mailbox/(\d+)/"', page):
            mail = requests.get(f"{chat.product.url}/demo/mailbox/{number}/", timeout=20).text
            found = re.search(r">\s*(\d{6})\s*<", mail) if f"{chat.username}@" in mail else None
            if found:
                return found[1]
        return None

    return wait_for(look, "the mail with the code")


def test_a_forwarded_link_needs_the_mailed_code_and_the_agent_sees_it(chat: Chat, new_page: NewPage) -> None:
    customer, friend, agent = new_page(), new_page(width=390, height=844), new_page()
    open_link(customer, chat.link)
    say(customer, "My address is 5 Elm Street")
    friend.goto(chat.link)
    friend.get_by_role("button", name="Open my order").click()
    expect(friend.get_by_role("heading", name="This is a new device")).to_be_visible()
    expect(friend.get_by_text("Elm Street")).to_have_count(0)
    log_in(agent, "agent", onward=chat.agents_path)
    expect(agent.get_by_text("New device, not confirmed")).to_be_visible()
    friend.get_by_role("button", name="Mail me a code").click()
    friend.get_by_label("Enter the code we mailed").fill(code_for(chat))
    friend.get_by_role("button", name="Confirm this device").click()
    expect(friend.get_by_role("log").get_by_text("Elm Street")).to_be_visible()
    agent.reload()
    expect(agent.get_by_text("New device, not confirmed")).to_have_count(0)


def test_a_browser_that_only_loads_the_link_is_not_the_customer(chat: Chat, new_page: NewPage) -> None:
    scanner, customer = new_page(), new_page()
    scanner.goto(chat.link, wait_until="networkidle")
    names = {cookie["name"] for cookie in scanner.context.cookies()}
    open_link(customer, chat.link)
    assert ({"ordersupport_session", "ordersupport_device"} & names, "key=" in customer.url) == (set(), False)


def test_the_page_that_follows_never_learns_the_key(chat: Chat, new_page: NewPage) -> None:
    page = new_page()
    open_link(page, chat.link)
    assert (page.evaluate("document.referrer"), page.evaluate("location.search")) == ("", "")
    page.go_back(wait_until="networkidle")
    expect(page.get_by_role("log")).to_be_visible()
    assert "key=" not in page.url


def close_links(agent: Page) -> None:
    """The agent is asked first, and then says it again."""
    agent.get_by_text("Close old links, mail a new one…").click()
    agent.get_by_role("button", name="Close old links, mail a new one").click()


def test_the_agent_reads_that_they_joined_and_not_that_the_order_made_the_customer_a_member(chat: Chat, new_page: NewPage) -> None:
    agent = new_page()
    log_in(agent, "agent", onward=chat.agents_path)
    log = agent.get_by_role("log")
    expect(log).to_contain_text("You joined the conversation")
    expect(log.get_by_text("joined the conversation")).to_have_count(1)


def test_one_click_closes_no_links_and_says_what_the_second_does(chat: Chat, new_page: NewPage) -> None:
    # A page that asks over HTTP, because its socket is late, notes in its console that it is turned away.
    customer, agent = new_page(expects=re.compile("40[134]|WebSocket")), new_page(java_script_enabled=False)
    open_link(customer, chat.link)
    log_in(agent, "agent", onward=chat.agents_path)
    question = agent.get_by_text("Close old links, mail a new one…")
    expect(agent.get_by_role("button", name="Close old links, mail a new one")).to_be_hidden()
    question.click()
    expect(agent.locator(".close-links p")).to_contain_text("end at once")
    customer.reload()
    expect(customer.get_by_role("log")).to_be_visible()
    agent.get_by_role("button", name="Close old links, mail a new one").click()
    expect(agent.locator(".entry-card")).to_contain_text("A new link")
    assert customer.request.get(customer.url).status == 404


def test_a_revoked_link_ends_the_open_page(chat: Chat, new_page: NewPage) -> None:
    customer, agent = new_page(expects=re.compile("40[134]|WebSocket")), new_page()
    open_link(customer, chat.link)
    log_in(agent, "agent", onward=chat.agents_path)
    close_links(agent)
    expect(customer.locator("#link-state")).to_contain_text("This link has expired.")
    customer.get_by_role("link", name="Mail me a new link").click()
    expect(customer.get_by_label("Your mail address")).to_be_visible()


def test_opening_another_link_in_the_agents_browser_leaves_their_inbox_alive(chat: Chat, new_page: NewPage) -> None:
    inbox = new_page()
    log_in(inbox, "agent", onward="/inbox/")
    expect(inbox.get_by_role("link").filter(has_text=chat.username)).to_be_visible()
    customer = inbox.context.new_page()
    open_link(customer, chat.link)
    say(customer, "Is anybody there?")
    expect(inbox.locator(f"#waiters a[href='{chat.agents_path}']")).to_contain_text("Is anybody there?", timeout=20_000)


def with_policy(policy: str, route: Route) -> None:
    """The page as it is, under another policy."""
    answer = route.fetch()
    route.fulfill(response=answer, headers=answer.headers | {"referrer-policy": policy})


def test_no_referrer_at_all_would_make_browsers_post_without_an_origin(product: Product, chat: Chat, new_page: NewPage) -> None:
    # Why the page with the key says `same-origin`: with `no-referrer` Chromium posts the same form with `Origin: null`.
    origins = []
    for policy in ("same-origin", "no-referrer"):
        page = new_page(expects=re.compile("403"))
        page.route(re.compile(r"/chat/.*key="), partial(with_policy, policy))
        page.goto(chat.link)
        with page.expect_request(lambda request: request.method == "POST") as posted:
            page.get_by_role("button", name="Open my order").click()
        origins.append(posted.value.all_headers().get("origin"))
    assert origins == [product.url, "null"]
