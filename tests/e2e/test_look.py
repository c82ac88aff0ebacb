"""What the eye is promised, measured: sizes, places and colours of what people look at most."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.chats import SOLVE, Chat, bubble, enter, expect_sent, make_patient, order_chat, say
from tests.e2e.test_story import log_in
from tests.running import Product, wait_for

NewPage = Callable[..., Page]
CARD = {"light": "rgb(255, 255, 255)", "dark": "rgb(29, 31, 32)"}


def size_of(place: Locator) -> tuple[float, float]:
    """Width and height on the screen."""
    box = place.bounding_box()
    assert box
    return box["width"], box["height"]


def expect_one_line(row: Locator, *parts: str) -> None:
    """These parts of the row stand on one baseline; measured in one look, since the list draws its rows again whenever it hears of them."""
    ends: list[float] = wait_for(
        lambda: row.evaluate(
            """(row, parts) => {
                 const places = parts.map((part) => row.isConnected && row.querySelector(part));
                 return places.every(Boolean) && places.map((place) => {
                   const mark = Object.assign(document.createElement("span"), { style: "display: inline-block; block-size: 0" });
                   place.append(mark);
                   const { bottom } = mark.getBoundingClientRect();
                   mark.remove();
                   return bottom;
                 });
               }""",
            parts,
        ),
        f"{' and '.join(parts)} in one row",
    )
    assert max(ends) - min(ends) < 1, ends


@pytest.mark.parametrize(("width", "expected"), [(1280, 416), (390, 366)])
def test_every_card_in_the_talk_is_as_wide_as_the_other(chat: Chat, new_page: NewPage, width: int, expected: int) -> None:
    agent = new_page(width=width)
    log_in(agent, "agent", onward=chat.agents_path)
    say(enter(new_page(), chat.link), "Where is it?")
    expect(bubble(agent, "Where is it?")).to_be_visible()
    agent.get_by_role("button", name=SOLVE).click()
    cards = agent.locator(".event-card")
    expect(cards).to_have_count(2)
    assert [round(size_of(card)[0]) for card in cards.all()] == [expected, expected]


@pytest.mark.parametrize(("width", "label"), [(1280, "Mark as solved"), (390, "Solve")])
def test_the_solving_button_says_what_it_does(chat: Chat, new_page: NewPage, width: int, label: str) -> None:
    agent = new_page(width=width)
    log_in(agent, "agent", onward=chat.agents_path)
    button = agent.get_by_role("button", name=SOLVE)
    assert button.inner_text().strip() == label


def test_on_a_phone_the_language_is_beside_the_order_and_leaves_the_name_its_place(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(width=390, height=844), chat.link)
    switch = page.get_by_role("button", name="简体中文")
    expect(switch).to_have_count(0)
    page.locator("summary.order-bar").click()
    switch.click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")


def test_an_agent_sees_all_orders_before_the_links_of_the_customer(product: Product, new_page: NewPage) -> None:
    chat = order_chat(product)
    agent = new_page()
    log_in(agent, "agent", onward=chat.agents_path)
    places = agent.locator(".order-body > section").evaluate_all("(cards) => cards.map((card) => card.className.split(' ').at(-1))")
    assert places == ["order-card", "history-card", "entry-card"]


def test_a_customers_name_and_their_wait_stand_on_one_line(chat: Chat, new_page: NewPage) -> None:
    say(enter(new_page(), chat.link), "Where is it?")
    desk = new_page()
    desk.clock.install()
    log_in(desk, "agent", onward="/inbox/")
    row = desk.locator(f"#waiters a[href='{chat.agents_path}']")
    expect(row).to_contain_text("Where is it?")
    desk.clock.fast_forward("11:00")
    expect(row.locator(".wait svg")).to_be_visible()
    expect_one_line(row, ".name", ".wait")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_apis_page_follows_the_readers_light(new_page: NewPage, scheme: str) -> None:
    page = new_page(color_scheme=scheme)
    page.goto("/api/docs/", wait_until="networkidle")
    expect(page.locator(".opblock").first).to_have_css("background-color", CARD[scheme])


def test_the_apis_page_says_readably_that_it_loads(new_page: NewPage) -> None:
    page = new_page(color_scheme="dark")
    page.route("**/api/schema/**", lambda route: None)
    page.goto("/api/docs/")
    loading = page.locator(".loading-container .loading")
    expect(loading).to_be_attached()
    assert loading.evaluate("(sign) => getComputedStyle(sign, '::after').color") == "rgb(168, 166, 161)"


def test_a_new_device_stands_on_the_line_of_the_name(product: Product, new_page: NewPage) -> None:
    chat = order_chat(product, name="Ann Lee")
    enter(new_page(), chat.link)
    friend = new_page()
    friend.goto(chat.link)
    friend.get_by_role("button", name="Open my order").click()
    desk = new_page()
    log_in(desk, "agent", onward="/inbox/")
    row = desk.locator(f"#waiters a[href='{chat.agents_path}']")
    expect_one_line(row, ".name", ".new-device")


def test_the_admins_search_is_as_high_as_its_button_on_a_phone(new_page: NewPage) -> None:
    page = new_page(width=390, height=844)
    log_in(page, "staff", onward="/admin/orders/order/")
    assert size_of(page.locator("#searchbar"))[1] == size_of(page.locator("#changelist-search input[type=submit]"))[1] == 40


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_heading_of_the_chosen_groups_can_be_read(new_page: NewPage, scheme: str) -> None:
    page = new_page(color_scheme=scheme)
    log_in(page, "staff", onward="/admin/accounts/user/2/change/")
    heading = page.locator(".selector-chosen-title", has_text="Chosen groups")
    colours = heading.evaluate("(box) => [getComputedStyle(box).backgroundColor, getComputedStyle(box.querySelector('label')).color]")
    assert colours[0] != colours[1]


def test_the_whole_list_of_people_fits(product: Product, new_page: NewPage) -> None:
    order_chat(product, username="w" * 100, name="Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch")
    page = new_page()
    log_in(page, "staff", onward="/admin/accounts/user/")
    expect(page.get_by_role("heading", name="Users", exact=True)).to_be_visible()
    assert page.locator(".results").evaluate("(box) => box.scrollWidth <= box.clientWidth")


@pytest.mark.parametrize("has_scripts", [True, False])
def test_an_orders_card_is_its_link_and_a_finger_meets_what_it_aims_at(chat: Chat, new_page: NewPage, has_scripts: bool) -> None:
    page = enter(new_page(width=390, height=844, java_script_enabled=has_scripts), chat.link)
    card = page.locator(".event-card").first
    expect(card).to_be_visible()
    width, height = size_of(card)
    card.click(position={"x": width / 2, "y": height / 2})
    expect(page).to_have_url(re.compile(f"/{chat.number}$"))
    target = card.locator("a").evaluate(
        "(link) => { const { inlineSize, blockSize } = getComputedStyle(link, '::after'); return blockSize; }"
    )
    assert float(target.removesuffix("px")) >= 44


def test_without_scripts_what_shows_new_messages_is_as_high_as_a_finger(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(width=390, height=400, java_script_enabled=False), chat.link)
    assert size_of(page.get_by_role("link", name="Show new messages"))[1] >= 44


def test_a_line_of_a_group_shows_its_full_moment_once_it_is_looked_at(chat: Chat, new_page: NewPage) -> None:
    page = enter(new_page(), chat.link)
    say(page, "Where is it?", "And when?")
    expect_sent(page)
    second = bubble(page, "And when?")
    byline = second.locator(".byline")
    assert size_of(byline)[1] == 1
    second.hover()
    expect(byline).to_have_css("opacity", "1")
    assert size_of(byline)[0] > 100
    assert (
        byline.locator("time").evaluate("(time) => getComputedStyle(time, '::after').content")
        == f'"{byline.locator("time").get_attribute("title")}"'
    )


def test_a_page_that_connects_says_so_without_a_warning(chat: Chat, new_page: NewPage) -> None:
    page = new_page()
    page.route_web_socket("**/ws/**", lambda socket: None)
    make_patient(page)
    enter(page, chat.link)
    line = page.locator("#link-state")
    expect(line).to_have_text("Connecting…")
    expect(line).to_have_css("background-color", "rgba(0, 0, 0, 0)")


def test_a_long_name_is_whole_in_the_agents_narrow_header(product: Product, new_page: NewPage) -> None:
    chat = order_chat(product, name="Friederike von Hohenstein-Waldburg")
    agent = new_page(width=320, height=640)
    log_in(agent, "agent", onward=chat.agents_path)
    title = agent.get_by_role("heading", level=1)
    expect(title).to_have_text("Friederike von Hohenstein-Waldburg")
    assert title.evaluate("(title) => title.scrollWidth <= title.clientWidth && title.scrollHeight <= title.clientHeight + 1")


def test_the_head_and_the_links_card_follow_the_talk(chat: Chat, new_page: NewPage) -> None:
    agent = new_page()
    log_in(agent, "agent", onward=chat.agents_path)
    expect(agent.get_by_text("Not opened yet.")).to_be_visible()
    page = enter(new_page(), chat.link)
    expect(page.locator(".who p")).to_have_text(re.compile("how can we help"))
    expect(agent.get_by_text("Not opened yet.")).to_have_count(0)
    say(agent, "Good morning")
    expect(page.locator(".who p")).to_have_text("Maria answers you")


def test_the_orders_bar_of_an_agent_has_one_name(product: Product, new_page: NewPage) -> None:
    page = new_page(width=390, height=844)
    made = page.request.post("/user", data={"username": "solveig"}).json()
    log_in(page, "agent", onward=f"/chat/agent/{made['conversation_id']}/0")
    expect(page.locator(".order-bar")).to_have_text("All orders")


def test_the_lines_of_an_order_are_named_on_a_phone(new_page: NewPage) -> None:
    page = new_page(width=390, height=844)
    log_in(page, "staff", onward="/admin/orders/order/add/")
    page.locator("#lines-group .add-row a").click()
    expect(page.locator("#lines-1 .line-label")).to_have_text(["Article", "SKU", "Quantity", "Unit price"])
    expect(page.locator("#lines-1 .line-label").last).to_be_visible()


def test_filters_are_folded_above_the_list_on_a_phone_and_stand_beside_it_elsewhere(new_page: NewPage) -> None:
    page = new_page(width=390, height=844)
    log_in(page, "staff", onward="/admin/orders/order/")
    choice = page.get_by_role("link", name="outcome unknown")
    expect(choice).to_be_hidden()
    page.locator("#filters > summary").click()
    expect(choice).to_be_visible()
    tops = page.evaluate("() => ['#filters', '#result_list'].map((name) => document.querySelector(name).getBoundingClientRect().top)")
    assert tops[0] < tops[1]
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(choice).to_be_visible()
    expect(page.locator("#filters > summary")).to_be_hidden()
