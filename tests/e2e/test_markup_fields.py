"""The same in a shop whose own name is evil, and whose staff type evil into every field there is: text on every page and in every mail."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.e2e.chats import Chat, enter, expect_sent, mail_of_answers, order_chat, say
from tests.e2e.test_markup import INJECTED, evil, expect_text
from tests.e2e.test_story import log_in
from tests.running import Product, running_demo, wait_for
from tests.test_journey import field
from tests.test_journey import log_in as clerk_over_http

NewPage = Callable[..., Page]
NUMBERS = itertools.count(1)
SHOP = evil("shop")
# Without a space, as an address takes it.
IN_A_PATH = "https://shop.example.com/<img/src=x/onerror=top.hacked=1>\"'><svg/onload=top.hacked=1>"
REFUSED = re.compile("status of 4")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A demo of that shop, for every fixture of this module."""
    with running_demo(tmp_path_factory.mktemp("markup"), PORT="3490", MESSAGES_PER_MINUTE="100000", SHOP_NAME=SHOP) as started:
        yield started


@pytest.fixture(scope="module")
def evil_people(product: Product) -> None:
    """The agent's and the clerk's own names are evil, and the clerk is a client who may have a key."""
    clerk = clerk_over_http(product, "staff", onward="/admin/")
    for name, group in (("agent", "Agents"), ("staff", "API clients")):
        listed = clerk.get(f"{product.url}/admin/accounts/user/?q={name}", timeout=20).text
        row = re.search(rf'href="(/admin/accounts/user/\d+/change/)[^"]*">{name}<', listed)
        assert row
        page = clerk.get(f"{product.url}{row[1]}", timeout=20).text
        form = {found[1]: field(page, found[1]) for found in re.finditer(r'<input[^>]* name="([^"]+)" value="[^"]+"', page)}
        form |= {found[1]: found[2] for found in re.finditer(r'<input[^>]* value="(\w+)"[^>]* name="([^"]+)"', page)}
        boxes = [re.search(r'name="([^"]+)"', box) for box in re.findall(r'<input type="checkbox"[^>]* checked>', page)]
        form |= {box[1]: "on" for box in boxes if box}
        chosen = re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL)
        several = {select: re.findall(r'<option value="([^"]*)" selected', options) for select, options in chosen}
        several["groups"] += re.findall(rf'<option value="(\d+)">{group}<', page)
        answer = clerk.post(f"{product.url}{row[1]}", data=form | several | {"name": evil(name), "_save": "Save"}, timeout=20)
        assert "was changed successfully" in answer.text, answer.text


@pytest.fixture
def told(product: Product) -> Chat:
    """An order of a customer whose name is evil."""
    return order_chat(product, f"fields-{next(NUMBERS)}", name=evil("name"))


def fill_all(form: Page) -> list[str]:
    """Type evil into every field of the page's main form that takes text; their names."""
    fields = form.locator("#content-main form, main form").first.locator(
        "input[type=text]:visible, input[type=email]:visible, input[type=tel]:visible, input[type=number]:visible, textarea:visible"
    )
    names = []
    for number in range(fields.count()):
        one = fields.nth(number)
        names.append(str(one.evaluate("field => { field.type === 'number' && (field.type = 'text'); return field.name; }")))
        one.fill(evil(names[-1]))
    return names


def submit(page: Page) -> None:
    """Press the form's last button whatever the browser thinks of its fields."""
    page.locator("form").evaluate_all("forms => forms.forEach(form => form.noValidate = true)")
    with page.expect_navigation():
        page.locator("#content-main form [name=_save]").or_(page.locator("main.page form button")).first.click()


def expect_harmless(page: Page) -> None:
    """Nothing on the page came of what was typed, its title included."""
    page.wait_for_load_state()
    assert (page.locator(INJECTED).count(), page.evaluate("top.hacked ?? null")) == (0, None), page.url


# --- The shop's own name -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/login/", "/new-link/", "/chat/nobody/CON-0/1", "/demo/mailbox/"])
def test_the_shops_name_on_a_page_for_everybody(new_page: NewPage, path: str) -> None:
    page = new_page(expects=REFUSED)
    page.goto(path)
    expect_harmless(page)
    assert SHOP in page.title() + page.locator("body").inner_text()


