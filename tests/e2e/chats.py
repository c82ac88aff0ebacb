"""What the browser tests of the chat share: an order with its link, a page to look at, and what the record holds."""

import json
import re
import sqlite3
import uuid
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

import requests
from playwright.sync_api import Locator, Page, expect

from tests.running import Product, wait_for
from tests.test_journey import field, log_in

Json = dict[str, Any]
FATE = ".message.mine .fate"
# For a page that tells the day or the minute: where it will not be midnight soon, nor has just been.
ZONE = next(zone for zone in ("Asia/Tokyo", "America/New_York") if 2 <= datetime.now(ZoneInfo(zone)).hour < 21)
# The button's name: on a phone it is shorter.
SOLVE = re.compile("^(Mark as solved|Solve)$")


@dataclass(frozen=True)
class Chat:
    """One customer's conversation, by the guide's own routes."""

    product: Product
    username: str
    conversation: str
    number: int
    link: str

    @property
    def agents_path(self) -> str:
        """Where the demo's agent answers."""
        return f"/chat/agent/{self.conversation}/{self.number}"

    def again(self) -> "Chat":
        """One more order of the same customer, and its link."""
        return order_chat(self.product, self.username)


def order_chat(product: Product, username: str = "", *, name: str = "", **order: Any) -> Chat:
    """Place an order, the guide's unless `lines` are given, for a customer of one's own, and wait until it is told."""
    username = username or f"guest-{uuid.uuid4().hex[:8]}"
    requests.post(f"{product.url}/user", json={"username": username, "name": name}, timeout=20)
    answer = requests.post(f"{product.url}/order", json={"username": username} | order, timeout=20)
    assert answer.status_code in {200, 201}, answer.text
    made = answer.json()
    chat = Chat(product, username, made["conversation_id"], made["order_id"], made["chat_url"])
    wait_for(
        lambda: f"order {chat.number} at" in requests.get(f"{product.url}/demo/mailbox/", timeout=20).text, f"the mail of {chat.number}"
    )
    return chat


def enter(page: Page, link: str, *, by: str = "") -> Page:
    """Come by the mail's link and its button, over the address `by` where given; a browser that is in already sees no button."""
    parts = urlsplit(link)
    page.goto(f"{by}{parts.path}?{parts.query}" if by else link)
    button = page.get_by_role("button", name="Open my order")
    # The log has its role once the page's script runs; a page without scripts has a link instead. Before that, Enter only breaks the line.
    log = page.get_by_role("log").or_(page.get_by_role("link", name="Show new messages"))
    expect(button.or_(log)).to_be_visible()
    if button.is_visible():
        button.click()
        # Loaded, its scripts at work.
        page.wait_for_url(lambda url: "key=" not in url)
    expect(log).to_be_visible()
    return page


def same_person(page: Page, known: Page) -> Page:
    """Another browser of whoever opened the link in `known`; without this it would be asked for a code."""
    names = {"ordersupport_device", "ordersupport_session"}
    page.context.add_cookies([cookie for cookie in known.context.cookies() if cookie["name"] in names])  # type: ignore[misc]
    return page


def bubble(page: Page, text: str) -> Locator:
    """The messages that say exactly this."""
    return page.locator(".message").filter(has=page.locator(".bubble").get_by_text(text, exact=True))


def say(page: Page, *texts: str) -> None:
    """Type each line and press Enter."""
    field = page.get_by_role("textbox", name="Your message")
    for text in texts:
        field.fill(text)
        field.press("Enter")
        expect(field).to_have_value("")


def expect_sent(page: Page) -> None:
    """Nothing waits, and my last line is in the record."""
    expect(page.locator(".message.sending, .message.waiting, .message.checking, .message.failed")).to_have_count(0, timeout=30_000)
    expect(page.locator(FATE)).to_have_text([re.compile(r"^(Sent|Seen)")])


def page_data(page: Page) -> Json:
    """What the server handed to the page."""
    found: Json = json.loads(page.locator("#page-data").text_content() or "")
    return found


def recorded(page: Page, *, at: str = "") -> list[str]:
    """Every message's text in the record, in its order, asked of the API; at another address than the page's where the page is cut off."""
    events = urljoin(at or page.url, page_data(page)["urls"]["events"])
    texts: list[str] = []
    after, more = 0, True
    while more:
        answer = page.request.get(events, params={"after": after, "limit": 200}).json()
        texts += [event["body"]["text"] for event in answer["events"] if event["type"] == "message"]
        after, more = answer["events"][-1]["id"], answer["has_more"]
    return texts


