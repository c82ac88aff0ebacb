"""Pictures of the chat page in each state that a reader may meet it in; `tests/e2e/screenshots.py` takes them at every width.

Each function brings a page of its own customer into one state and answers the page; its name is the picture's. What a state needs of a
bad network is a real one (tests/e2e/wire.py).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, expect

from tests.e2e.chats import (
    SOLVE,
    Chat,
    bubble,
    enter,
    expect_sent,
    mail_of_answers,
    order_chat,
    page_data,
    refuse_messages,
    same_person,
    say,
    set_status,
    write_many,
)
from tests.e2e.test_story import log_in
from tests.e2e.wire import Wire
from tests.running import Product, wait_for

LINES = [
    {"name": "Oak side table, oiled", "sku": "OT-12", "quantity": 1, "unit_price": "189.00"},
    {"name": "Felt pads, set of 8", "sku": "FP-08", "quantity": 2, "unit_price": "4.50"},
]
ORDER: dict[str, Any] = {"currency": "EUR", "lines": LINES, "shipping_address": {"city": "Gothenburg", "country": "SE"}}
QUESTION = "Good morning, will the table come assembled?"
ANSWER = "Good morning Ida, the legs are screwed on in five minutes; everything you need is in the box."

THANKS = "Thank you, that helps."
# Today somebody is there all day, so that only the state of the closed desk shows it: it comes by a clock put forward past midnight.
TODAY = datetime.now(UTC)
DESK_HOURS = f"{TODAY:%a} 00:00-24:00, {TODAY + timedelta(days=1):%a}-{TODAY - timedelta(days=1):%a} 08:00-17:00"


@dataclass
class Scene:
    """A customer's window at one width and in one colour scheme, and whom they talk with."""

    browser: Browser
    product: Product
    wire: Wire
    options: dict[str, Any]

    def chat(self, **order: Any) -> Chat:
        """A new customer with an order that a real shop could have."""
        return order_chat(self.product, name="Ida Sandberg", **(ORDER | order))

    def page(self, chat: Chat | None = None, **options: Any) -> Page:
        """A browser of one's own, in the chat where one is given."""
        page = self.browser.new_context(**(self.options | options)).new_page()
        return enter(page, chat.link) if chat else page

    def agent(self, chat: Chat) -> Page:
        """Maria, in this conversation."""
        page = self.page()
        log_in(page, "agent", onward=chat.agents_path)
        return page

    def talk(self, chat: Chat) -> tuple[Page, Page]:
        """A question and its answer; the customer's page comes over the wire that can be cut."""
        agent = self.agent(chat)
        page = enter(self.page(), chat.link, by=self.wire.url)
        say(page, QUESTION)
        expect(bubble(agent, QUESTION)).to_be_visible()
        say(agent, ANSWER)
        expect(bubble(page, ANSWER)).to_be_visible()
        expect_sent(agent)
        return page, agent

    def solved_talk(self) -> tuple[Page, Page]:
        """The same, thanked for and marked as solved."""
        page, agent = self.talk(self.chat())
        say(page, THANKS)
        expect(bubble(agent, THANKS)).to_be_visible()
        agent.get_by_role("button", name=SOLVE).click()
        expect(agent.get_by_text("You marked this as solved")).to_be_visible()
        expect(page.get_by_text("Not solved yet?")).to_be_visible()
        return page, agent


def first_load(scene: Scene) -> Page:
    """Before and without any script, in the middle of a talk."""
    known, _agent = scene.talk(scene.chat())
    page = same_person(scene.page(java_script_enabled=False), known)
    page.goto(known.url)
    return page


def door(scene: Scene) -> Page:
    """What the mail's link shows before anything is opened."""
    page = scene.page()
    page.goto(scene.chat().link)
    return page


def new_device(scene: Scene) -> Page:
    """A link that was opened on another device before."""
    chat = scene.chat()
    scene.page(chat)
    page = scene.page()
    page.goto(chat.link)
    page.get_by_role("button", name="Open my order").click()
    page.get_by_role("button", name="Mail me a code").click()
    expect(page.get_by_role("textbox")).to_be_visible()
    return page