def test_the_shops_name_where_customers_and_agents_are(new_page: NewPage, told: Chat, evil_people: None) -> None:
    customer, agent = new_page(), new_page()
    customer.goto(told.link)
    expect_text(customer, "shop")
    enter(customer, told.link)
    assert SHOP in customer.title()
    log_in(agent, "agent", onward=told.agents_path)
    assert SHOP in agent.title()
    for page in (customer, agent):
        expect_harmless(page)


# --- Who writes, who types, who looks -----------------------------------------------------------------------------------


def test_an_agents_name_on_the_customers_page_and_a_customers_title_at_the_desk(new_page: NewPage, told: Chat, evil_people: None) -> None:
    customer, agent, inbox = new_page(), new_page(), new_page()
    enter(customer, told.link)
    say(customer, evil("question"))
    log_in(inbox, "agent", onward="/inbox/")
    log_in(agent, "agent", onward=told.agents_path)
    # What is typed before a page is live goes nowhere, so on and on.
    field_of_answer = agent.get_by_role("textbox", name="Your message")
    everything = customer.locator("body")
    wait_for(lambda: [field_of_answer.press_sequentially("t"), evil("agent") in everything.inner_text()][1], "that somebody types")
    expect_text(customer, "question")
    say(agent, evil("answer"))
    expect_sent(agent)
    # A title with a number, a list that is drawn by the script, a head that says who answers.
    expect(customer.get_by_role("log").get_by_text("answer")).to_be_visible()
    expect_text(customer, "agent", "answer")
    expect(agent.get_by_role("log").get_by_text("question")).to_be_visible()
    expect_text(agent, "name", "question", "answer")
    expect_text(inbox, "name")
    customer.reload()
    expect_text(customer, "agent", "answer")


def test_an_order_that_staff_look_at_as_the_customer(new_page: NewPage, told: Chat, evil_people: None) -> None:
    clerk = new_page()
    log_in(clerk, "staff", onward="/admin/")
    clerk.goto(f"/admin/orders/order/as-customer/{told.number}")
    expect_text(clerk, "name")
    clerk.goto("/admin/accounts/auditentry/")
    expect_text(clerk, "staff")


# --- Every field that a person can fill -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/new-link/", "/login/"])
def test_every_field_of_a_form_for_everybody_comes_back_as_text(new_page: NewPage, path: str) -> None:
    page = new_page(expects=REFUSED)
    page.goto(path)
    names = fill_all(page)
    submit(page)
    expect_text(page, *names)
    assert names


def test_the_code_of_a_new_device(new_page: NewPage, told: Chat) -> None:
    customer, friend = new_page(), new_page(expects=REFUSED)
    enter(customer, told.link)
    friend.goto(told.link)
    friend.get_by_role("button", name="Open my order").click()
    friend.get_by_role("button", name="Mail me a code").click()
    expect(friend.get_by_label("Enter the code we mailed")).to_be_visible()
    friend.locator("#code").evaluate("field => field.removeAttribute('maxlength')")
    friend.fill("#code", evil("code"))
    submit(friend)
    expect(friend.get_by_role("alert")).to_be_visible()
    expect_harmless(friend)


def test_the_number_to_be_called(new_page: NewPage, told: Chat) -> None:
    customer = new_page(expects=REFUSED)
    enter(customer, told.link)
    customer.locator("summary").filter(has_text="Call me").click()
    customer.locator("#phone").evaluate("field => field.removeAttribute('maxlength')")
    customer.fill("#phone", evil("number"))
    customer.get_by_role("button", name="Call me now").click()
    expect(customer.locator("#call [role=alert]")).not_to_be_empty()
    expect_text(customer, "number")


def test_the_choice_of_a_time_zone(new_page: NewPage, told: Chat) -> None:
    customer = new_page(expects=REFUSED)
    enter(customer, told.link)
    path = f"/chat/{told.username}/{told.conversation}/{told.number}"
    customer.goto(f"{path}?times")
    customer.locator("[name=time_zone]").first.evaluate(
        "(field, text) => field.replaceWith(Object.assign(document.createElement('input'),{name: 'time_zone', value: text}))", evil("zone")
    )
    submit(customer)
    expect_harmless(customer)


