"""Bad networks: what was written is stored once, in order, and the page says nothing false on the way."""

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Request, WebSocket, WebSocketRoute, expect

from tests.e2e.chats import FATE, Chat, bubble, enter, expect_sent, make_patient, order_chat, recorded, say
from tests.e2e.test_story import log_in
from tests.e2e.wire import Wire
from tests.running import Product, wait_for

NewPage = Callable[..., Page]
# What a browser writes into its console when it can't reach somebody; that is what these tests are about.
UNREACHABLE = re.compile("ERR_|WebSocket connection to .* failed")
KEPT = "No connection. Your messages are kept and will be sent."
NOT_YET = "Not sent yet. We keep trying."


def shut_out(context: BrowserContext) -> None:
    """Pages load, but nothing gets out of them."""
    context.route("**/api/**", lambda route: route.abort())
    context.route_web_socket("**/ws/**", lambda socket: socket.close())


def test_three_lines_written_offline_in_a_closed_tab_are_stored_once_and_in_order(product: Product, new_page: NewPage, wire: Wire) -> None:
    page = enter(new_page(expects=UNREACHABLE), order_chat(product).link, by=wire.url)
    address, lines = page.url, ["One, before the tunnel", "Two, in it", "Three, still in it"]
    say(page, "Hello")
    expect_sent(page)
    wire.cut()
    page.context.set_offline(True)
    say(page, *lines)
    expect(page.locator("#link-state")).to_have_text(KEPT)
    expect(page.locator(FATE)).to_have_text([re.compile(NOT_YET)] * 3)
    page.close()

    wire.mend()
    context = page.context
    context.set_offline(False)
    shut_out(context)
    again = context.new_page()
    again.goto(address)
    expect(again.locator(".message.mine .bubble")).to_have_text(["Hello", *lines])
    expect(again.locator("#link-state")).to_have_text(KEPT)
    expect(again.locator(FATE)).to_have_text([re.compile(NOT_YET)] * 3)

    context.unroute_all()
    context.set_offline(True)
    context.set_offline(False)
    expect_sent(again)
    assert recorded(again) == ["Hello", *lines]


def test_a_browser_that_goes_offline_says_so_at_once_and_its_lines_wait(chat: Chat, new_page: NewPage) -> None:
    page = new_page(expects=UNREACHABLE)
    page.clock.install()
    say(enter(page, chat.link), "Hello")
    expect_sent(page)
    stop_the_clock(page)
    # The open socket stays open, and nothing comes through it.
    page.context.set_offline(True)
    wait_for(lambda: not page.evaluate("navigator.onLine"), "the page to hear of it")
    page.clock.run_for(250)
    expect(page.locator("#link-state")).to_have_text(KEPT)
    page.clock.resume()
    say(page, "From the tunnel")
    expect(bubble(page, "From the tunnel").locator(".fate")).to_have_text(re.compile(NOT_YET))
    expect(bubble(page, "From the tunnel").get_by_role("button")).to_have_text(["Edit", "Discard"])
    page.context.set_offline(False)
    expect(page.locator("#link-state")).not_to_have_text(KEPT)
    expect_sent(page)
    assert recorded(page) == ["Hello", "From the tunnel"]


def test_a_line_on_its_way_when_the_network_goes_is_not_called_checked_before_it_is_back(chat: Chat, new_page: NewPage, wire: Wire) -> None:
    page = new_page(expects=UNREACHABLE)
    page.clock.install()
    enter(page, chat.link, by=wire.url)
    wire.lose_answers()
    say(page, "Hello")
    expect(page.locator(".message.sending")).to_have_count(1)
    page.context.set_offline(True)
    fate = page.locator(FATE)
    expect(fate).to_have_text(NOT_YET)
    # Long enough for the socket to be given up.
    page.clock.run_for(15_000)
    expect(page.locator("#link-state")).to_have_text(KEPT)
    expect(fate).to_have_text(NOT_YET)