def empty(scene: Scene) -> Page:
    """Nobody has written yet."""
    page = scene.page(scene.chat())
    expect(page.locator(".suggestion:visible")).to_have_count(3)
    return page


def connecting(scene: Scene) -> Page:
    """The socket takes longer than a second."""
    page = scene.page()
    page.route_web_socket("**/ws/**", lambda socket: None)
    enter(page, scene.chat().link)
    expect(page.locator("#link-state")).to_have_text("Connecting…")
    return page


def sending(scene: Scene) -> Page:
    """The product takes more than a second to answer."""
    page, _agent = scene.talk(scene.chat())
    scene.wire.lose_answers()
    say(page, "And can I choose the day?")
    expect(page.locator(".sending .why")).to_have_css("opacity", "1")
    return page


def offline(scene: Scene) -> Page:
    """No connection; what is written waits."""
    page, _agent = scene.talk(scene.chat())
    scene.wire.cut()
    say(page, "And can I choose the day?", "Fridays are best.")
    expect(page.locator("#link-state")).to_contain_text("No connection.")
    expect(page.locator(".message.waiting")).to_have_count(2)
    return page


def outcome_unknown(scene: Scene) -> Page:
    """The line was lost on its way; over HTTP, as sockets are blocked, the page asks."""
    page, _agent = scene.talk(scene.chat())
    page.route_web_socket("**/ws/**", lambda socket: socket.close())
    page.reload()
    page.route("**/events/**", lambda route: route.abort() if route.request.method == "POST" else route.fallback())
    expect(page.get_by_role("log")).to_be_visible()
    say(page, "And can I choose the day?")
    expect(page.locator(".message.checking")).to_have_count(1)
    return page


def connected_again(scene: Scene) -> Page:
    """Back, and what came in meanwhile is counted."""
    page, agent = scene.talk(scene.chat())
    scene.wire.cut()
    say(agent, "I have put the screws on top.", "Your parcel leaves at three.")
    expect_sent(agent)
    expect(page.locator("#link-state")).to_contain_text("No connection.")
    scene.wire.mend()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("#link-state")).to_contain_text("Connected again")
    return page


def seen(scene: Scene) -> Page:
    """The agent has read my last line."""
    page, agent = scene.talk(scene.chat())
    say(page, THANKS)
    expect(bubble(agent, THANKS)).to_be_visible()
    expect(page.locator(".message.mine .fate")).to_have_text(re.compile("Seen"))
    return page


def solved(scene: Scene) -> Page:
    """The agent has nothing left to do, and the customer may not think so."""
    page, _agent = scene.solved_talk()
    return page


def solved_agent(scene: Scene) -> Page:
    """The same on the agent's page: the button is gone until somebody writes."""
    _page, agent = scene.solved_talk()
    return agent


def to_solve_agent(scene: Scene) -> Page:
    """The agent may say that it is solved."""
    _page, agent = scene.talk(scene.chat())
    expect(agent.get_by_role("button", name=SOLVE)).to_be_visible()
    return agent


def away(scene: Scene) -> Page:
    """Nobody has answered for more than five minutes."""
    page = scene.page()
    page.clock.install()
    enter(page, scene.chat().link)
    say(page, QUESTION)
    expect_sent(page)
    page.clock.fast_forward("06:00")
    expect(page.locator("#away")).to_contain_text("Nobody has answered yet.")
    return page


def closed(scene: Scene) -> Page:
    """Nobody is at the desk: half an hour after midnight."""
    page = scene.page()
    page.clock.install()
    enter(page, scene.chat().link)
    say(page, QUESTION)
    expect_sent(page)
    periods = page_data(page)["away"]
    page.clock.fast_forward(periods["closed"][0][0] - periods["now"] + 30 * 60 * 1000)
    expect(page.locator("#away")).to_have_text("Nobody is at the desk until 8:00. Write now, we answer by mail.")
    return page


