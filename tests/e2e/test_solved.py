"""An agent says that it is solved; both see it at once, and the customer's next words undo it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e import axe
from tests.e2e.chats import SOLVE, ZONE, Chat, bubble, expect_sent, make_patient, say
from tests.e2e.test_story import log_in

NewPage = Callable[..., Page]
# Chromium notes every answer of 4xx in its console, and every request that came to nothing.
REFUSED = re.compile("409|ERR_INTERNET_DISCONNECTED")
WAITS = re.compile(r"^just wrote$|^waits \d min$")


@pytest.fixture
def agent(new_page: NewPage, chat: Chat, customer: Page) -> Page:
    """The agent's page, live."""
    page = new_page(expects=REFUSED)
    log_in(page, "agent", onward=chat.agents_path)
    expect(page.get_by_role("log")).to_be_visible()
    return page


def button(page: Page) -> Locator:
    """What the agent presses."""
    return page.get_by_role("button", name=SOLVE)


def test_both_see_it_without_a_reload_and_the_customers_next_words_wait_again(
    new_page: NewPage, chat: Chat, customer: Page, agent: Page
) -> None:
    inbox = new_page(timezone_id=ZONE)
    log_in(inbox, "staff", onward="/inbox/")
    wait = inbox.locator(f"#waiters a[href='/chat/staff/{chat.conversation}/{chat.number}'] .wait")
    expect(wait).to_have_text(WAITS)
    button(agent).click()
    expect(customer.locator(".solved")).to_contain_text("Maria marked this as solved")
    expect(customer.locator(".solved .text")).to_have_text("Not solved yet? Just write.")
    expect(agent.locator(".solved")).to_contain_text("You marked this as solved")
    expect(button(agent)).to_be_hidden()
    expect(wait).to_have_text(re.compile(r"^solved\s*\d\d:\d\d$"))
    say(customer, "Not yet, I am afraid.")
    expect(wait).to_have_text(WAITS)
    expect(button(agent)).to_be_visible()


def test_another_agents_button_goes_with_the_card(new_page: NewPage, chat: Chat, agent: Page) -> None:
    colleague = new_page()
    log_in(colleague, "staff", onward=f"/chat/staff/{chat.conversation}/{chat.number}")
    expect(button(colleague)).to_be_visible()
    button(agent).click()
    expect(colleague.locator(".solved")).to_contain_text("Maria marked this as solved")
    expect(button(colleague)).to_be_hidden()


def test_by_keyboard_alone_and_then_one_can_write(agent: Page) -> None:
    button(agent).focus()
    agent.keyboard.press("Enter")
    expect(agent.locator(".solved")).to_be_visible()
    expect(agent.get_by_role("textbox", name="Your message")).to_be_focused()


def test_without_a_connection_one_is_told_and_tries_again(agent: Page) -> None:
    expect(agent.locator("#link-state")).to_be_empty()
    agent.context.set_offline(True)
    button(agent).click()
    expect(agent.locator("#alert")).to_have_text("This is not marked as solved yet. Please try again.")
    expect(button(agent)).to_be_focused()
    agent.context.set_offline(False)
    button(agent).click()
    expect(agent.locator(".solved")).to_have_count(1)
    expect(agent.locator("#alert")).to_be_empty()


def test_what_has_not_come_in_yet_is_not_solved(agent: Page, customer: Page) -> None:
    agent.route_web_socket("**/ws/**", lambda socket: None)
    make_patient(agent)
    agent.reload()
    expect(agent.get_by_role("log")).to_be_visible()
    say(customer, "And one more thing")
    expect_sent(customer)
    button(agent).click()
    expect(agent.locator("#alert")).to_have_text("The customer has written since. Read that first.")
    expect(agent.locator(".solved")).to_have_count(0)


def test_without_scripts(new_page: NewPage, chat: Chat, customer: Page) -> None:
    page = new_page(java_script_enabled=False)
    log_in(page, "agent", onward=chat.agents_path)
    button(page).click()
    expect(page.locator(".solved")).to_contain_text("You marked this as solved")
    expect(button(page)).to_be_hidden()
    expect(customer.locator(".solved")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_it_is_big_enough_to_touch_and_leaves_the_name_room(agent: Page, width: int) -> None:
    agent.set_viewport_size({"width": width, "height": 700})
    box = button(agent).bounding_box()
    assert box
    assert (box["width"] >= 44, box["height"] >= 44, box["x"] + box["width"] <= width) == (True, True, True)
    assert agent.evaluate("document.documentElement.scrollWidth <= innerWidth && title.clientWidth >= 64")


def test_axe_finds_nothing_beside_the_card(agent: Page, customer: Page) -> None:
    script = axe.skip_without()
    assert axe.violations(agent, script) == []
    button(agent).click()
    expect(customer.locator(".solved")).to_be_visible()
    assert (axe.violations(agent, script), axe.violations(customer, script)) == ([], [])


def test_in_chinese(new_page: NewPage, chat: Chat, customer: Page, agent: Page) -> None:
    button(agent).click()
    expect(bubble(customer, "Where is it?")).to_be_visible()
    customer.get_by_role("button", name="简体中文").click()
    expect(customer.locator(".solved")).to_contain_text("Maria 已将此对话标记为已解决")
    expect(customer.locator(".solved .text")).to_have_text("问题还没解决？直接留言即可。")