def test_a_browser_that_is_wrong_about_the_network_goes_on(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    page.evaluate("dispatchEvent(new Event('offline'))")
    say(page, "Hello")
    expect_sent(page)
    expect(page.locator("#link-state")).to_be_empty()


def test_a_line_whose_answer_was_lost_is_not_sent_twice(product: Product, new_page: NewPage, wire: Wire) -> None:
    chat = order_chat(product)
    page = enter(new_page(expects=UNREACHABLE), chat.link, by=wire.url)
    say(page, "Hello")
    expect_sent(page)
    wire.lose_answers()
    say(page, "Did you get this?")
    wait_for(lambda: "Did you get this?" in recorded(page, at=product.url), "the line in the record")
    wire.cut()
    fate = bubble(page, "Did you get this?").locator(".fate")
    expect(fate).to_have_text(NOT_YET)
    expect(bubble(page, "Did you get this?").get_by_role("button")).to_have_count(0)
    wire.mend()
    expect_sent(page)
    expect(bubble(page, "Did you get this?")).to_have_count(1)
    assert recorded(page) == ["Hello", "Did you get this?"]


def test_a_line_that_nobody_knows_of_is_checked_while_connected(chat: Chat, new_page: NewPage) -> None:
    page = new_page(expects=UNREACHABLE)
    page.route_web_socket("**/ws/**", lambda socket: socket.close())
    enter(page, chat.link)
    page.route("**/events/**", lambda route: route.abort() if route.request.method == "POST" else route.fallback())
    say(page, "Did you get this?")
    expect(page.locator(FATE)).to_have_text("Checking whether it arrived…")
    page.unroute_all()
    expect_sent(page)
    assert recorded(page) == ["Did you get this?"]


def stop_the_clock(page: Page) -> None:
    """From now on nothing happens by itself; only what comes in or is done."""

    def stop() -> bool:
        # The moment has to come yet when the page hears of it; on a busy machine it may be over.
        with suppress(Error):
            page.clock.pause_at(page.evaluate("Date.now() + 100"))
            return True
        return False

    wait_for(stop, "the clock to stop")


def expect_cut_off(page: Page) -> None:
    """Turn the stopped clock until the page says that its line is lost."""

    def look() -> bool:
        page.clock.run_for(500)
        return page.locator("#link-state").text_content() == KEPT

    wait_for(look, "the page to notice")


def cut_off(page: Page, product: Product, wire: Wire) -> None:
    """A customer has written, the line breaks, and the page knows; its clock stands."""
    page.clock.install()
    enter(page, order_chat(product).link, by=wire.url)
    say(page, "Hello")
    expect_sent(page)
    stop_the_clock(page)
    wire.cut()
    expect_cut_off(page)


@pytest.mark.parametrize("sign", ["online", "focus", "pageshow"])
def test_a_sign_of_life_brings_the_connection_back_at_once(product: Product, new_page: NewPage, wire: Wire, sign: str) -> None:
    page = new_page(expects=UNREACHABLE)
    cut_off(page, product, wire)
    wire.mend()
    page.evaluate("(sign) => dispatchEvent(new Event(sign))", sign)
    expect(page.locator("#link-state")).to_have_text("Connected again")


def test_who_was_woken_makes_one_connection_and_keeps_it(product: Product, new_page: NewPage, wire: Wire) -> None:
    """What waits for an answer on a connection that another one has replaced would be sending for ever."""
    page, sockets = new_page(expects=UNREACHABLE), list[WebSocket]()
    page.on("websocket", lambda socket: sockets.append(socket))
    cut_off(page, product, wire)
    wire.mend()
    before = len(sockets)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("#link-state")).to_have_text("Connected again")
    # The pause that was cut short is over by then; the first look whether the connection still answers comes later.
    page.clock.run_for(20_000)
    say(page, "Are you there?")
    expect_sent(page)
    assert len(sockets) - before == 1


def test_a_sign_of_life_counts_also_while_an_attempt_hangs(product: Product, new_page: NewPage, wire: Wire) -> None:
    page, sockets = new_page(expects=UNREACHABLE), list[WebSocket]()
    page.on("websocket", lambda socket: sockets.append(socket))
    cut_off(page, product, wire)
    wire.mend()
    wire.lose_answers()
    before = len(sockets)
    wait_for(lambda: page.clock.run_for(500) or sockets[before:], "the next attempt")
    page.evaluate("dispatchEvent(new Event('online'))")
    wire.break_off()
    expect(page.locator("#link-state")).to_have_text("Connected again")


def test_what_came_in_meanwhile_is_counted_once_and_the_notice_goes_by_itself(product: Product, new_page: NewPage, wire: Wire) -> None:
    chat = order_chat(product)
    agent = new_page()
    log_in(agent, "agent", onward=chat.agents_path)
    page = new_page(expects=UNREACHABLE)
    page.clock.install()
    enter(page, chat.link, by=wire.url)
    say(page, "Hello")
    expect(bubble(agent, "Hello")).to_be_visible()
    stop_the_clock(page)
    wire.cut()
    say(agent, "Good morning", "How can we help?")
    expect_sent(agent)
    expect_cut_off(page)
    wire.mend()
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.locator("#link-state")).to_have_text("Connected again · 2 new messages")
    expect(page.locator(".message.theirs .bubble")).to_have_text(["Good morning", "How can we help?"])
    page.clock.run_for(4000)
    expect(page.locator("#link-state")).to_be_empty()