def answer_mail(scene: Scene) -> Page:
    """What the customer gets who has not seen the answer."""
    chat = scene.chat()
    scene.talk(chat)[0].close()
    say(scene.agent(chat), "I asked the workshop.", "They ship it assembled for you.")
    page = scene.page()
    page.goto(mail_of_answers(chat))
    return page


def typing(scene: Scene) -> Page:
    """The agent writes."""
    page, agent = scene.talk(scene.chat())

    def look() -> str | None:
        agent.get_by_role("textbox", name="Your message").press_sequentially("so ")
        return page.locator("#typing").text_content()

    wait_for(look, "the agent's typing")
    return page


def not_sent(scene: Scene) -> Page:
    """Refused, with the reason and what can be done."""
    page, _agent = scene.talk(scene.chat())
    refuse_messages(page)
    say(page, "Can you see this \u200b?")
    expect(page.locator(".message.failed")).to_have_count(1)
    return page


def too_long(scene: Scene) -> Page:
    """More than may be sent."""
    page, _agent = scene.talk(scene.chat())
    page.get_by_role("textbox", name="Your message").fill("I would like to say a little more about it. " * 190)
    page.get_by_role("textbox", name="Your message").press("Enter")
    expect(page.locator("#alert")).to_contain_text("too long")
    return page


def unread(scene: Scene) -> Page:
    """Opened again after answers came."""
    page, agent = scene.talk(scene.chat())
    address = page.url
    page.goto("about:blank")
    say(agent, "I asked the workshop.", "They ship it assembled for you.")
    expect_sent(agent)
    page.goto(address)
    expect(page.locator(".fresh")).to_be_visible()
    return page


def new_messages(scene: Scene) -> Page:
    """Something came in while one reads further up, in a long talk."""
    chat = scene.chat()
    page, agent = scene.talk(chat)
    write_many(page, [f"Here is the size of step {number}: {60 + number} cm." for number in range(1, 60)])
    page.reload()
    expect(page.locator(".message").nth(40)).to_be_attached()
    page.locator("#log").evaluate("(log) => { log.scrollTop = -900; }")
    say(agent, "Thank you.", "I have them all.", "The carpenter looks at it.")
    expect(page.get_by_role("button", name="3 new messages")).to_be_visible()
    return page


def older_messages(scene: Scene) -> Page:
    """At the top of what is loaded of a long talk."""
    page = scene.page(scene.chat())
    write_many(page, [f"Here is the size of step {number}: {60 + number} cm." for number in range(1, 70)])
    page.reload()
    page.route("**/events/**before=**", lambda route: None)
    page.locator("#log").evaluate("(log) => { log.scrollTop = -log.scrollHeight; }")
    expect(page.get_by_role("button", name="Show older messages")).to_be_in_viewport()
    return page


def ended(scene: Scene) -> Page:
    """The link's time is over while the page is open."""
    page, _agent = scene.talk(scene.chat())
    page.context.clear_cookies()
    scene.wire.cut()
    scene.wire.mend()
    expect(page.locator("#link-state")).to_contain_text("This link has expired.")
    return page


def turned_away(scene: Scene) -> Page:
    """A link that no longer opens anything."""
    page = scene.page()
    parts = urlsplit(scene.chat().link)
    page.goto(f"{scene.product.url}{parts.path}?key=old")
    return page


def order_changed(scene: Scene) -> Page:
    """What was written about an order shows how that stood then."""
    chat = scene.chat()
    page, _agent = scene.talk(chat)
    set_status(chat, "cancelled")
    expect(page.get_by_text("now cancelled").first).to_be_visible()
    say(page, "Thank you for cancelling it so quickly.")
    expect_sent(page)
    return page


