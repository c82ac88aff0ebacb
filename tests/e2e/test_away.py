"""Nobody is at the desk, or nobody answers: the customer's page says so by itself, once, and only while it is true."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.e2e import axe
from tests.e2e.chats import Chat, bubble, enter, expect_sent, mail_of_answers, order_chat, page_data, same_person, say
from tests.e2e.test_story import log_in
from tests.running import Product, running_demo, wait_for

NewPage = Callable[..., Page]
WAITING = "Nobody has answered yet. You need not wait here: we mail you the answer."
A_WHILE_MS = 5 * 60 * 1000
# The page looks again every five seconds.
LOOK_MS = 5100
OPENS_AT = datetime.now(UTC) + timedelta(days=2)
OPENS_ON = f"{OPENS_AT:%A}"
THE_DAY_BEFORE = f"{OPENS_AT - timedelta(days=1):%A}"


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A shop whose desk opens the day after tomorrow at eight, for an hour a week."""
    with running_demo(tmp_path_factory.mktemp("shut"), PORT="3480", DESK_HOURS=f"{OPENS_ON[:3]} 08:00-09:00") as started:
        yield started


@pytest.fixture
def late(shut: Product) -> Chat:
    """A conversation there."""
    return order_chat(shut)


@pytest.fixture
def customer(new_page: NewPage, chat: Chat) -> Page:
    """Their page, whose clock can be put forward, after a question."""
    page = new_page()
    page.clock.install()
    enter(page, chat.link)
    say(page, "Where is it?")
    expect_sent(page)
    return page


@pytest.fixture
def agent(new_page: NewPage, chat: Chat) -> Page:
    """The agent's page."""
    page = new_page()
    log_in(page, "agent", onward=chat.agents_path)
    expect(page.get_by_role("log")).to_be_visible()
    return page


def line(page: Page) -> Locator:
    """What it says."""
    return page.locator("#away")


def test_who_waits_for_long_is_told_in_the_open_page_and_once(customer: Page) -> None:
    customer.clock.fast_forward(A_WHILE_MS - 60_000)
    customer.clock.fast_forward(LOOK_MS)
    expect(line(customer)).to_be_empty()
    customer.evaluate("window.said = 0; new MutationObserver((all) => { said += all.length; }).observe(away, { childList: true })")
    customer.clock.fast_forward(60_000)
    expect(line(customer).and_(customer.get_by_role("status"))).to_have_text(WAITING)
    customer.clock.fast_forward(LOOK_MS)
    customer.clock.fast_forward(LOOK_MS)
    assert customer.evaluate("window.said") == 1


def test_it_gives_way_to_who_types_and_goes_with_their_answer(customer: Page, agent: Page) -> None:
    customer.clock.fast_forward(A_WHILE_MS + LOOK_MS)
    expect(line(customer)).to_be_visible()

    def gives_way() -> bool:
        agent.get_by_role("textbox", name="Your message").press_sequentially("so ")
        return line(customer).is_hidden()

    wait_for(gives_way, "the line to give way")
    say(agent, "It leaves today.")
    expect(line(customer)).to_be_empty()


def test_it_goes_with_the_word_that_it_is_solved(customer: Page, agent: Page) -> None:
    customer.clock.fast_forward(A_WHILE_MS + LOOK_MS)
    expect(line(customer)).to_have_text(WAITING)
    agent.get_by_role("button", name="Mark as solved").click()
    expect(line(customer)).to_be_empty()


def test_a_closed_desk_is_told_of_without_scripts(new_page: NewPage, late: Chat) -> None:
    page = enter(new_page(java_script_enabled=False), late.link)
    expect(line(page)).to_have_text(f"Nobody is at the desk until {OPENS_ON} 8:00 (UTC). Write now, we answer by mail.")


