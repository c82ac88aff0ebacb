"""The chat page as its reader has it before them: what comes in, what goes out, and where the eye was."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.addresses import CASES
from tests.e2e.chats import (
    ZONE,
    Chat,
    bubble,
    enter,
    expect_sent,
    page_data,
    recorded,
    refuse_messages,
    same_person,
    say,
    set_status,
    write_many,
    yesterday,
)
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
    key = "0-0-0-0"
    body = {"type": "message", "body": {"message_type": "text", "text": "First"}, "client_key": key}
    page.request.post(events["events"], data=body, headers={"X-CSRFToken": csrf})
    # Before the next line has its key: whatever the log has under it counts as sent.
    expect(bubble(page, "First")).to_be_visible()
    page.evaluate("() => { crypto.getRandomValues = (numbers) => numbers.fill(0); }")
    say(page, text)
    page.evaluate("() => { delete crypto.getRandomValues; }")
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


# Before the scripts come


def before_scripts(page: Page) -> list[Route]:
    """The page once more, as the server wrote it; its scripts wait for `let_come`."""
    held: list[Route] = []
    page.route("**/conversation*.js", lambda route: held.append(route))
    page.reload(wait_until="commit")
    wait_for(lambda: page.evaluate("document.readyState") == "interactive" and held, "the page without its scripts")
    return held


def let_come(page: Page, held: list[Route]) -> None:
    """And they have done all that they do at first."""
    for route in held:
        route.continue_()
    expect(page.get_by_role("log")).to_be_visible()


def test_who_began_before_the_scripts_came_goes_on_where_they_are(chat: Chat, agent: Page, new_page: NewPage) -> None:
    page = enter(new_page(width=390, height=844), chat.link)
    write_many(agent, [f"Line {number}" for number in range(1, 31)])
    held = before_scripts(page)
    page.locator("#log").evaluate("(log) => { log.scrollTop = -700; }")
    place = bubble(page, "Line 20").bounding_box()
    field = page.get_by_role("textbox", name="Your message")
    field.press_sequentially("Half a sen")
    let_come(page, held)
    expect(field).to_be_focused()
    expect(field).to_have_value("Half a sen")
    # A word of the line, "Connecting…", takes room of its own for a moment.
    wait_for(lambda: bubble(page, "Line 20").bounding_box() == place, "the line to be where it was")


def test_the_focus_stays_where_it_was_before_the_scripts_came(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    held = before_scripts(page)
    page.get_by_role("link", name="Change").focus()
    let_come(page, held)
    expect(page.get_by_role("link", name="Change")).to_be_focused()


def test_an_order_that_was_opened_before_the_scripts_came_stays_open(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(width=390, height=844), chat.link)
    held = before_scripts(page)
    page.locator("summary.order-bar").click()
    let_come(page, held)
    expect(page.locator("summary.order-bar")).to_be_focused()
    expect(page.get_by_role("region", name="Current order")).to_be_visible()


def test_what_was_typed_before_the_scripts_came_is_kept_as_a_draft(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    held = before_scripts(page)
    field = page.get_by_role("textbox", name="Your message")
    field.press_sequentially("Half a sen")
    let_come(page, held)
    page.unroute_all()
    page.reload()
    expect(field).to_have_value("Half a sen")


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
    page = enter(new_page(timezone_id=ZONE), chat.link)
    say(page, "Hello")
    expect(page.locator(".message.mine .fate")).to_have_text(re.compile(r"Seen \d\d:\d\d"))
    field = agent.get_by_role("textbox", name="Your message")

    def types() -> bool:
        # Whoever is not live yet hears nothing of it.
        field.press_sequentially("so ")
        return page.locator("#typing").text_content() == "Maria is typing…"

    wait_for(types, "the word that somebody types")
    field.fill("Good")
    field.press("Enter")
    expect(bubble(page, "Good")).to_be_visible()
    expect(page.locator("#typing")).to_be_empty()


def test_when_my_last_words_were_seen_is_still_known_after_a_reload(chat: Chat, agent: Page, new_page: NewPage) -> None:
    page = enter(new_page(timezone_id=ZONE), chat.link)
    say(page, "Hello")
    fate = page.locator(".message.mine .fate")
    expect(fate).to_have_text(re.compile(r"Seen \d\d:\d\d"))
    told = fate.text_content()
    set_status(chat, "shipped")
    expect(agent.get_by_text("is now").last).to_be_visible()
    page.clock.set_fixed_time(datetime.now(UTC) + timedelta(minutes=7))
    page.reload()
    expect(page.get_by_role("log")).to_be_visible()
    expect(fate).to_have_text(str(told))
    without_scripts = same_person(new_page(java_script_enabled=False), page)
    without_scripts.goto(page.url)
    expect(without_scripts.locator(".message.mine .fate")).to_have_text(str(told))


def test_an_agent_who_comes_later_is_known_to_have_seen_it(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(timezone_id=ZONE), chat.link)
    say(page, "Is anybody there?")
    expect(page.locator(".message.mine .fate")).to_have_text("Sent")
    log_in(new_page(), "agent", onward=chat.agents_path)
    expect(page.locator(".message.mine .fate")).to_have_text(re.compile(r"Seen \d\d:\d\d"))


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


def test_the_line_above_what_is_new_moves_up_with_older_pages_and_the_way_down_is_offered(
    chat: Chat, agent: Page, new_page: NewPage
) -> None:
    page = enter(new_page(width=390, height=700), chat.link)
    say(page, "Hello")
    expect_sent(page)
    address = page.url
    page.goto("about:blank")
    write_many(agent, [f"Answer {number}" for number in range(1, 56)])
    page.goto(address)
    expect(page.get_by_role("button", name=re.compile("^5. new messages$"))).to_be_visible()
    page.locator("#log").evaluate("(log) => { log.scrollTop = -log.scrollHeight; }")
    expect(page.locator(".fresh + .message .bubble")).to_have_text("Answer 1")
    expect(page.locator(".fresh")).to_have_count(1)


def test_a_page_left_open_past_midnight_calls_the_day_before_yesterday(chat: Chat, new_page: NewPage) -> None:
    page = new_page(timezone_id=ZONE)
    page.clock.install()
    say(enter(page, chat.link), "Good night")
    expect_sent(page)
    days = page.locator(".day")
    expect(days).to_have_text(["Today"])
    page.clock.fast_forward(24 * 60 * 60 * 1000)
    expect(days).to_have_text(["Yesterday"])


def test_right_after_the_night_in_which_clocks_go_forward_yesterday_is_one_day_ago(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(timezone_id="Europe/Berlin"), chat.link)
    named = page.evaluate(
        """async () => {
          const { dayName } = await import(document.querySelector("link[href*='chat/words.']").href);
          // Half past midnight, after a Sunday of 23 hours.
          const now = Date.parse("2027-03-28T22:30Z");
          return ["2027-03-27T20:00Z", "2027-03-28T12:00Z", "2027-03-28T22:10Z"].map((when) => dayName(when, now));
        }"""
    )
    assert named == ["Saturday, March 27, 2027", "Yesterday", "Today"]


def test_a_line_of_an_earlier_day_that_was_not_sent_stands_last_under_today(chat: Chat, new_page: NewPage) -> None:
    page = new_page(expects=re.compile("status of 400"), timezone_id=ZONE)
    page.clock.install(time=datetime.now(UTC) - timedelta(days=2))
    refuse_messages(enter(page, chat.link))
    say(page, "From the day before")
    expect(bubble(page, "From the day before").locator(".fate")).to_contain_text("Not sent")
    page.clock.set_system_time(datetime.now(UTC))
    page.reload()
    expect(bubble(page, "From the day before")).to_be_visible()
    expect(page.locator(".day")).to_have_text(["Today"])


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


def test_what_nobody_sees_is_no_message(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    field = page.get_by_role("textbox", name="Your message")
    field.fill("\u200b \u2060")
    field.press("Enter")
    expect(field).to_have_value("\u200b \u2060")
    field.fill("👩\u200d👧")
    field.press("Enter")
    expect_sent(page)
    assert recorded(page) == ["👩\u200d👧"]


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


@pytest.mark.parametrize("has_scripts", [True, False])
def test_an_address_ends_where_a_reader_would_end_it(chat: Chat, new_page: NewPage, has_scripts: bool) -> None:
    writer = enter(new_page(), chat.link)
    write_many(writer, [text for text, _links in CASES])
    page = same_person(new_page(java_script_enabled=has_scripts), writer)
    page.goto(writer.url)
    expect(page.get_by_role("log") if has_scripts else page.get_by_role("link", name="Show new messages")).to_be_visible()
    bubbles = page.locator(".bubble")
    expect(bubbles).to_have_text([re.compile(re.escape(text.strip())) for text, _links in CASES])
    found = [[[link.get_attribute("href"), link.get_attribute("title") or ""] for link in one.locator("a").all()] for one in bubbles.all()]
    assert found == [[list(link) for link in links] for _text, links in CASES]
    expect(page.locator(".bubble a").first).to_have_css("unicode-bidi", "isolate")


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
    pinned = f"Order {chat.number}: placed, $4.99 when written, now cancelled"
    for side in (page, agent):
        expect(bubble(side, "May I still change it?").locator(".chip")).to_have_text(pinned)
    say(page, "What a pity.")
    expect(bubble(page, "What a pity.").locator(".chip")).to_have_text(f"Order {chat.number} · cancelled")
    for side in (page, agent):
        side.reload()
        expect(bubble(side, "May I still change it?").locator(".chip")).to_have_text(pinned)


def test_a_new_day_says_again_neither_with_scripts_nor_without_which_order_it_is(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(timezone_id=ZONE), chat.link)
    with page.expect_response("**/language"):
        say(page, "Yesterday")
    expect_sent(page)
    yesterday(chat)
    say(page, "Today")
    expect_sent(page)
    plain = same_person(new_page(java_script_enabled=False), page)
    plain.goto(page.url)
    page.reload()
    expect(page.get_by_role("log")).to_be_visible()
    for side in (page, plain):
        expect(side.locator(".day")).to_have_text(["Yesterday", "Today"])
        expect(side.locator(".message .chip")).to_have_text([f"Order {chat.number} · placed"])


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
    expect(page.locator("#told")).to_have_text("1 new message")
    expect(page.locator("#spoken")).to_be_empty()
    expect(page.locator(".message .bubble")).to_have_text(["About the second"])
    expect(agent.locator(".message.mine .fate")).to_have_text("Sent")
    everything.click()
    expect(page.locator(".message .bubble")).to_have_text(["About the first", "About the second", "An answer about the first"])
    expect(everything).to_have_text("Everything")
    expect(agent.locator(".message.mine .fate")).to_have_text(re.compile("Seen"))


def test_what_is_hidden_by_this_order_stays_unseen_however_often_it_is_pressed(chat: Chat, agent: Page, new_page: NewPage) -> None:
    second = chat.again()
    page = enter(new_page(), chat.link)
    say(page, "About the first")
    enter(page, second.link)
    this_order = page.get_by_role("button", name="This order")
    this_order.click()
    say(agent, "An answer about the first")
    everything = page.get_by_role("button", name="Everything")
    expect(everything).to_have_text("Everything · 1 new message")
    this_order.click()
    expect(everything).to_have_text("Everything · 1 new message")
    # The other order's talk has it; back here, it is out of sight again.
    page.locator(f".history [data-order='{chat.number}']").click()
    expect(everything).to_have_text("Everything")
    expect(agent.locator(".message.mine .fate")).to_have_text(re.compile("Seen"))


def test_what_is_hidden_by_this_order_stays_unseen_by_who_writes_below_it(chat: Chat, agent: Page, new_page: NewPage) -> None:
    second = chat.again()
    page = enter(new_page(), chat.link)
    say(page, "About the first")
    enter(page, second.link)
    page.get_by_role("button", name="This order").click()
    say(agent, "An answer about the first")
    everything = page.get_by_role("button", name="Everything")
    expect(everything).to_have_text("Everything · 1 new message")
    say(page, "About the second")
    expect(bubble(agent, "About the second")).to_be_visible()
    expect(agent.locator(".message.mine .fate")).to_have_text("Sent")
    agent.reload()
    expect(agent.locator(".message.mine .fate")).to_have_text("Sent")
    everything.click()
    expect(agent.locator(".message.mine .fate")).to_have_text(re.compile("Seen"))
    expect(everything).to_have_text("Everything")


def test_narrowing_the_talk_counts_what_waits_below_about_another_order(chat: Chat, agent: Page, new_page: NewPage) -> None:
    second = chat.again()
    page = enter(new_page(), chat.link)
    write_many(page, [f"Line {number}" for number in range(1, 31)])
    enter(page, second.link)
    say(page, "About the second")
    page.locator("#log").evaluate("(log) => { log.scrollTop = -600; }")
    say(agent, "An answer about the first")
    expect(page.locator("#newer")).to_have_text("1 new message")
    page.get_by_role("button", name="This order").click()
    expect(bubble(page, "About the second")).to_be_in_viewport()
    everything = page.get_by_role("button", name="Everything")
    expect(everything).to_have_text("Everything · 1 new message")
    expect(agent.locator(".message.mine .fate")).to_have_text("Sent")
    everything.click()
    expect(agent.locator(".message.mine .fate")).to_have_text(re.compile("Seen"))
    expect(everything).to_have_text("Everything")


# Who says what


def test_a_colleagues_line_is_on_our_side_under_their_name(chat: Chat, new_page: NewPage, agent: Page) -> None:
    say(enter(new_page(), chat.link), "Where is it?")
    colleague = new_page()
    log_in(colleague, "staff", onward=chat.agents_path.replace("/agent/", "/staff/"))
    say(colleague, "I look into it.")
    line = bubble(agent, "I look into it.")
    expect(line.locator(".byline b")).to_have_text("Robin Staff")
    expect(line).to_have_css("align-items", "flex-end")
    expect(bubble(agent, "Where is it?")).to_have_css("align-items", "flex-start")
    expect(line).to_have_class(re.compile(r"\bours\b"))