def test_a_link_that_ended_says_so_and_keeps_what_is_written(product: Product, new_page: NewPage, wire: Wire) -> None:
    page = enter(new_page(expects=re.compile("ERR_|WebSocket|40[34]")), order_chat(product).link, by=wire.url)
    say(page, "Hello")
    expect_sent(page)
    known = page.context.cookies()
    page.context.clear_cookies()
    wire.cut()
    wire.mend()
    expect(page.locator("#link-state")).to_contain_text("This link has expired.")
    expect(page.get_by_role("link", name="Mail me a new link")).to_have_class("button")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    field = page.get_by_role("textbox", name="Your message")
    field.fill("Am I too late?")
    field.press("Enter")
    expect(field).to_have_value("Am I too late?")
    expect(bubble(page, "Am I too late?")).to_have_count(0)
    page.context.add_cookies(known)  # type: ignore[arg-type]
    page.reload()
    expect(field).to_have_value("Am I too late?")
    expect(page.get_by_role("button", name="Send")).to_be_enabled()


def test_what_is_unsent_when_the_link_ends_goes_out_by_the_newest_one(chat: Chat, new_page: NewPage, wire: Wire) -> None:
    newest = chat.again()
    page = enter(new_page(expects=re.compile("ERR_|WebSocket|40[34]")), chat.link, by=wire.url)
    say(page, "Hello")
    expect_sent(page)
    wire.cut()
    expect(page.locator("#link-state")).to_contain_text("No connection.")
    say(page, "Are you there?")
    fate = bubble(page, "Are you there?").locator(".why")
    expect(fate).to_have_text(NOT_YET)
    page.context.clear_cookies(name="ordersupport_session")
    wire.mend()
    expect(page.locator("#link-state")).to_contain_text("This link has expired.", timeout=40_000)
    expect(fate).to_have_text("Kept on this device. Open the newest link to send it.")
    expect(bubble(page, "Are you there?").get_by_role("button")).to_have_text(["Edit", "Discard"])
    enter(page, newest.link, by=wire.url)
    expect_sent(page)
    assert recorded(page) == ["Hello", "Are you there?"]


def test_where_nothing_can_be_kept_an_ended_link_promises_nothing(chat: Chat, new_page: NewPage, wire: Wire) -> None:
    page = new_page(expects=re.compile("ERR_|WebSocket|40[34]"))
    page.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('no'); }")
    enter(page, chat.link, by=wire.url)
    wire.cut()
    expect(page.locator("#link-state")).to_contain_text("No connection.")
    say(page, "Are you there?")
    page.context.clear_cookies(name="ordersupport_session")
    wire.mend()
    expect(page.locator("#link-state")).to_contain_text("This link has expired.", timeout=40_000)
    expect(bubble(page, "Are you there?").locator(".why")).to_have_text("Not sent. Copy it before you leave this page.")


# Where WebSockets are blocked


def close_at_once(socket: WebSocketRoute) -> None:
    """As a proxy that refuses them."""
    socket.close()


def swallow(socket: WebSocketRoute) -> None:
    """As a proxy that neither answers nor refuses."""


Block = Callable[[WebSocketRoute], None]
BLOCKS = [close_at_once, swallow]


def without_sockets(page: Page, block: Block = close_at_once) -> Page:
    page.route_web_socket("**/ws/**", block)
    return page


def note_what_is_said(page: Page) -> None:
    """From the first moment on, every sentence about the line."""
    page.add_init_script(
        """window.told = [];
           addEventListener("DOMContentLoaded", () => {
             const state = document.getElementById("link-state");
             if (state) new MutationObserver(() => told.push(state.textContent)).observe(state, { childList: true });
           });"""
    )


@pytest.mark.parametrize("block", BLOCKS)
def test_where_sockets_are_blocked_nothing_false_is_said(chat: Chat, new_page: NewPage, block: Block) -> None:
    page, attempts = new_page(), list[WebSocketRoute]()
    page.route_web_socket("**/ws/**", lambda socket: attempts.append(socket) or block(socket))
    note_what_is_said(page)
    page.clock.install()
    enter(page, chat.link)
    say(page, "Hello")
    expect_sent(page)
    wait_for(lambda: page.clock.run_for(500) or attempts[2:], "the third attempt")
    say(page, "Still there?")
    expect_sent(page)
    assert set(page.evaluate("told")) <= {"", "Connecting…"}


