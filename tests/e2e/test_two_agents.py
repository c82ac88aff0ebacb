"""Two agents at one customer: each knows of the other, and no answer crosses a colleague's that its writer had not seen."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import axe
from tests.e2e.chats import Chat, bubble, expect_sent, recorded, say
from tests.e2e.test_bad_network import KEPT, UNREACHABLE
from tests.e2e.test_story import log_in
from tests.e2e.wire import Wire
from tests.running import wait_for

NewPage = Callable[..., Page]
# Chromium notes every answer of 4xx in its console, and what the cut line refuses.
REFUSED = re.compile(f"409|{UNREACHABLE.pattern}")
REASON = "Not sent: Robin Staff has answered meanwhile."


def open_as(page: Page, name: str, chat: Chat) -> Page:
    """That agent opens the conversation."""
    log_in(page, name, onward=f"/chat/{name}/{chat.conversation}/{chat.number}")
    expect(page.get_by_role("log")).to_be_visible()
    return page


@pytest.fixture
def colleague(new_page: NewPage, customer: Page, chat: Chat) -> Page:
    """The faster one."""
    return open_as(new_page(), "staff", chat)


@pytest.fixture
def agent(new_page: NewPage, customer: Page, chat: Chat, wire: Wire) -> Page:
    """The slower one, whose line can be cut."""
    page = open_as(new_page(expects=REFUSED), "agent", chat)
    page.goto(f"{wire.url}{chat.agents_path}")
    expect(page.get_by_role("log")).to_be_visible()
    return page


def cross(agent: Page, colleague: Page, wire: Wire) -> None:
    """The agent's line breaks, they answer, the colleague is faster, and the line is there again."""
    wire.cut()
    expect(agent.locator("#link-state")).to_have_text(KEPT)
    say(agent, "It left today.")
    say(colleague, "It is lost.")
    expect_sent(colleague)
    wire.mend()
    agent.evaluate("dispatchEvent(new Event('online'))")
    expect(bubble(agent, "It is lost.")).to_be_visible()
    expect(bubble(agent, "It left today.").locator(".why")).to_have_text(REASON)


def test_what_was_written_before_a_colleagues_answer_was_read_waits_for_a_decision(
    agent: Page, colleague: Page, customer: Page, wire: Wire
) -> None:
    cross(agent, colleague, wire)
    agent.reload()
    expect(bubble(agent, "It left today.").locator(".why")).to_have_text(REASON)
    assert recorded(colleague) == ["Where is it?", "It is lost."]
    bubble(agent, "It left today.").get_by_role("button", name="Retry").click()
    expect_sent(agent)
    expect(customer.locator(".message.theirs .bubble")).to_have_text(["It is lost.", "It left today."])


def test_it_can_be_dropped_and_what_is_written_next_is_sent(agent: Page, colleague: Page, wire: Wire) -> None:
    cross(agent, colleague, wire)
    bubble(agent, "It left today.").get_by_role("button", name="Discard").click()
    say(agent, "I am sorry.")
    expect_sent(agent)
    assert recorded(colleague) == ["Where is it?", "It is lost.", "I am sorry."]


def test_what_is_seen_of_a_colleague_and_said_after_it_is_sent(agent: Page, colleague: Page) -> None:
    for page, text in ((colleague, "It is lost."), (agent, "I am sorry."), (colleague, "We send another.")):
        say(page, text)
        expect_sent(page)
        for other in (agent, colleague):
            expect(bubble(other, text)).to_be_visible()
    assert recorded(agent) == ["Where is it?", "It is lost.", "I am sorry.", "We send another."]


# --- Who is here too ---------------------------------------------------------------------------------------------------


def test_each_sees_that_the_other_is_here_until_they_leave(agent: Page, colleague: Page, customer: Page, chat: Chat) -> None:
    expect(agent.locator("#here")).to_have_text("Robin Staff is here too")
    expect(colleague.locator("#here")).to_have_text("Maria is here too")
    colleague.goto("/inbox/")
    expect(agent.locator("#here")).to_be_empty()
    assert ("here too" in customer.content(), loaded(customer), loaded(agent)) == (False, [], ["others", "readers"])


