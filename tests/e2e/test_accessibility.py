"""For everybody: axe finds nothing, the keyboard reaches everything, and small, magnified, still and high-contrast screens don't break."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import axe
from tests.e2e.chats import Chat, bubble, enter, expect_sent, order_chat, refuse_messages, say, set_status, write_many
from tests.e2e.test_story import log_in
from tests.running import Product

NewPage = Callable[..., Page]
SCREENS = [(1280, 800, "light"), (1280, 800, "dark"), (390, 844, "light"), (390, 844, "dark")]


@pytest.fixture(scope="module")
def script() -> str:
    """axe-core."""
    return axe.skip_without()


def expect_no_violation(page: Page, script: str) -> None:
    """On every screen that we promise."""
    found = {}
    for width, height, scheme in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        # A button fades into its new colour.
        page.wait_for_function("() => document.getAnimations().every(({ playState }) => playState !== 'running')")
        found[f"{width} {scheme}"] = axe.violations(page, script)
    assert found == {name: [] for name in found}


@pytest.mark.parametrize("path", ["/", "/login/", "/new-link/", "/demo/mailbox/", "/demo/phones/", "/chat/nobody/CON-none/1"])
def test_axe_finds_nothing_on_pages_without_a_login(new_page: NewPage, script: str, path: str) -> None:
    page = new_page(expects=re.compile("404"))
    page.goto(path)
    expect_no_violation(page, script)


def test_axe_finds_nothing_on_the_ways_into_the_chat(new_page: NewPage, chat: Chat, script: str) -> None:
    enter(new_page(), chat.link)
    page = new_page()
    page.goto(chat.link)
    expect_no_violation(page, script)
    page.get_by_role("button", name="Open my order").click()
    expect(page.get_by_role("button", name="Mail me a code")).to_be_visible()
    expect_no_violation(page, script)
    page.get_by_role("button", name="Mail me a code").click()
    page.get_by_label("Enter the code we mailed").wait_for()
    expect_no_violation(page, script)


def test_axe_finds_nothing_on_the_inbox(new_page: NewPage, script: str) -> None:
    page = new_page()
    log_in(page, "agent", onward="/inbox/")
    expect_no_violation(page, script)


def test_axe_finds_nothing_on_a_mail_and_a_refused_login(new_page: NewPage, script: str) -> None:
    page = new_page()
    page.goto("/demo/mailbox/")
    page.locator("a[href^='/demo/mailbox/']").first.click()
    page.wait_for_url(re.compile(r"/demo/mailbox/\d+/"))
    expect_no_violation(page, script)
    page.goto("/login/")
    page.fill("input[name=username]", "agent")
    page.fill("input[name=password]", "wrong")
    page.locator("input[name=password]").press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect_no_violation(page, script)


def test_axe_finds_nothing_in_a_talk_on_either_side(new_page: NewPage, script: str, chat: Chat) -> None:
    customer, agent = enter(new_page(), chat.link), new_page()
    log_in(agent, "agent", onward=chat.agents_path)
    say(customer, "Where is it? https://example.com/parcel")
    say(agent, "On its way.")
    expect(bubble(customer, "On its way.")).to_be_visible()
    customer.locator("#order").evaluate("(order) => { order.open = true; }")
    expect_no_violation(customer, script)
    expect_no_violation(agent, script)


def test_axe_finds_nothing_where_a_line_failed_and_one_is_too_long(new_page: NewPage, script: str, chat: Chat) -> None:
    page = enter(new_page(expects=re.compile("400")), chat.link)
    refuse_messages(page)
    say(page, "Not like this")
    expect(page.locator(".message.failed")).to_be_visible()
    page.get_by_role("textbox").fill("x" * 8001)
    page.get_by_role("textbox").press("Enter")
    expect(page.locator("#alert")).to_contain_text("too long")
    expect_no_violation(page, script)


# By keyboard alone


def press(page: Page, *keys: str) -> None:
    """One key after the other; the focus is never lost."""
    for key in keys:
        page.keyboard.press(key)


def expect_focus(page: Page, selector: str) -> None:
    """It is there, and can be seen."""
    expect(page.locator(selector)).to_be_focused()
    outlines = page.evaluate(
        """() => [document.activeElement, document.activeElement.closest('.field')].filter((node) => node).map((node) => {
             const { outlineStyle, outlineWidth } = getComputedStyle(node);
             return outlineStyle === 'none' ? 0 : parseFloat(outlineWidth);
           })"""
    )
    assert max(outlines) >= 2, f"no visible focus on {selector}"


def tab_to(page: Page, selector: str, *, key: str = "Tab", most: int = 40) -> None:
    """Press Tab until that element has the focus."""
    for _press in range(most):
        page.keyboard.press(key)
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return expect_focus(page, selector)
    raise AssertionError(f"Tab does not lead to {selector}")


def test_an_agent_answers_by_keyboard_alone(new_page: NewPage, chat: Chat) -> None:
    customer = enter(new_page(), chat.link)
    say(customer, "Anybody there?")
    expect_sent(customer)
    write_many(customer, [f"Line {number}" for number in range(1, 90)])
    page = new_page(expects=re.compile("400"))
    page.goto("/login/?next=/inbox/")
    expect(page.locator("input[name=username]")).to_be_focused()
    page.keyboard.type("agent")
    press(page, "Tab")
    page.keyboard.type("agent")
    press(page, "Enter")
    page.wait_for_url(lambda url: urlsplit(url).path == "/inbox/")
    expect(page.locator("#summary")).not_to_be_empty()
    # Whoever waits longer stands above, each one press away.
    tab_to(page, f".waiter a[href='{chat.agents_path}']", most=20 + page.locator(".waiter").count())
    press(page, "Enter")
    expect_focus(page, "#text")
    page.keyboard.type("Yes, good morning.")
    press(page, "Enter")
    expect_sent(page)
    expect_focus(page, "#text")


def test_a_failed_line_is_sent_again_by_keyboard_alone(new_page: NewPage, chat: Chat) -> None:
    page = enter(new_page(expects=re.compile("400")), chat.link)
    refuse_messages(page)
    say(page, "Not like this")
    expect(page.locator(".message.failed")).to_be_visible()
    page.unroute_all()
    tab_to(page, ".message.failed", key="Shift+Tab")
    press(page, "Enter")
    expect(page.get_by_role("button", name="Retry")).to_be_focused()
    press(page, "Enter")
    expect_sent(page)
    expect_focus(page, ".message.mine")


def test_arrows_go_through_the_conversation_and_older_messages_come_by_keyboard(new_page: NewPage, chat: Chat) -> None:
    page = enter(new_page(), chat.link)
    write_many(page, [f"Line {number}" for number in range(1, 90)])
    page.reload()
    expect(bubble(page, "Line 89")).to_be_visible()
    expect(bubble(page, "Line 1")).to_have_count(0)
    tab_to(page, "#rows > [tabindex='0']", key="Shift+Tab")
    press(page, "ArrowUp")
    expect(bubble(page, "Line 88")).to_be_focused()
    press(page, "Home")
    expect(bubble(page, "Line 1")).to_have_count(1)
    expect(page.locator("#rows > :focus")).to_have_count(1)
    press(page, "Home")
    expect(page.locator("#rows > :focus")).to_be_in_viewport()
    press(page, "End")
    expect(bubble(page, "Line 89")).to_be_focused()


def test_the_skip_links_lead_to_the_message_field_and_to_the_order(new_page: NewPage, chat: Chat) -> None:
    page = enter(new_page(width=390, height=844), chat.link)
    expect(page.locator("#title")).to_be_focused()
    tab_to(page, ".skip[href='#text']", key="Shift+Tab", most=5)
    press(page, "Enter")
    expect_focus(page, "#text")
    tab_to(page, ".skip[href='#order']", key="Shift+Tab")
    press(page, "Enter", "Tab")
    assert page.evaluate("document.querySelector('#order').contains(document.activeElement)")


def test_a_message_that_comes_in_takes_the_focus_from_nothing(new_page: NewPage, chat: Chat) -> None:
    customer, agent = enter(new_page(), chat.link), new_page()
    log_in(agent, "agent", onward=chat.agents_path)
    say(customer, "Hello")
    expect_sent(customer)
    tab_to(customer, ".message.mine", key="Shift+Tab")
    say(agent, "Good morning")
    expect(bubble(customer, "Good morning")).to_be_visible()
    expect(bubble(customer, "Hello")).to_be_focused()


def test_the_focus_goes_to_the_new_messages_that_were_asked_for(new_page: NewPage, chat: Chat) -> None:
    page, agent = enter(new_page(width=390, height=700), chat.link), new_page()
    log_in(agent, "agent", onward=chat.agents_path)
    write_many(page, [f"Line {number}" for number in range(1, 31)])
    expect(bubble(page, "Line 30")).to_be_visible()
    page.locator("#log").evaluate("(log) => { log.scrollTop = -600; }")
    say(agent, "One", "Two")
    pill = page.get_by_role("button", name="2 new messages")
    pill.focus()
    press(page, "Enter")
    expect(pill).to_have_count(0)
    expect(bubble(page, "One")).to_be_focused()
    expect(bubble(page, "Two")).to_be_in_viewport()


def test_the_focus_goes_to_the_first_message_once_there_are_no_older_ones(new_page: NewPage, chat: Chat) -> None:
    page = enter(new_page(), chat.link)
    write_many(page, [f"Line {number}" for number in range(1, 60)])
    page.reload()
    older = page.get_by_role("button", name="Show older messages")
    expect(older).to_have_count(1)
    older.evaluate("(button) => button.focus({ preventScroll: true })")
    press(page, "Enter")
    expect(older).to_have_count(0)
    expect(bubble(page, "Line 1")).to_have_count(1)
    expect(page.locator("#rows > :focus")).to_have_count(1)
    assert page.evaluate("document.activeElement === document.querySelector('#rows > [tabindex]')")


@pytest.mark.parametrize(("width", "summary"), [(1280, "#call summary"), (390, "#order > summary")])
def test_the_focus_stays_with_call_me_once_it_is_asked(new_page: NewPage, chat: Chat, width: int, summary: str) -> None:
    page = enter(new_page(width=width), chat.link)
    # No phone rings: other tests answer the one that the demo has.
    page.route("**/calls/**", lambda route: route.fulfill(status=201, json={"id": 1}))
    page.locator("#order").evaluate("(order) => { order.open = true; }")
    # It comes with a script of its own; a key that is pressed before goes nowhere.
    expect(page.locator("#call")).to_be_visible()
    page.locator("#call summary").press("Enter")
    page.get_by_label("Your number, with its country code").fill("+46 70 555 01 22")
    page.get_by_role("button", name="Call me now").press("Enter")
    expect(page.locator("#call details")).to_have_js_property("open", False)
    expect_focus(page, summary)


def test_an_old_message_is_not_read_out_again_when_its_order_changes(new_page: NewPage, chat: Chat) -> None:
    customer, agent = enter(new_page(), chat.link), new_page()
    log_in(agent, "agent", onward=chat.agents_path)
    say(customer, "Where is it?")
    expect(bubble(agent, "Where is it?")).not_to_have_attribute("aria-live", "off")
    expect(agent.get_by_role("log")).to_have_attribute("aria-relevant", "additions")
    agent.evaluate(
        """() => {
          window.readOut = [];
          const loud = (nodes) => [...nodes].filter((row) => row.ariaLive !== "off").map((row) => row.className);
          const hear = ({ addedNodes }) => readOut.push(...loud(addedNodes));
          new MutationObserver((changes) => changes.forEach(hear)).observe(document.getElementById("rows"), { childList: true });
        }"""
    )
    set_status(chat, "shipped")
    expect(bubble(agent, "Where is it?").locator(".chip")).to_contain_text("now shipped")
    expect(agent.locator(".system", has_text="is now shipped")).to_be_visible()
    assert agent.evaluate("readOut") == ["system"]


def test_the_log_reads_out_what_others_write_and_not_what_was_there(new_page: NewPage, chat: Chat) -> None:
    customer, agent = enter(new_page(), chat.link), new_page()
    log_in(agent, "agent", onward=chat.agents_path)
    say(customer, "Hello")
    expect(bubble(customer, "Hello")).to_have_attribute("aria-live", "off")
    say(agent, "Good morning")
    expect(bubble(customer, "Good morning")).not_to_have_attribute("aria-live", "off")
    expect(bubble(customer, "Good morning").locator(".byline")).to_contain_text(re.compile(r"Maria \d\d:\d\d"))
    expect(customer.get_by_role("log", name="Conversation about your orders")).to_have_count(1)


# Small, magnified, still, and in other colours

# At 200 % a window of 1280 x 800 has 640 x 400 CSS pixels; 320 x 256 is what WCAG 1.4.10 asks for.
SMALL = {"a small phone": (320, 568), "200 % zoom": (640, 400), "400 % zoom": (320, 256)}


@pytest.mark.parametrize("screen", list(SMALL))
def test_the_chat_fits_a_small_screen(product: Product, new_page: NewPage, screen: str) -> None:
    width, height = SMALL[screen]
    article = {
        "name": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
        "quantity": 1,
        "unit_price": "9.00",
    }
    chat = order_chat(product, name="Maximiliane Freifrau von und zu Hohenstein-Waldburg-Wolfegg", lines=[article], currency="EUR")
    page = enter(new_page(width=width, height=height), chat.link)
    say(page, "W" * 300, "https://example.com/" + "a" * 200, "👩‍👩‍👧‍👦" * 40)
    expect_sent(page)
    expect_nothing_cut(page)
    expect(page.locator("#text")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.querySelector('#log').clientHeight") >= 60
    page.locator("summary.order-bar").click()
    expect_nothing_cut(page)


@pytest.mark.parametrize("path", ["/", "/login/", "/demo/mailbox/", "/inbox/"])
def test_other_pages_fit_a_small_phone(new_page: NewPage, path: str) -> None:
    page = new_page(width=320, height=568)
    log_in(page, "agent", onward="/inbox/")
    page.goto(path)
    expect_nothing_cut(page)


def expect_nothing_cut(page: Page) -> None:
    """No scrolling sideways, and nothing that a person reads or presses sticks out, but in what scrolls by itself."""
    outside = page.evaluate(
        """() => [...document.querySelectorAll('main *, header *')].filter((node) => {
             const { left, right, width, height } = node.getBoundingClientRect();
             const isForEars = node.closest('.visually-hidden, .message:not(.starts) .byline');
             return width > 1 && height > 1 && (right > innerWidth + 1 || left < -1) && !node.closest('.scroll') && !isForEars;
           }).map((node) => node.outerHTML.slice(0, 120))"""
    )
    assert (outside, page.evaluate("document.scrollingElement.scrollWidth - innerWidth")) == ([], 0)


def test_nothing_moves_for_whoever_wants_less_motion(new_page: NewPage, chat: Chat) -> None:
    page = enter(new_page(reduced_motion="reduce"), chat.link)
    page.evaluate("() => { window.moved = []; document.addEventListener('transitionrun', ({ target }) => moved.push(target.outerHTML)); }")
    say(page, "Hello")
    expect_sent(page)
    page.get_by_role("button", name="Send").hover()
    page.keyboard.press("Tab")
    durations = page.evaluate(
        """() => [...document.querySelectorAll('*')].flatMap((node) => {
             const { transitionDuration, animationDuration, scrollBehavior } = getComputedStyle(node);
             return [transitionDuration, animationDuration, scrollBehavior];
           }).filter((found) => !/^(0s|auto)(, 0s)*$/.test(found))"""
    )
    assert (durations, page.evaluate("moved")) == ([], [])


def test_with_forced_colours_bubbles_buttons_and_the_field_keep_their_edges(new_page: NewPage, chat: Chat) -> None:
    page = enter(new_page(forced_colors="active"), chat.link)
    say(page, "Hello")
    expect_sent(page)
    for selector in (".mine .bubble", ".composer .field", ".composer .send", ".history a[aria-current]"):
        style = page.locator(selector).first.evaluate(
            "(node) => { const s = getComputedStyle(node); return s.borderTopStyle !== 'none' || s.outlineStyle !== 'none'; }"
        )
        assert style, selector


# What is pressed by a finger

# What has less than 44 px in height for itself. Links within what people wrote are as high as their lines.
NARROW = """() => {
  const found = [];
  for (const control of document.querySelectorAll("a, button, summary, select, textarea, input:not([type=hidden])")) {
    if (control.closest(".bubble, .visually-hidden, .skip") || !control.checkVisibility()) continue;
    control.scrollIntoView({ block: "center" });
    const { left, top, width, height } = control.getBoundingClientRect();
    const meets = (y) => control.contains(document.elementFromPoint(left + Math.min(width / 2, 20), y));
    const middle = top + height / 2;
    let [above, below] = [0, 0];
    while (above < 30 && meets(middle - above - 1)) above += 1;
    while (below < 30 && meets(middle + below + 1)) below += 1;
    if (above + below + 1 < 43) found.push(`${control.textContent.trim() || control.name} ${above + below + 1}`);
  }
  return found;
}"""


def narrow(page: Page) -> list[str]:
    """Controls too small for a finger, and how high they are."""
    found: list[str] = page.evaluate(NARROW)
    return found


def test_whatever_can_be_pressed_is_as_high_as_a_finger(chat: Chat, new_page: NewPage) -> None:
    chat.again()
    phone = {"width": 390, "height": 844}
    page, agent = enter(new_page(**phone), chat.link), new_page(**phone)
    say(page, "Where is it?")
    log_in(agent, "agent", onward=chat.agents_path)
    expect(agent.get_by_role("button", name="This order")).to_be_visible()
    found = {"customer": narrow(page), "agent": narrow(agent)}
    for side in (page, agent):
        side.locator("summary.order-bar").click()
        found[f"{side.locator('h1').text_content()}'s order"] = narrow(side)
    for path in ("/inbox/", "/", "/demo/mailbox/"):
        agent.goto(path)
        found[path] = narrow(agent)
    login = new_page(**phone)
    login.goto("/login/")
    found["login"] = narrow(login)
    assert found == {name: [] for name in found}