def order_changed_agent(scene: Scene) -> Page:
    """The same, as the agent reads it."""
    chat = scene.chat()
    _page, agent = scene.talk(chat)
    set_status(chat, "shipped")
    expect(agent.get_by_text("now shipped").first).to_be_visible()
    return agent


def only_this_order(scene: Scene) -> Page:
    """Two orders, one talk, narrowed to one of them; something came in about the other."""
    chat = scene.chat()
    page, agent = scene.talk(chat)
    second = order_chat(scene.product, chat.username, **(ORDER | {"lines": LINES[1:]}))
    enter(page, second.link, by=scene.wire.url)
    say(page, "And the pads, are they for wooden floors?")
    page.get_by_role("button", name="This order").click()
    say(agent, "I called the carrier about the table.")
    expect(page.get_by_role("button", name="Everything · 1 new message")).to_be_visible()
    return page


def order_open(scene: Scene) -> Page:
    """The order and the others, unfolded."""
    chat = scene.chat()
    order_chat(scene.product, chat.username, **(ORDER | {"lines": LINES[1:]}))
    page = scene.page(chat)
    expect(page.locator(".history li")).to_have_count(2)
    page.locator("#order").evaluate("(order) => { order.open = true; }")
    return page


def orders_failed(scene: Scene) -> Page:
    """The order has changed, and what draws it could not be loaded."""
    chat = scene.chat()
    page, _agent = scene.talk(chat)
    page.route("**/panel*.js", lambda route: route.abort())
    set_status(chat, "shipped")
    expect(page.locator(".orders-failed")).to_be_attached()
    page.locator("#order").evaluate("(order) => { order.open = true; }")
    return page


def no_orders(scene: Scene) -> Page:
    """A customer who has ordered nothing yet, as an agent sees them."""
    page = scene.page()
    made = page.request.post("/user", data={"username": "signe", "name": "Signe Lund"}).json()
    log_in(page, "agent", onward=f"/chat/agent/{made['conversation_id']}/0")
    page.locator("#order").evaluate("(order) => { order.open = true; }")
    return page


def forty_lines(scene: Scene) -> Page:
    """A long order of somebody with a long name, and what people paste."""
    lines = [
        {"name": f"Shelf board {number}, birch, 80 × 25 cm", "sku": f"SB-{number}", "quantity": 2, "unit_price": "12.40"}
        for number in range(1, 41)
    ]
    lines[0]["name"] = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft-Regal, massiv"
    name = "Maximiliane Alexandra Freifrau von und zu Hohenstein-Waldburg-Wolfegg"
    chat = order_chat(scene.product, name=name, **(ORDER | {"lines": lines}))
    page, agent = scene.page(chat), scene.agent(chat)
    say(
        page,
        "https://tracking.example.com/" + "0123456789abcdef" * 9,
        "W" * 90,
        "عندي سؤال عن الطاولة، هل هي من خشب البلوط؟",
    )
    say(agent, "好的，我们马上为您查询。")
    expect(bubble(page, "好的，我们马上为您查询。")).to_be_visible()
    page.locator("#order").evaluate("(order) => { order.open = true; }")
    return page


STATES: list[Callable[[Scene], Page]] = [
    door, new_device, first_load, empty, connecting, sending, offline, outcome_unknown, connected_again, seen, typing,
    solved, solved_agent, to_solve_agent, away, closed, answer_mail,
    not_sent, too_long, unread, new_messages, older_messages, ended, turned_away, order_changed, order_changed_agent,
    only_this_order, order_open, orders_failed, no_orders, forty_lines,
]  # fmt: skip


def take(browser: Browser, product: Product, *, options: dict[str, Any], save: Callable[[Page, str], None], only: str = "") -> None:
    """Every state whose name holds `only`; `save(page, name)` takes the picture."""
    port = urlsplit(product.url).port
    assert port
    for state in STATES:
        if only in state.__name__:
            with Wire(port).running() as wire:
                save(state(Scene(browser, product, wire, options)), state.__name__.replace("_", "-"))
                for context in browser.contexts:
                    context.close()
