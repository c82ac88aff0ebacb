"""The chat page as its reader has it before them: what comes in, what goes out, and where the eye was."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.chats import Chat, bubble, enter, expect_sent, page_data, recorded, refuse_messages, say, set_status, write_many
from tests.e2e.test_story import log_in
from tests.running import wait_for

NewPage = Callable[..., Page]


@pytest.fixture
def agent(new_page: NewPage, chat: Chat) -> Page:
    """The agent in this conversation."""
    page = new_page()
    log_in(page, "agent", onward=chat.agents_path)
    return page


# What can't be sent


def refused(page: Page, text: str) -> None:
    """The product itself refuses the line: another client has used its key for other words."""
    events, csrf = (page_data(page)[name] for name in ("urls", "csrf"))
    key = "0" * 32
    body = {"type": "message", "body": {"message_type": "text", "text": "First"}, "client_key": key}
    page.request.post(events["events"], data=body, headers={"X-CSRFToken": csrf})
    page.evaluate("(key) => { crypto.randomUUID = () => key; }", key)
    say(page, text)
    page.evaluate("() => { delete crypto.randomUUID; }")
    expect(bubble(page, text).locator(".fate")).to_contain_text("Not sent: This client key was used for another message.")


def test_a_refused_line_says_why_and_can_be_edited(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    refused(page, "Second")
    bubble(page, "Second").get_by_role("button", name="Edit").click()
    expect(bubble(page, "Second")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Your message")).to_have_value("Second")
    expect(page.get_by_role("textbox", name="Your message")).to_be_focused()
    page.keyboard.type(", better")
    page.keyboard.press("Enter")
    expect(bubble(page, "Second, better")).to_be_visible()
    expect_sent(page)
    assert recorded(page) == ["First", "Second, better"]


def test_a_refused_line_can_be_discarded_for_good(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    refused(page, "Second")
    page.reload()
    expect(bubble(page, "Second").locator(".fate")).to_contain_text("Not sent: This client key was used for another message.")
    bubble(page, "Second").get_by_role("button", name="Discard").click()
    expect(bubble(page, "Second")).to_have_count(0)
    page.reload()
    expect(bubble(page, "First")).to_be_visible()
    expect(bubble(page, "Second")).to_have_count(0)


def test_retry_sends_once_however_often_it_is_pressed(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(expects=re.compile("400")), chat.link)
    refuse_messages(page)
    say(page, "Twice?")
    retry = bubble(page, "Twice?").get_by_role("button", name="Retry")
    expect(retry).to_be_visible()
    page.unroute_all()
    retry.evaluate("(button) => { button.click(); button.click(); button.click(); }")
    expect_sent(page)
    expect(bubble(page, "Twice?")).to_have_count(1)
    assert recorded(page) == ["Twice?"]


# Two tabs, two devices


def on_another_device(page: Page, new_page: NewPage, **options: object) -> Page:
    """The same person's page in another browser, that is let in already."""
    other = new_page(storage_state=page.context.storage_state(), **options)
    other.goto(page.url)
    expect(other.get_by_role("log")).to_be_visible()
    return other


def test_two_tabs_and_two_devices_stay_in_step(chat: Chat, agent: Page, new_page: NewPage) -> None:
    tab = enter(new_page(), chat.link)
    other_tab = enter(tab.context.new_page(), chat.link)
    phone = on_another_device(tab, new_page, width=390, height=844)
    say(tab, "From the first tab")
    expect(bubble(phone, "From the first tab")).to_be_visible()
    say(phone, "From the phone")
    expect(bubble(other_tab, "From the phone")).to_be_visible()
    say(other_tab, "From the second tab")
    expect(bubble(tab, "From the second tab")).to_be_visible()
    say(agent, "I read you all")
    lines = ["From the first tab", "From the phone", "From the second tab", "I read you all"]
    for page in (tab, other_tab, phone, agent):
        expect(page.locator(".message .bubble")).to_have_text(lines)
    for page in (tab, other_tab, phone):
        expect(page.locator(".message.mine")).to_have_count(3)
    expect(agent.locator(".message.mine .fate")).to_have_text(re.compile("Seen"))