@pytest.mark.parametrize(
    ("zone", "opens"),
    [("Asia/Tokyo", f"{OPENS_ON} 17:00"), ("Pacific/Honolulu", f"{THE_DAY_BEFORE} 22:00"), ("Africa/Abidjan", f"{OPENS_ON} 8:00")],
)
def test_a_first_visit_reads_it_on_its_own_clock_as_every_other_time(new_page: NewPage, late: Chat, zone: str, opens: str) -> None:
    page = enter(new_page(timezone_id=zone), late.link)
    expect(page.locator(".zone-name")).to_have_text(zone)
    expect(line(page)).to_have_text(f"Nobody is at the desk until {opens}. Write now, we answer by mail.")


def test_in_chinese_the_script_says_what_the_server_says(new_page: NewPage, late: Chat) -> None:
    page = enter(new_page(locale="zh-CN", timezone_id="Asia/Shanghai"), late.link)
    with page.expect_response("**/language"):
        page.locator("textarea").press("a")
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page.get_by_role("log")).to_be_visible()
    expect(line(page)).to_have_text(re.compile(r"^星期. 16:00 之前没有客服在线。您可以现在留言"))
    plain = same_person(new_page(java_script_enabled=False), page)
    plain.goto(page.url)
    expect(line(plain)).to_have_text(line(page).text_content() or "")


def test_an_open_page_follows_the_hours(new_page: NewPage, late: Chat) -> None:
    page = new_page(timezone_id="UTC")
    page.clock.install()
    enter(page, late.link)
    expect(line(page)).to_contain_text(f"until {OPENS_ON} 8:00.")
    away = page_data(page)["away"]
    page.clock.fast_forward(away["closed"][0][1] - away["now"] + LOOK_MS)
    expect(line(page)).to_be_empty()
    page.clock.fast_forward(60 * 60 * 1000)
    expect(line(page)).to_contain_text(f"until {OPENS_ON} 8:00.")


def test_once_the_link_has_ended_nobody_is_asked_to_write(new_page: NewPage, late: Chat) -> None:
    page, sockets = new_page(), list[WebSocketRoute]()
    page.route_web_socket("**/ws/**", lambda socket: sockets.append(socket) or socket.connect_to_server())
    enter(page, late.link)
    expect(line(page)).not_to_be_empty()
    wait_for(lambda: page.evaluate("1") and sockets, "the socket")
    sockets[-1].close(code=4403)
    expect(page.locator("#link-state")).to_contain_text("This link has expired.")
    expect(line(page)).to_be_empty()


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_it_stands_between_the_talk_and_the_field(new_page: NewPage, late: Chat, width: int, direction: str) -> None:
    page = enter(new_page(width=width, height=700), late.link)
    page.evaluate("(direction) => { document.documentElement.dir = direction; }", direction)
    # In one look: above the field there may be a word of the line for a moment.
    top, bottom, end_of_log, field = page.evaluate(
        """() => {
             const [box, log, field] = ["away", "log", "composer"].map((name) => document.getElementById(name).getBoundingClientRect());
             return [box.top, box.bottom, log.bottom, field.top];
           }"""
    )
    assert end_of_log <= top < bottom <= field
    assert bottom - top < 90
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_beside_it(new_page: NewPage, late: Chat, scheme: str) -> None:
    script = axe.skip_without()
    page = enter(new_page(width=390, color_scheme=scheme), late.link)
    expect(line(page)).not_to_be_empty()
    assert axe.violations(page, script) == []


def test_who_has_left_finds_the_answer_in_a_mail_and_by_it_the_chat(new_page: NewPage, chat: Chat, customer: Page, agent: Page) -> None:
    customer.close()
    say(agent, "It leaves today.")
    expect_sent(agent)
    page = new_page()
    page.goto(mail_of_answers(chat))
    expect(page.get_by_role("paragraph").filter(has_text="It leaves today.")).to_be_visible()
    enter(page, page.get_by_role("link", name="Open the chat").get_attribute("href") or "")
    expect(bubble(page, "It leaves today.")).to_be_visible()