def loaded(page: Page) -> list[str]:
    """Which of the modules that customers have no use for were asked for."""
    names: str = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name).join()")
    return [name for name in ("others", "readers") if f"/{name}." in names]


def test_who_types_is_said_in_the_same_place(agent: Page, colleague: Page) -> None:
    expect(agent.locator("#here")).to_have_text("Robin Staff is here too")
    before = line_above_the_field(agent)

    def types() -> bool:
        # Whoever is not live yet is not heard; and the word for it goes after five seconds.
        colleague.get_by_role("textbox", name="Your message").press_sequentially("so ")
        return line_above_the_field(agent) == before | {"said": ["Robin Staff is typing…"]}

    wait_for(types, "the word that somebody types, in the place of who is here")


def line_above_the_field(page: Page) -> dict[str, Any]:
    """What is said of others, and where the field is, in one look."""
    found: dict[str, Any] = page.evaluate(
        """() => {
             const [line, field] = ["#typing, #here", "#text"].map((parts) => [...document.querySelectorAll(parts)]);
             const shown = line.filter((part) => part.textContent && part.checkVisibility({ visibilityProperty: true }));
             return { said: shown.map((part) => part.textContent), top: field[0].getBoundingClientRect().top };
           }"""
    )
    return found


def test_a_page_that_nobody_sees_is_nobody(agent: Page, colleague: Page) -> None:
    expect(agent.locator("#here")).to_have_text("Robin Staff is here too")
    show(colleague, is_hidden=True)
    expect(agent.locator("#here")).to_be_empty()
    show(colleague, is_hidden=False)
    expect(agent.locator("#here")).to_have_text("Robin Staff is here too")


def show(page: Page, *, is_hidden: bool) -> None:
    """The tab goes to the back, or comes to the front."""
    page.evaluate(
        """(isHidden) => {
             Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
             document.dispatchEvent(new Event("visibilitychange"));
           }""",
        is_hidden,
    )


def test_two_tabs_of_one_agent_are_one_person_and_nobody_to_themselves(agent: Page, colleague: Page) -> None:
    second = colleague.context.new_page()
    second.goto(colleague.url)
    expect(second.locator("#here")).to_have_text("Maria is here too")
    expect(agent.locator("#here")).to_have_text("Robin Staff is here too")
    colleague.close()
    say(second, "It is lost.")
    expect(bubble(agent, "It is lost.")).to_be_visible()
    expect(agent.locator("#here")).to_have_text("Robin Staff is here too")


def test_the_inbox_shows_who_reads_a_conversation(new_page: NewPage, colleague: Page, chat: Chat) -> None:
    inbox = new_page()
    log_in(inbox, "agent", onward="/inbox/")
    reading = inbox.locator(f"#waiters a[href='{chat.agents_path}'] .reading")
    expect(reading).to_have_text("Robin Staff is reading this")
    colleague.goto("about:blank")
    expect(reading).to_have_count(0)


def test_a_socket_that_says_nothing_more_is_forgotten(new_page: NewPage, colleague: Page, customer: Page, chat: Chat) -> None:
    page = new_page(expects=REFUSED)
    page.clock.install()
    open_as(page, "agent", chat)
    expect(page.locator("#here")).to_have_text("Robin Staff is here too")
    page.context.set_offline(True)
    page.clock.run_for(46_000)
    expect(page.locator("#here")).to_be_empty()


def test_axe_finds_nothing_beside_a_colleague(agent: Page, colleague: Page, new_page: NewPage) -> None:
    script = axe.skip_without()
    inbox = new_page()
    log_in(inbox, "agent", onward="/inbox/")
    expect(inbox.locator(".reading").first).to_be_visible()
    expect(agent.locator("#here")).to_have_text("Robin Staff is here too")
    assert (axe.violations(agent, script), axe.violations(inbox, script)) == ([], [])