def test_typing_is_shown_to_the_other_and_seen_once_they_looked(chat: Chat, agent: Page, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    say(page, "Hello")
    expect(page.locator(".message.mine .fate")).to_have_text(re.compile(r"Seen \d\d:\d\d"))
    agent.get_by_role("textbox", name="Your message").press_sequentially("Good")
    expect(page.locator("#typing")).to_have_text("Maria is typing…")
    agent.get_by_role("textbox", name="Your message").press("Enter")
    expect(bubble(page, "Good")).to_be_visible()
    expect(page.locator("#typing")).to_be_empty()


# Where the eye is


@pytest.fixture
def long_talk(chat: Chat, new_page: NewPage) -> Page:
    """The customer's page with more than one page of history."""
    page = enter(new_page(width=390, height=700), chat.link)
    write_many(page, [f"Line {number}" for number in range(1, 81)])
    page.reload()
    expect(bubble(page, "Line 80")).to_be_in_viewport()
    return page


def test_new_messages_are_offered_instead_of_jumping(long_talk: Page, agent: Page) -> None:
    page = long_talk
    bubble(page, "Line 60").scroll_into_view_if_needed()
    before = top_of(bubble(page, "Line 60"))
    say(agent, "One", "Two", "Three")
    pill = page.get_by_role("button", name="3 new messages")
    expect(pill).to_be_visible()
    assert abs(top_of(bubble(page, "Line 60")) - before) <= 1
    expect(agent.locator(".message.mine .fate").last).to_have_text("Sent")
    pill.click()
    expect(bubble(page, "Three")).to_be_in_viewport()
    expect(pill).to_have_count(0)
    expect(page.locator(".fresh + .message")).to_contain_text("One")
    expect(agent.locator(".message.mine .fate").last).to_have_text(re.compile("Seen"))


def top_of(row: Locator) -> float:
    """How far down the window its words begin, in pixels."""
    box = row.locator(".bubble").bounding_box()
    assert box
    return box["y"]


def test_loading_older_messages_keeps_the_line_under_the_eye(long_talk: Page) -> None:
    page = long_talk
    held: list[Route] = []
    page.route("**/events/**before=**", lambda route: held.append(route))
    page.locator("#log").evaluate("(log) => { log.scrollTop = -log.scrollHeight; }")
    wait_for(lambda: page.evaluate("1") and held, "the question for older messages")
    text = page.locator(".message .bubble").first.inner_text()
    before = top_of(bubble(page, text))
    held[0].continue_()
    expect(bubble(page, "Line 1")).to_have_count(1)
    assert abs(top_of(bubble(page, text)) - before) <= 1


def test_one_comes_back_to_where_the_unread_messages_begin(chat: Chat, agent: Page, new_page: NewPage) -> None:
    page = enter(new_page(width=390, height=700), chat.link)
    say(page, "Hello")
    expect_sent(page)
    address = page.url
    page.goto("about:blank")
    write_many(agent, [f"Answer {number}" for number in range(1, 31)])
    page.goto(address)
    expect(page.locator(".fresh")).to_be_in_viewport()
    expect(bubble(page, "Answer 1")).to_be_in_viewport()
    expect(bubble(page, "Answer 30")).not_to_be_in_viewport()


# Writing


def test_enter_that_chooses_a_chinese_word_sends_nothing(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    ime = page.context.new_cdp_session(page)
    field = page.get_by_role("textbox", name="Your message")
    field.focus()
    ime.send("Input.imeSetComposition", {"text": "dingdan", "selectionStart": 7, "selectionEnd": 7})
    prevented = field.evaluate(
        """(field) => ({ isComposing: true }, [
             new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }),
             new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true }),
           ].map((event) => !field.dispatchEvent(event)))"""
    )
    assert prevented == [False, False]
    ime.send("Input.insertText", {"text": "订单"})
    expect(field).to_have_value("订单")
    expect(page.locator(".message")).to_have_count(0)
    field.press("Enter")
    expect_sent(page)
    assert recorded(page) == ["订单"]


def test_shift_enter_breaks_the_line_and_on_a_touch_screen_enter_does(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    field = page.get_by_role("textbox", name="Your message")
    field.press_sequentially("One")
    field.press("Shift+Enter")
    expect(field).to_have_value("One\n")
    phone = on_another_device(page, new_page, width=390, height=844, has_touch=True, is_mobile=True)
    field = phone.get_by_role("textbox", name="Your message")
    field.press_sequentially("One")
    field.press("Enter")
    expect(field).to_have_value("One\n")


def test_a_draft_survives_a_reload(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    field = page.get_by_role("textbox", name="Your message")
    field.fill("Half a sen")
    page.reload()
    expect(field).to_have_value("Half a sen")
    field.press("Enter")
    expect_sent(page)
    page.reload()
    expect(bubble(page, "Half a sen")).to_be_visible()
    expect(field).to_have_value("")


def test_a_line_that_is_too_long_is_counted_and_kept(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    field = page.get_by_role("textbox", name="Your message")
    field.fill("x" * 8001)
    expect(page.locator("#counter")).to_have_text("8001 / 8000")
    field.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="This is too long. Please shorten it to 8000 characters.")).to_be_visible()
    expect(field).to_have_value("x" * 8001)
    field.fill("short")
    expect(page.locator("#alert")).to_be_empty()


LINKS = "https://example.com/a?b=1&c=2. javascript:alert(1) data:text/html,x https://bank.example@evil.example/ <a href='https://x.example'>x</a>"


def test_only_safe_addresses_become_links(chat: Chat, agent: Page, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    say(agent, LINKS)
    links = page.locator(".bubble a")
    expect(links).to_have_count(2)
    found = links.evaluate_all("(links) => links.map(({ href, rel, target }) => [href, rel, target])")
    rel = "noopener noreferrer nofollow"
    assert found == [["https://example.com/a?b=1&c=2", rel, "_blank"], ["https://x.example/", rel, "_blank"]]
    expect(page.locator(".bubble")).to_have_text(LINKS)


# Orders


def test_an_order_and_its_changes_appear_by_themselves(chat: Chat, agent: Page, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    second = chat.again()
    expect(page.locator(".event-card", has_text=f"Order {second.number}")).to_be_visible()
    expect(page.locator(".history a", has_text=f"Order {second.number}")).to_be_visible()
    set_status(chat, "shipped")
    for side in (page, agent):
        expect(side.locator(".system", has_text=f"Order {chat.number} is now shipped")).to_be_visible()
        expect(side.locator(".order-card .state")).to_have_text("shipped")


def test_a_message_keeps_the_state_that_its_order_had_when_it_was_written(chat: Chat, agent: Page, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    say(page, "May I still change it?")
    expect_sent(page)
    expect(bubble(page, "May I still change it?").locator(".chip")).to_have_text(f"Order {chat.number} · placed")
    set_status(chat, "cancelled")
    pinned = f"Order {chat.number}: was placed, $4.99 when written; now cancelled"
    for side in (page, agent):
        expect(bubble(side, "May I still change it?").locator(".chip")).to_have_text(pinned)
    say(page, "What a pity.")
    expect(bubble(page, "What a pity.").locator(".chip")).to_have_text(f"Order {chat.number} · cancelled")
    for side in (page, agent):
        side.reload()
        expect(bubble(side, "May I still change it?").locator(".chip")).to_have_text(pinned)


def test_each_link_pins_what_is_written_to_its_own_order(chat: Chat, agent: Page, new_page: NewPage) -> None:
    second = chat.again()
    page = enter(new_page(), chat.link)
    say(page, "About the first")
    enter(page, second.link)
    say(page, "About the second")
    for side in (page, agent):
        expect(bubble(side, "About the first").locator(".chip")).to_contain_text(f"Order {chat.number}")
        expect(bubble(side, "About the second").locator(".chip")).to_contain_text(f"Order {second.number}")


def test_the_talk_can_be_narrowed_to_this_order_and_nothing_new_is_missed(chat: Chat, agent: Page, new_page: NewPage) -> None:
    expect(agent.get_by_role("group", name="Show")).to_have_count(0)
    second = chat.again()
    page = enter(new_page(), chat.link)
    say(page, "About the first")
    enter(page, second.link)
    say(page, "About the second")
    expect(page.locator(".message .bubble")).to_have_text(["About the first", "About the second"])
    page.get_by_role("button", name="This order").click()
    expect(page.locator(".message .bubble")).to_have_text(["About the second"])
    expect(page.locator(".event-card")).to_have_count(1)
    say(agent, "An answer about the first")
    everything = page.get_by_role("button", name="Everything")
    expect(everything).to_have_text("Everything · 1 new message")
    expect(page.locator(".message .bubble")).to_have_text(["About the second"])
    expect(agent.locator(".message.mine .fate")).to_have_text("Sent")
    everything.click()
    expect(page.locator(".message .bubble")).to_have_text(["About the first", "About the second", "An answer about the first"])
    expect(everything).to_have_text("Everything")
    expect(agent.locator(".message.mine .fate")).to_have_text(re.compile("Seen"))
