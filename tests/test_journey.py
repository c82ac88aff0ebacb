"""The whole story through public doors only: an order is entered, its customer is told, and the mail's link opens a live chat."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from tests.running import Product, press_over_http, running_demo, wait_for


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One running demo for all steps of the story."""
    with running_demo(tmp_path_factory.mktemp("journey")) as started:
        yield started


def log_in(product: Product, name: str, *, onward: str) -> requests.Session:
    """A browser in which somebody of the demo has logged in."""
    browser = requests.Session()
    page = browser.get(f"{product.url}/login/?next={onward}", timeout=20)
    form = {"username": name, "password": name, "next": onward, "csrfmiddlewaretoken": field(page.text, "csrfmiddlewaretoken")}
    answer = browser.post(f"{product.url}/login/", data=form, timeout=20)
    assert answer.status_code == 200
    return browser


def field(page: str, name: str) -> str:
    """The value of a form's hidden field."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found, f"no field {name}"
    return html.unescape(found[1])


def mail_to(product: Product, address: str, *, order: int) -> str:
    """The page of the mail about that order, once it is in the mailbox."""

    def look() -> str | None:
        page = requests.get(f"{product.url}/demo/mailbox/", timeout=20).text
        for number in re.findall(r'href="/demo/mailbox/(\d+)/"', page):
            mail = requests.get(f"{product.url}/demo/mailbox/{number}/", timeout=20).text
            if address in mail and f"order {order} at" in mail:
                return mail
        return None

    return wait_for(look, f"the mail to {address} about order {order}")


def link_in(mail: str) -> str:
    """The link into the chat, as the customer presses it."""
    found = re.search(r'href="(http://localhost:\d+/chat/[^"]+)"', mail)
    assert found, "no link in the mail"
    return html.unescape(found[1])


def page_data(page: str) -> dict[str, Any]:
    """What the page hands to its scripts."""
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found, "no page data"
    data: dict[str, Any] = json.loads(found[1])
    return data


def open_socket(product: Product, browser: requests.Session, data: dict[str, Any]) -> ClientConnection:
    """The page's socket, with the browser's cookies and origin."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
    address = product.url.replace("http", "ws", 1) + f"{data['urls']['socket']}&after={data['conversation']['sequence']}"
    return connect(address, origin=product.url, additional_headers={"Cookie": cookies})  # type: ignore[arg-type]


def text_from(socket: ClientConnection, name: str) -> str:
    """The next text that `name` wrote."""
    while True:
        frame = json.loads(socket.recv(timeout=30))
        for event in frame.get("events", []):
            if event["type"] == "message" and event["_embedded"]["from_user"]["name"] == name:
                return str(event["body"]["text"])


def say(socket: ClientConnection, text: str) -> None:
    """Send a line as the page does."""
    event = {"type": "message", "body": {"message_type": "text", "text": text}}
    socket.send(json.dumps({"type": "send", "client_key": f"key-{text}", "event": event}))


def admin_order(product: Product) -> int:
    """Enter an order with two lines in the admin, as a clerk's browser posts it; its number."""
    clerk = log_in(product, "staff", onward="/admin/orders/order/add/")
    address = f"{product.url}/admin/orders/order/add/"
    page = clerk.get(address, timeout=20).text
    customers = clerk.get(f"{product.url}/api/customers/?limit=200", timeout=20).json()["results"]
    assert "anna" in [customer["username"] for customer in customers]
    lookup = {"app_label": "orders", "model_name": "order", "field_name": "customer", "term": "anna"}
    anna = clerk.get(f"{product.url}/admin/autocomplete/", params=lookup, timeout=20).json()["results"][0]["id"]
    form = {name: html.unescape(value) for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)}
    form |= {"customer": anna, "status": "placed", "currency": "EUR", "data": "{}", "lines-TOTAL_FORMS": "2"}
    form |= {"lines-0-name": "Linen shirt", "lines-0-quantity": "1", "lines-0-unit_price": "59.00"}
    form |= {"lines-1-name": "Wool socks", "lines-1-quantity": "3", "lines-1-unit_price": "12.50"}
    answer = clerk.post(address, data=form, allow_redirects=False, timeout=20)
    assert answer.status_code == 302, answer.text
    newest = clerk.get(f"{product.url}/api/orders/?limit=1", timeout=20).json()["results"][0]
    return int(newest["number"])


def test_the_guides_three_commands_lead_to_a_talk_between_customer_and_agent(product: Product) -> None:
    agent_made = requests.post(f"{product.url}/user", data={"username": "agent"}, timeout=20)
    customer_made = requests.post(f"{product.url}/user", data={"username": "user-123"}, timeout=20)
    order = requests.post(f"{product.url}/order", data={"username": "user-123"}, timeout=20).json()
    assert (agent_made.status_code, customer_made.status_code) == (200, 201)

    customer = requests.Session()
    page = press_over_http(customer, link_in(mail_to(product, "user-123@example.com", order=order["order_id"])))
    assert "Widget" in page.text

    agent = log_in(product, "agent", onward="/inbox/")
    agents_page = agent.get(f"{product.url}/chat/agent/{order['conversation_id']}/{order['order_id']}", timeout=20)
    with open_socket(product, customer, page_data(page.text)) as here, open_socket(product, agent, page_data(agents_page.text)) as there:
        say(here, "Where is my widget?")
        assert text_from(there, "user-123") == "Where is my widget?"
        say(there, "On its way.")
        assert text_from(here, "agent") == "On its way."

    again = customer.get(f"{product.url}/chat/user-123/{order['conversation_id']}/{order['order_id']}", timeout=20)
    assert "On its way." in again.text


def test_an_order_typed_in_admin_is_told_with_both_its_lines(product: Product) -> None:
    number = admin_order(product)
    mail = mail_to(product, "anna@example.com", order=number)
    page = press_over_http(requests.Session(), link_in(mail)).text
    assert ("Linen shirt" in mail, "Wool socks" in mail, "Linen shirt" in page, "€96.50" in page) == (True, True, True, True)


def test_the_console_tells_the_story_in_the_guides_words(product: Product) -> None:
    made = requests.post(f"{product.url}/user", data={"username": "user-456"}, timeout=20).json()
    log = product.log.read_text()
    assert "Creating user user-456\n" in log
    assert f"User user-456 and Conversation {made['conversation_id']} created.\n" in log


def test_nobody_becomes_the_agent_by_writing_the_name_into_the_address(product: Product) -> None:
    order = requests.post(f"{product.url}/order", data={"username": "anna"}, timeout=20).json()
    path = f"{product.url}/chat/agent/{order['conversation_id']}/{order['order_id']}"
    key = order["chat_url"].partition("?")[2]
    assert [requests.get(path, timeout=20).status_code, requests.get(f"{path}?{key}", timeout=20).status_code] == [404, 404]


def test_a_second_start_keeps_what_was_there(product: Product, tmp_path: Path) -> None:
    with running_demo(tmp_path) as first:
        number = requests.post(f"{first.url}/order", data={"username": "anna"}, timeout=20).json()["order_id"]
        mail_to(first, "anna@example.com", order=number)
    with running_demo(tmp_path) as second:
        assert requests.post(f"{second.url}/order", data={"username": "anna"}, timeout=20).json()["order_id"] == number + 1
        assert mail_to(second, "anna@example.com", order=number)