def test_where_sockets_are_swallowed_a_line_is_sent_within_seconds(chat: Chat, new_page: NewPage) -> None:
    page = new_page()
    page.clock.install()
    enter(without_sockets(page, swallow), chat.link)
    say(page, "Hello")
    stop_the_clock(page)
    page.clock.run_for(4000)
    expect_sent(page)


def test_a_page_that_never_had_a_connection_does_not_say_that_it_is_back(product: Product, new_page: NewPage, wire: Wire) -> None:
    page = enter(new_page(expects=UNREACHABLE), order_chat(product).link, by=wire.url)
    note_what_is_said(page)
    page.context.route("**/api/**", lambda route: route.abort())
    without_sockets(page).reload()
    expect(page.locator("#link-state")).to_have_text(KEPT)
    page.context.unroute_all()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("#link-state")).to_be_empty()
    assert "Connected again" not in page.evaluate("told")


@pytest.mark.parametrize("block", BLOCKS)
def test_where_sockets_are_blocked_both_sides_talk(product: Product, new_page: NewPage, block: Block) -> None:
    chat = order_chat(product)
    agent = new_page()
    page = enter(without_sockets(new_page(), block), chat.link)
    log_in(agent, "agent", onward=chat.agents_path)
    say(page, "My office blocks sockets.")
    expect(bubble(agent, "My office blocks sockets.")).to_be_visible()
    say(agent, "We can hear you.")
    expect(bubble(page, "We can hear you.")).to_be_visible()
    expect(agent.locator(FATE)).to_have_text(re.compile("Seen"))
    expect_sent(page)
    expect(page.locator("#link-state")).to_be_empty()


class Polls:
    """Counts what the page asks for over HTTP, and turns its stopped clock."""

    def __init__(self, page: Page) -> None:
        self.page, self.asked, self.answered = page, 0, 0
        page.on("request", self._count)
        page.on("requestfinished", self._count_answer)

    def wait_until_quiet(self) -> None:
        """Every answer is here, and the page has done with it."""
        wait_for(lambda: self.page.evaluate("1") and self.asked and self.asked == self.answered, "the answer to a poll")
        self.page.evaluate("fetch('/healthz').then((answer) => answer.text())")

    def next_ms(self) -> int:
        """Turn the clock until the page asks again; for how long."""
        before, turned = self.asked, 0
        while self.asked == before:
            assert turned < 20_000, "no poll within 20 s"
            self.page.clock.run_for(100)
            self.page.evaluate("1")
            turned += 100
        self.wait_until_quiet()
        return turned

    def _count(self, request: Request) -> None:
        self.asked += "after=" in request.url and request.resource_type == "fetch"

    def _count_answer(self, request: Request) -> None:
        self.answered += "after=" in request.url and request.resource_type == "fetch"


def test_a_page_whose_socket_works_asks_for_nothing_over_http(chat: Chat, new_page: NewPage) -> None:
    page = new_page()
    make_patient(page)
    polls = Polls(page)
    enter(page, chat.link)
    page.reload()
    expect(page.get_by_role("log")).to_be_visible()
    say(page, "Hello")
    expect_sent(page)
    assert polls.asked == 0


def test_polling_slows_down_to_five_seconds_and_hurries_when_something_happens(product: Product, new_page: NewPage) -> None:
    page = without_sockets(new_page())
    polls = Polls(page)
    page.clock.install()
    enter(page, order_chat(product).link)
    polls.wait_until_quiet()
    stop_the_clock(page)
    polls.next_ms()
    gaps = [polls.next_ms() for _poll in range(8)]
    assert (sorted(gaps) == gaps, gaps[-2:]) == (True, [5000, 5000])
    say(page, "Hello")
    expect_sent(page)
    polls.next_ms()
    assert polls.next_ms() < 2500


def test_a_date_in_retry_after_is_no_reason_to_ask_without_a_pause(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(expects=re.compile("503|WebSocket")), chat.link)
    say(page, "Hello")
    expect_sent(page)
    polls = Polls(without_sockets(page))
    # As some proxies name the end of a maintenance (RFC 9110).
    headers = {"Retry-After": "Sun, 22 Nov 2026 12:00:00 GMT"}
    page.route("**/api/**", lambda route: route.fulfill(status=503, headers=headers, body="Maintenance"))
    page.reload()
    expect(page.locator("#link-state")).to_have_text(KEPT)
    asked = polls.asked
    page.wait_for_timeout(4000)
    assert polls.asked <= asked + 1
