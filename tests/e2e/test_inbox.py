"""The inbox under an agent's hands: rows change and change places, and whoever is on one stays on it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocket, expect

from tests.e2e.chats import Chat, answer_everybody, enter, expect_sent, order_chat, say, write_many
from tests.e2e.test_story import log_in
from tests.running import Product, wait_for

NewPage = Callable[..., Page]


@pytest.fixture
def customer(new_page: NewPage, chat: Chat) -> Page:
    """Its customer, who has not written yet."""
    return enter(new_page(), chat.link)


@pytest.fixture
def desk(new_page: NewPage) -> Page:
    """The inbox, drawn by its script."""
    page = new_page()
    log_in(page, "agent", onward="/inbox/")
    expect(page.locator("#summary")).not_to_be_empty()
    return page


def row_of(desk: Page, chat: Chat) -> Locator:
    """The link that is the conversation's row."""
    return desk.locator(f"#waiters a[href='{chat.agents_path}']")


def place_of(row: Locator) -> int:
    """How many rows are above."""
    return int(row.evaluate("(link) => [...link.closest('ul').children].indexOf(link.closest('li'))"))


def hold_focus(row: Locator) -> None:
    """Focus the row, and write down each time that a row loses it."""
    row.evaluate(
        """(link) => {
             window.lost = [];
             document.querySelector('#waiters').addEventListener('focusout', () => lost.push(document.activeElement.tagName));
             link.focus();
           }"""
    )
    expect(row).to_be_focused()


def expect_focus_held(row: Locator) -> None:
    """The row has the focus and has never been without."""
    expect(row).to_be_focused()
    assert row.page.evaluate("lost") == []


def test_a_row_that_changes_and_moves_keeps_the_focus(desk: Page, chat: Chat, customer: Page, product: Product) -> None:
    later = order_chat(product)
    expect(row_of(desk, later)).to_be_visible()
    row = row_of(desk, chat)
    assert place_of(row) > place_of(row_of(desk, later))
    hold_focus(row)
    say(customer, "Is anybody there?")
    expect(row).to_contain_text("Is anybody there?")
    assert place_of(row) < place_of(row_of(desk, later))
    expect_focus_held(row)


def test_a_row_keeps_the_focus_while_the_one_above_is_answered(
    desk: Page, chat: Chat, customer: Page, product: Product, new_page: NewPage
) -> None:
    later = order_chat(product)
    say(customer, "Is anybody there?")
    expect_sent(customer)
    say(enter(new_page(), later.link), "Me too")
    row = row_of(desk, later)
    expect(row).to_contain_text("Me too")
    expect(row_of(desk, chat)).to_contain_text("Is anybody there?")
    assert place_of(row_of(desk, chat)) < place_of(row)
    hold_focus(row)
    colleague = desk.context.new_page()
    colleague.goto(chat.agents_path)
    write_many(colleague, ["Good morning"])
    expect(row_of(desk, chat)).to_contain_text("Good morning")
    assert place_of(row_of(desk, chat)) > place_of(row)
    expect_focus_held(row)


def test_news_that_come_before_the_list_leave_the_servers_rows_and_the_focus(
    desk: Page, new_page: NewPage, chat: Chat, customer: Page
) -> None:
    # The server shows fifty at first, and other tests leave more customers than that who wait.
    answer_everybody(desk)
    page, held, frames = new_page(), Held(), list[str]()
    page.route("**/api/conversations/**", held.take)
    page.on("websocket", lambda socket: listen(socket, frames))
    log_in(page, "agent", onward="/inbox/")
    wait_for(lambda: page.evaluate("1") and held.routes, "the question for the list")
    rows = page.locator("#waiters > li").count()
    hold_focus(row_of(page, chat))
    say(customer, "Is anybody there?")
    wait_for(lambda: page.evaluate("1") and "Is anybody there?" in "".join(frames), "the row over the socket")
    assert page.locator("#waiters > li").count() == rows
    held.let_go()
    expect(row_of(page, chat)).to_contain_text("Is anybody there?")
    expect_focus_held(row_of(page, chat))