ADDED = [
    "/admin/orders/order/add/",
    "/admin/accounts/user/add/",
    "/admin/accounts/apikey/add/",
    "/admin/orders/webhookendpoint/add/",
    "/admin/auth/group/add/",
]


@pytest.mark.parametrize("path", ADDED)
def test_every_field_of_a_form_in_the_admin(new_page: NewPage, path: str, evil_people: None) -> None:
    clerk = new_page(expects=REFUSED)
    log_in(clerk, "staff", onward="/admin/")
    clerk.goto(path)
    names = fill_all(clerk)
    submit(clerk)
    assert names
    expect_harmless(clerk)
    # What was refused stands in its field again; what was taken, in a line above the list.
    shown = str(clerk.locator("body").evaluate("b => b.innerText + [...b.querySelectorAll('input, textarea')].map(f => f.value).join()"))
    assert any(evil(name)[:40] in shown for name in names), names


def test_what_was_typed_and_taken_in_the_admin_stands_in_lists_searches_and_pages_as_text(
    product: Product, new_page: NewPage, told: Chat, evil_people: None
) -> None:
    clerk = new_page(expects=REFUSED)
    log_in(clerk, "staff", onward="/admin/")
    make_key(clerk)
    make_webhook(clerk)
    clerk.goto("/admin/")
    lists = sorted(set(clerk.locator("#content-main th a").evaluate_all("links => links.map(link => link.getAttribute('href'))")))
    assert len(lists) > 15
    for address in lists:
        clerk.goto(f"{address}?q={quote(evil('search'))}")
        expect_harmless(clerk)
        clerk.goto(address)
        expect_harmless(clerk)
        first = clerk.locator("#result_list th a, #result_list td.field-link a").first
        if first.count():
            page = str(first.evaluate("link => link.pathname"))
            for way in (page, page.replace("/change/", "/history/"), page.replace("/change/", "/delete/")):
                clerk.goto(way)
                expect_harmless(clerk)


def make_key(clerk: Page) -> None:
    """A key whose name is evil, and what the admin says of it."""
    clerk.goto("/admin/accounts/apikey/add/")
    clerk.locator("#id_user + .select2 .select2-selection").click()
    clerk.locator(".select2-search__field").fill("staff")
    clerk.locator(".select2-results__option", has_text="staff").first.click()
    clerk.fill("#id_name", "<img src=x onerror=top.hacked=1>")
    clerk.locator("[name=_save]").click()
    expect(clerk.locator(".messagelist code")).to_be_visible()
    expect_harmless(clerk)
    expect(clerk.locator("#result_list").get_by_text("<img src=x onerror=top.hacked=1>").first).to_be_visible()


def make_webhook(clerk: Page) -> None:
    """A webhook whose address is evil."""
    clerk.goto("/admin/orders/webhookendpoint/add/")
    clerk.fill("#id_url", IN_A_PATH)
    clerk.locator("[name=_save]").click()
    expect(clerk.locator(".messagelist")).to_be_visible()
    expect_harmless(clerk)
    expect(clerk.locator("#result_list").get_by_text(IN_A_PATH).first).to_be_visible()


def test_the_file_of_everything_about_a_customer(product: Product, new_page: NewPage, told: Chat, evil_people: None) -> None:
    customer, clerk = new_page(), new_page()
    enter(customer, told.link)
    say(customer, evil("question"))
    expect_sent(customer)
    log_in(clerk, "staff", onward="/admin/")
    clerk.goto(f"/admin/accounts/user/?q={told.username}")
    clerk.locator("#result_list input[type=checkbox]").first.check()
    clerk.locator("select[name=action]").select_option("export_everything")
    with clerk.expect_download() as download:
        clerk.locator("[name=index]").first.click()
    file = new_page()
    file.goto(f"file://{download.value.path()}")
    file.set_content(download.value.path().read_text())
    expect_text(file, "name")
    # The message stands in its event, which is shown as JSON.
    assert json.dumps(evil("question"))[1:-1] in file.locator("body").inner_text()