def write_many(page: Page, texts: list[str]) -> None:
    """Messages of the page's own person, straight through the API."""
    data = page_data(page)
    for text in texts:
        body = {"type": "message", "body": {"message_type": "text", "text": text}, "client_key": uuid.uuid4().hex}
        answer = page.request.post(data["urls"]["events"], data=body, headers={"X-CSRFToken": data["csrf"]})
        assert answer.status == 201, answer.text()


def record(chat: Chat, change: str, *values: str) -> None:
    """Change the record as time would."""
    database = sqlite3.connect(chat.product.log.parent / "db.sqlite3", timeout=20)
    with closing(database), database:
        database.execute(change, values)


def yesterday(chat: Chat) -> None:
    """All that was said until now was said a day earlier."""
    conversations = "(SELECT id FROM chat_conversation WHERE public_id = ?)"
    earlier = f"UPDATE chat_event SET created_at = datetime(created_at, '-1 day') WHERE conversation_id = {conversations}"
    record(chat, earlier, chat.conversation)


def mail_of_answers(chat: Chat) -> str:
    """The address of the mail's HTML in the mailbox, of the answers that the customer has not seen; three minutes ago, as it were."""
    earlier = (datetime.now(UTC) - timedelta(minutes=3)).replace(tzinfo=None).isoformat(" ")
    record(chat, "UPDATE chat_conversation SET untold_since = ? WHERE public_id = ?", earlier, chat.conversation)
    mailbox = f"{chat.product.url}/demo/mailbox/"
    row = re.compile(rf'href="([^"]+)">\s*<span class="line"><b class="name">We have answered you about order {chat.number}<')
    found = wait_for(lambda: row.search(requests.get(mailbox, timeout=20).text), f"the mail of answers about {chat.number}")
    frame = re.search(r'<iframe[^>]* src="([^"]+)"', requests.get(urljoin(mailbox, found[1]), timeout=20).text)
    assert frame
    return urljoin(mailbox, frame[1])


def set_status(chat: Chat, status: str) -> None:
    """The clerk changes the order's state."""
    change_order(chat.product, chat.number, status=status)


def change_order(product: Product, number: int, **fields: str) -> None:
    """The clerk changes an order."""
    clerk = log_in(product, "staff", onward="/admin/orders/order/")
    csrf = field(clerk.get(f"{product.url}/admin/orders/order/", timeout=20).text, "csrfmiddlewaretoken")
    address = f"{product.url}/api/orders/{number}/"
    answer = clerk.patch(address, json=fields, headers={"X-CSRFToken": csrf, "Referer": product.url}, timeout=20)
    assert answer.status_code == 200, answer.text


def make_patient(page: Page) -> None:
    """From the next page on nothing is given up, and nothing is asked over HTTP instead, however slow this machine is."""
    page.add_init_script("const later = setTimeout; window.setTimeout = (act, delay) => (delay >= 2000 ? 0 : later(act, delay));")


def answer_everybody(page: Page) -> None:
    """Whoever waits, of other tests too, gets a word from the agent whose inbox the page is."""
    csrf = next(str(cookie.get("value")) for cookie in page.context.cookies() if "csrf" in str(cookie.get("name")))
    for row in page.request.get("/api/conversations/?waiting=1&limit=200").json()["results"]:
        body = {"type": "message", "body": {"message_type": "text", "text": "Good morning"}, "client_key": uuid.uuid4().hex}
        headers = {"X-CSRFToken": csrf, "Referer": page.url}
        answer = page.request.post(f"/api/conversations/{row['id']}/events/?as=agent", data=body, headers=headers)
        assert answer.status == 201, answer.text()


def refuse_messages(page: Page) -> None:
    """From now on this page is told that what it sends can't be sent, over HTTP as its sockets are blocked; until `page.unroute_all()`."""
    problem = {"status": 400, "code": "bad_text", "detail": "The message holds characters that can't be sent."}
    page.route_web_socket("**/ws/**", lambda socket: socket.close())
    page.reload()
    page.route(
        "**/events/**", lambda route: route.fulfill(status=400, json=problem) if route.request.method == "POST" else route.fallback()
    )