class Held:
    """Requests that wait until they are let go; whatever is asked later goes its way at once."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self._is_open = False

    def take(self, route: Route) -> None:
        """Hold it."""
        if self._is_open:
            route.continue_()
        else:
            self.routes.append(route)

    def let_go(self) -> None:
        """All that were held, and from now on every one."""
        self._is_open = True
        for route in self.routes:
            route.continue_()


def listen(socket: WebSocket, frames: list[str]) -> None:
    """Keep what comes over the socket."""
    socket.on("framereceived", lambda frame: frames.append(str(frame)))


def test_a_click_on_a_row_that_changes_meanwhile_still_opens_it(desk: Page, chat: Chat, customer: Page) -> None:
    say(customer, "Is anybody there?")
    row = row_of(desk, chat)
    expect(row).to_contain_text("Is anybody there?")
    row.hover()
    desk.mouse.down()
    say(customer, "Hello?")
    expect_sent(customer)
    expect(row).to_contain_text("Hello?")
    desk.mouse.up()
    desk.wait_for_url(f"**{chat.agents_path}")


# The tabs, and what is said where nobody waits


def waiting_tab(page: Page) -> Page:
    """Those who wait alone, drawn by the script."""
    page.get_by_role("link", name=re.compile("^Waiting")).click()
    page.wait_for_url("**/inbox/?show=waiting")
    expect(page.locator("#summary")).not_to_be_empty()
    return page


def count_in(page: Page, tab: str) -> int:
    """The number that the tab shows."""
    found = re.fullmatch(r"\((\d+)\)", page.locator(f"#count-{tab}").inner_text())
    assert found
    return int(found[1])


def test_the_counts_follow_who_begins_to_wait_and_who_is_answered(desk: Page, chat: Chat, customer: Page) -> None:
    # Counted already.
    expect(row_of(desk, chat)).to_be_visible()
    waiting, all_of_them = count_in(desk, "waiting"), count_in(desk, "all")
    say(customer, "Is anybody there?")
    expect(desk.locator("#count-waiting")).to_have_text(f"({waiting + 1})")
    colleague = desk.context.new_page()
    colleague.goto(chat.agents_path)
    write_many(colleague, ["Good morning"])
    expect(desk.locator("#count-waiting")).to_have_text(f"({waiting})")
    assert count_in(desk, "all") == all_of_them


def test_a_new_customer_is_counted(desk: Page, product: Product) -> None:
    before = count_in(desk, "all")
    expect(row_of(desk, order_chat(product))).to_be_visible()
    assert count_in(desk, "all") > before


def test_a_list_that_stays_open_grows_no_longer_than_its_most(desk: Page, product: Product) -> None:
    answer_everybody(desk)
    page = desk.context.new_page()
    # As if three were as many as anybody looks at.
    page.add_init_script("const parse = JSON.parse; JSON.parse = (text) => Object.assign(parse(text), { most: 3 });")
    page.goto("/inbox/")
    chats = [order_chat(product) for _customer in range(4)]
    expect(row_of(page, chats[-1])).to_be_visible()
    expect(page.locator("#waiters > li")).to_have_count(3)
    expect(page.locator("#count-all")).to_have_text("(3+)")


def test_who_is_answered_or_solved_leaves_the_tab_of_those_who_wait(desk: Page, chat: Chat, customer: Page) -> None:
    page = waiting_tab(desk)
    expect(row_of(page, chat)).to_have_count(0)
    say(customer, "Is anybody there?")
    expect(row_of(page, chat)).to_contain_text("Is anybody there?")
    colleague = page.context.new_page()
    colleague.goto(chat.agents_path)
    write_many(colleague, ["Good morning"])
    expect(row_of(page, chat)).to_have_count(0)
    say(customer, "Thank you")
    expect(row_of(page, chat)).to_be_visible()
    colleague.get_by_role("button", name="Mark as solved").click()
    expect(row_of(page, chat)).to_have_count(0)


def test_whoever_is_on_a_row_that_leaves_is_on_the_next(
    desk: Page, chat: Chat, customer: Page, product: Product, new_page: NewPage
) -> None:
    page = waiting_tab(desk)
    say(customer, "Is anybody there?")
    expect(row_of(page, chat)).to_be_visible()
    later = order_chat(product)
    say(enter(new_page(), later.link), "Me too")
    expect(row_of(page, later)).to_be_visible()
    row_of(page, chat).focus()
    colleague = page.context.new_page()
    colleague.goto(chat.agents_path)
    write_many(colleague, ["Good morning"])
    expect(row_of(page, later)).to_be_focused()


def test_the_last_answer_leaves_a_sentence_and_the_focus_on_the_tab(desk: Page, chat: Chat, customer: Page) -> None:
    page = waiting_tab(desk)
    say(customer, "Is anybody there?")
    expect(row_of(page, chat)).to_be_visible()
    row_of(page, chat).focus()
    answer_everybody(page)
    expect(page.locator("#nobody")).to_contain_text("Last answered just now.")
    expect(page.get_by_role("link", name="Waiting (0)")).to_be_focused()
    page.reload()
    expect(page.locator("#nobody")).to_contain_text("Last answered just now.")
    say(customer, "Thank you")
    expect(row_of(page, chat)).to_be_visible()
    expect(page.locator("#nobody")).to_be_hidden()


@pytest.mark.parametrize("is_script_on", [True, False])
def test_the_tabs_by_keyboard_alone(desk: Page, new_page: NewPage, chat: Chat, customer: Page, is_script_on: bool) -> None:
    # The server shows fifty at first, and other tests leave more customers than that who wait.
    answer_everybody(desk)
    say(customer, "Is anybody there?")
    expect_sent(customer)
    page = new_page(java_script_enabled=is_script_on)
    log_in(page, "agent", onward="/inbox/")
    tab = page.get_by_role("link", name=re.compile("^Waiting"))
    tab.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/inbox/?show=waiting")
    expect(tab).to_have_attribute("aria-current", "page")
    expect(row_of(page, chat)).to_contain_text("Is anybody there?")
    all_of_them = page.get_by_role("link", name=re.compile("^All"))
    all_of_them.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/inbox/")
    expect(all_of_them).to_have_attribute("aria-current", "page")
    expect(row_of(page, chat)).to_be_visible()


# Ten chats at once


def test_what_was_read_in_another_tab_is_no_longer_unread(desk: Page, chat: Chat, customer: Page) -> None:
    say(customer, "Is anybody there?")
    expect(row_of(desk, chat).locator(".count")).to_contain_text("1")
    tab = desk.context.new_page()
    tab.goto(chat.agents_path)
    expect(row_of(desk, chat).locator(".count")).to_have_count(0)
    expect(row_of(desk, chat)).to_contain_text("Is anybody there?")


def test_beside_one_talk_an_agent_sees_how_many_others_wait(chat: Chat, customer: Page, product: Product, new_page: NewPage) -> None:
    agent = new_page()
    log_in(agent, "agent", onward=chat.agents_path)
    back = agent.get_by_role("link", name="Inbox")
    before = waiting_beside(agent)
    say(customer, "I do not count here")
    other = enter(new_page(), order_chat(product).link)
    say(other, "Is anybody there?")
    expect(back).to_have_accessible_name(f"Inbox {said(before + 1)}")
    colleague = agent.context.new_page()
    colleague.goto(other.url.replace("/chat/" + other.url.split("/")[-3], "/chat/agent"))
    write_many(colleague, ["Good morning"])
    expect(back).to_have_accessible_name(f"Inbox {said(before)}".strip())


def test_between_talks_neither_the_tab_nor_a_draft_is_lost(chat: Chat, customer: Page, product: Product, desk: Page) -> None:
    other = order_chat(product)
    say(customer, "Is anybody there?")
    desk.get_by_role("link", name="Waiting").click()
    row_of(desk, chat).click()
    field = desk.get_by_role("textbox", name="Your message")
    field.fill("Half an answer")
    desk.get_by_role("link", name="Inbox").click()
    expect(desk).to_have_url(re.compile(r"/inbox/\?show=waiting$"))
    desk.goto(other.agents_path)
    expect(field).to_have_value("")
    desk.goto("/inbox/?show=waiting")
    row_of(desk, chat).click()
    expect(field).to_have_value("Half an answer")


def waiting_beside(agent: Page) -> int:
    """How many others wait, as the server counted."""
    badge = agent.locator("#others > [aria-hidden]")
    return int(badge.text_content() or "") if agent.locator("#others").is_visible() else 0


def said(count: int) -> str:
    """In words."""
    return "" if not count else "1 other customer is waiting" if count == 1 else f"{count} other customers are waiting"


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_conversation_is_found_by_its_orders_number(product: Product, chat: Chat, new_page: NewPage, has_scripts: bool) -> None:
    order_chat(product)
    desk = new_page(java_script_enabled=has_scripts)
    log_in(desk, "agent", onward="/inbox/")
    field = desk.get_by_role("searchbox", name="Name, mail address or order number")
    field.fill(str(chat.number))
    field.press("Enter")
    desk.wait_for_url("**/inbox/?q=*")
    expect(desk.locator("#waiters a")).to_have_count(1)
    expect(row_of(desk, chat)).to_be_visible()
    expect(field).to_have_value(str(chat.number))


def test_what_was_found_stays_alone_and_alive_while_others_write(product: Product, chat: Chat, customer: Page, new_page: NewPage) -> None:
    other = order_chat(product)
    others = enter(new_page(), other.link)
    desk = new_page()
    log_in(desk, "agent", onward="/inbox/")
    desk.goto(f"/inbox/?q={chat.username}")
    expect(desk.locator("#summary")).not_to_be_empty()
    say(others, "I am somebody else")
    expect_sent(others)
    say(customer, "It is me")
    expect(row_of(desk, chat)).to_contain_text("It is me", timeout=20_000)
    expect(desk.locator("#waiters a")).to_have_count(1)
    desk.reload()
    expect(desk.locator("#waiters a")).to_have_count(1)


def test_nothing_found_is_said_and_stays_said(chat: Chat, new_page: NewPage) -> None:
    desk = new_page()
    log_in(desk, "agent", onward="/inbox/")
    desk.goto("/inbox/?q=nobody-of-that-name")
    expect(desk.locator("#summary")).not_to_be_empty()
    expect(desk.get_by_text("No conversation is found for “nobody-of-that-name”.")).to_be_visible()
    expect(desk.locator("#waiters a")).to_have_count(0)