# --- Mails and texts to agents -----------------------------------------------------------------------------------------


def mails_to(product: Product, username: str) -> dict[str, str]:
    """The subject of each mail of one customer's, and the page that shows it."""
    mailbox = requests.get(f"{product.url}/demo/mailbox/", timeout=20).text
    pages = {
        path: requests.get(f"{product.url}{path}", timeout=20).text for path in set(re.findall(r'href="(/demo/mailbox/\d+/)"', mailbox))
    }
    return {field_of(page, "h1"): path for path, page in pages.items() if username in page}


def field_of(page: str, tag: str) -> str:
    """What stands in the first such element."""
    found = re.search(rf"<{tag}[^>]*>(.*?)</{tag}>", page, re.DOTALL)
    return found[1] if found else ""


KINDS = ["Your order", "Your code for", "Your link to", "We have answered", "Your mail address at"]


@pytest.fixture(scope="module")
def mailed(browser: object, product: Product, evil_people: None) -> Chat:
    """A customer who was sent every kind of mail."""
    chat = order_chat(product, f"mailed-{next(NUMBERS)}", name=evil("name"))
    person = requests.Session()
    page = person.get(chat.link, timeout=20).text
    form = {"csrfmiddlewaretoken": field(page, "csrfmiddlewaretoken"), "key": chat.link.partition("key=")[2]}
    path = chat.link.partition("?")[0]
    person.post(path, data=form, timeout=20)
    friend = requests.Session()
    page = friend.get(chat.link, timeout=20).text
    page = friend.post(path, data=form | {"csrfmiddlewaretoken": field(page, "csrfmiddlewaretoken")}, timeout=20).text
    friend.post(f"{path}/code", data={"ask": "1", "csrfmiddlewaretoken": field(page, "csrfmiddlewaretoken")}, timeout=20)
    agent = clerk_over_http(product, "agent", onward="/inbox/")
    desk = agent.get(f"{product.url}{chat.agents_path}", timeout=20).text
    token = {"csrfmiddlewaretoken": field(desk, "csrfmiddlewaretoken")}
    agent.post(f"{product.url}{chat.agents_path}", data=token | {"text": evil("answer")}, timeout=20)
    agent.post(f"{product.url}{chat.agents_path}/link", data=token | {"mail": "1"}, timeout=20)
    mail_of_answers(chat)
    clerk = clerk_over_http(product, "staff", onward="/admin/orders/order/")
    csrf = field(clerk.get(f"{product.url}/admin/orders/order/", timeout=20).text, "csrfmiddlewaretoken")
    changed = clerk.patch(
        f"{product.url}/api/customers/{chat.username}/",
        json={"email": f"other-{chat.username}@example.com"},
        headers={"X-CSRFToken": csrf, "Referer": product.url},
        timeout=20,
    )
    assert changed.status_code == 200, changed.text
    wait_for(lambda: len(mails_to(product, chat.username)) >= len(KINDS), "every kind of mail")
    return chat


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_of_each_kind(product: Product, new_page: NewPage, mailed: Chat, kind: str) -> None:
    path = next(path for subject, path in mails_to(product, mailed.username).items() if kind in subject)
    page = new_page()
    page.goto(path)
    page.wait_for_load_state("networkidle")
    expect_text(page, "name")
    frame = next(frame for frame in page.frames if frame.url.endswith("/html/"))
    shown = frame.locator("body").inner_text()
    assert (evil("name") in shown, SHOP in shown, frame.locator(INJECTED).count()) == (True, True, 0)


def test_a_text_to_an_agent_of_a_customer_whose_name_is_evil(new_page: NewPage, told: Chat) -> None:
    customer, phones = new_page(), new_page()
    phones.goto("/demo/phones/")
    enter(customer, told.link)
    with customer.expect_response(lambda response: "/present/" in response.url):
        customer.mouse.move(100, 200)
    expect(phones.get_by_text(f"about order {told.number}")).to_be_visible()
    expect_harmless(phones)
