"""The chat through Vonage's Client SDK: the real one from npm, in a real browser, against our twin of Vonage."""

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, Route, expect

from tests import npm
from tests.e2e.test_story import log_in, open_link, order_for, say
from tests.running import Product, running_demo, wait_for
from tests.twins import Twins, VonageTwin, client_sdk
from tests.twins.http import Reply, Request, Response
from tests.twins.server import Server

HOOK_SECRET = "a-long-random-word-for-tests"
NUMBERS = itertools.count(1)
# What the eye could see at any moment: the most bubbles with the same words.
WATCH = """addEventListener("DOMContentLoaded", () => {
  const rows = document.getElementById("rows");
  const look = () => {
    const counts = {};
    for (const { textContent } of rows.querySelectorAll(".bubble")) counts[textContent] = (counts[textContent] ?? 0) + 1;
    window.mostAlike = Math.max(window.mostAlike ?? 0, ...Object.values(counts));
  };
  if (rows) new MutationObserver(look).observe(rows, { childList: true, subtree: true });
});"""
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def twins() -> Iterator[Twins]:
    with Twins() as started:
        yield started


@pytest.fixture(scope="module")
def sdk() -> Iterator[str]:
    """The address of the SDK's file, on another origin than the page's."""
    try:
        content = client_sdk.script().read_bytes()
    except npm.UnavailableError as error:
        pytest.skip(str(error))

    async def answer(request: Request) -> Reply:
        return Reply(Response(200, content, {"content-type": "text/javascript", "access-control-allow-origin": "*"}))

    server = Server(answer)
    server.start()
    yield f"http://127.0.0.1:{server.port}/vonageClientSDK.min.js"
    server.stop()


@pytest.fixture(scope="module")
def product(twins: Twins, sdk: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The demo with Vonage's credentials, and the embedded mailbox."""
    vonage = {name: value for name, value in twins.environment().items() if not name.startswith("SENDINBLUE")}
    browsers = {"CHAT_TRANSPORT": "client-sdk", "VONAGE_WS_URL": twins.vonage.origin.replace("https", "wss")}
    script = {"VONAGE_CLIENT_SDK_URL": sdk, "VONAGE_CLIENT_SDK_INTEGRITY": client_sdk.SCRIPT_INTEGRITY}
    folder = tmp_path_factory.mktemp("client-sdk")
    with running_demo(folder, PORT="3450", WEBHOOK_SECRET=HOOK_SECRET, **vonage, **browsers, **script) as started:
        yield started


@pytest.fixture
def vonage(twins: Twins, product: Product) -> VonageTwin:
    """On a good day, its webhooks coming to us."""
    twins.vonage.turn(session_error="", refuse_messaging={}, webhook_hold=False, rtc_url=f"{product.url}/webhooks/rtc/{HOOK_SECRET}")
    return twins.vonage


@dataclass
class Chat:
    """One order's conversation in two browsers."""

    customer: Page
    agent: Page
    addresses: list[str] = field(default_factory=list)
    consoles: list[str] = field(default_factory=list)


OpenChat = Callable[..., Chat]


@pytest.fixture
def open_chat(browser: Browser, product: Product, vonage: VonageTwin) -> Iterator[OpenChat]:
    """Opens a conversation on both sides and waits until both pages say how they are connected: by `way`."""
    contexts: list[BrowserContext] = []

    def open_one(*, way: str = "vonage", before: Callable[[Page], object] = lambda page: None, width: int = 1280) -> Chat:
        _number, link, agents_path = order_for(product, f"sdk-{next(NUMBERS)}")
        pages = []
        for _side in range(2):
            # The twin's certificate is from an authority of its own.
            contexts.append(browser.new_context(base_url=product.url, ignore_https_errors=True, viewport={"width": width, "height": 800}))
            contexts[-1].add_init_script(WATCH)
            pages.append(contexts[-1].new_page())
            before(pages[-1])
        chat = Chat(*pages)
        for page in pages:
            page.on("request", lambda request: chat.addresses.append(request.url))
            page.on("console", lambda message: chat.consoles.append(message.text))
            page.on("pageerror", lambda error: chat.consoles.append(f"error: {error}"))
        open_link(chat.customer, link)
        log_in(chat.agent, "agent", onward=agents_path)
        for page in pages:
            expect(page.locator(f"#detour[data-way={way}]")).to_be_attached(timeout=PATIENCE_MS)
        return chat

    yield open_one
    for context in contexts:
        context.close()


def wait_for_the_webhook(page: Page) -> None:
    """However late it is on a busy machine: the page brings no line to us itself."""
    page.add_init_script("const later = setTimeout; window.setTimeout = (act, delay) => (delay === 5000 ? 0 : later(act, delay));")


def line(page: Page, text: str) -> Locator:
    """The bubbles with that text."""
    return page.locator(".message .bubble").get_by_text(text, exact=True)


def expect_once(chat: Chat, text: str) -> None:
    """Both pages show it, and nothing was ever shown twice."""
    for page in (chat.customer, chat.agent):
        expect(line(page, text)).to_have_count(1)
        assert page.evaluate("window.mostAlike ?? 1") <= 1


def expect_sent(page: Page) -> None:
    """My last line is in the record."""
    expect(page.locator(".message.mine .fate").last).to_have_text(re.compile("Sent|Seen"), timeout=PATIENCE_MS)


def recorded(chat: Chat, text: str) -> list[str]:
    """The client keys under which our record holds the text."""
    data = json.loads(chat.customer.locator("#page-data").text_content() or "")
    events = chat.customer.request.get(data["urls"]["events"]).json()["events"]
    return [event["client_key"] for event in events if event["body"].get("text") == text]


def at_vonage(vonage: VonageTwin, text: str) -> int:
    """How often Vonage holds the text."""
    return [event["body"]["text"] for event in vonage.events(kind="message")].count(text)


def talk(chat: Chat, name: str) -> None:
    """A line each way, each on both pages once."""
    for page, text in ((chat.customer, f"Where is it? {name}"), (chat.agent, f"On its way. {name}")):
        say(page, text)
        expect_sent(page)
        expect_once(chat, text)


# On a good day


def test_a_line_goes_out_through_vonage_and_comes_back_into_the_record(open_chat: OpenChat, vonage: VonageTwin) -> None:
    chat = open_chat(before=wait_for_the_webhook)
    # The SDK itself refuses all of these characters unless it is told not to look.
    text = 'Where\'s my "widget" <b>&</b> the rest? a/b\\c 订单'
    say(chat.customer, text)
    expect_sent(chat.customer)
    expect_once(chat, text)
    assert (at_vonage(vonage, text), [key[:7] for key in recorded(chat, text)]) == (1, ["vonage:"])
    for page in (chat.customer, chat.agent):
        page.reload()
    expect_once(chat, text)
    # Vonage's message could not say which order it is about; the page told us itself.
    expect(chat.agent.locator(".message .chip")).to_contain_text(re.compile(r"Order \d+"))


def test_a_line_that_the_browser_repeats_by_itself_is_one_line(open_chat: OpenChat, vonage: VonageTwin) -> None:
    chat = open_chat()
    say(chat.customer, "Hello?")
    expect_sent(chat.customer)
    vonage.faults.set("vonage.sdk_create_event", {"fault": "reset_after", "contains": "at my door", "times": 1})
    say(chat.customer, "Is it at my door?")
    expect_sent(chat.customer)
    wait_for(lambda: at_vonage(vonage, "Is it at my door?") == 2, "the browser's repeat")
    say(chat.agent, "Yes")  # by then, whatever came before it has come
    expect_sent(chat.agent)
    expect_once(chat, "Is it at my door?")
    assert len(recorded(chat, "Is it at my door?")) == 1


def test_a_line_from_the_other_side_is_shown_before_our_record_has_it(open_chat: OpenChat, vonage: VonageTwin) -> None:
    chat = open_chat()
    vonage.turn(webhook_hold=True)
    say(chat.agent, "It left this morning.")
    bubble = line(chat.customer, "It left this morning.")
    expect(bubble).to_have_count(1)
    expect(bubble.locator("xpath=ancestor::li")).not_to_have_attribute("aria-live", "off")
    assert recorded(chat, "It left this morning.") == []
    vonage.webhooks.release()
    expect_sent(chat.agent)
    expect_once(chat, "It left this morning.")
    # It is not read out again.
    expect(bubble.locator("xpath=ancestor::li")).to_have_attribute("aria-live", "off")


def test_two_say_the_same_at_once(open_chat: OpenChat, vonage: VonageTwin) -> None:
    chat = open_chat()
    for page in (chat.customer, chat.agent, chat.customer):
        say(page, "Hello")
    for page in (chat.customer, chat.agent):
        expect(line(page, "Hello")).to_have_count(3)
        expect_sent(page)
    assert (at_vonage(vonage, "Hello"), len(recorded(chat, "Hello"))) == (3, 3)


def test_the_sdks_talk_with_itself_is_shown_to_nobody_and_asks_us_nothing(open_chat: OpenChat, vonage: VonageTwin) -> None:
    chat = open_chat(before=wait_for_the_webhook)
    talk(chat, "noise")
    rows = chat.customer.locator("#rows > li").count()
    chat.addresses.clear()
    known = len(vonage.events(kind="message:delivered"))
    vonage.say(vonage.events(kind="message")[-1]["conversation_id"], "stranger", "Nobody of ours")
    wait_for(lambda: len(vonage.events(kind="message:delivered")) >= known + 2, "both browsers' reports")
    talk(chat, "after it")
    asked = [address for address in chat.addresses if "/events/" in address]
    assert (chat.customer.locator("#rows > li").count(), asked) == (rows + 2, [])


def test_the_token_is_nowhere_but_between_our_server_the_page_and_vonage(open_chat: OpenChat, product: Product) -> None:
    chat = open_chat()
    talk(chat, "token")
    ours = [address for address in chat.addresses if address.startswith(product.url)]
    seen = [*ours, *chat.consoles, chat.customer.content(), chat.agent.content(), product.log.read_text()]
    assert [text for text in seen if "eyJ" in text] == []


def test_a_strict_policy_lets_the_sdk_do_all_it_has_to(open_chat: OpenChat, vonage: VonageTwin, sdk: str) -> None:
    origin = vonage.origin
    policy = (
        f"default-src 'none'; script-src 'self' '{client_sdk.SCRIPT_INTEGRITY}'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {origin} {origin.replace('https', 'wss')}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )

    def under_policy(route: Route) -> None:
        if route.request.resource_type != "document" or route.request.method != "GET":
            return route.continue_()
        answer = route.fetch(max_redirects=0)
        return route.fulfill(response=answer, headers=answer.headers | {"content-security-policy": policy})

    def lay_down(page: Page) -> None:
        # To Chromium an answer that a test hands over comes from no address of this machine. (Older ones don't ask.)
        with contextlib.suppress(Error):
            page.context.grant_permissions(["local-network-access"])
        page.route("**/*", under_policy)

    chat = open_chat(before=lay_down)
    talk(chat, "policy")
    asked = {urlsplit(address).hostname for address in chat.addresses}
    assert (chat.consoles, asked) == ([], {"localhost", "127.0.0.1"})


# On a bad day


def test_a_webhook_that_is_late_adds_no_second_line(open_chat: OpenChat, vonage: VonageTwin) -> None:
    chat = open_chat()
    vonage.turn(webhook_hold=True)
    say(chat.customer, "Is it late?")
    expect_sent(chat.customer)  # the page brought it itself
    vonage.webhooks.release()
    assert vonage.webhooks.wait_until_sent()
    talk(chat, "after the late one")
    expect_once(chat, "Is it late?")
    assert (at_vonage(vonage, "Is it late?"), len(recorded(chat, "Is it late?"))) == (1, 1)


def test_a_page_that_is_closed_before_the_webhook_came_finds_its_line_again(open_chat: OpenChat, vonage: VonageTwin) -> None:
    chat = open_chat()
    vonage.turn(webhook_hold=True)
    say(chat.customer, "Am I gone?")
    wait_for(lambda: at_vonage(vonage, "Am I gone?"), "the line at Vonage")
    chat.customer.reload()
    vonage.webhooks.release()
    expect_sent(chat.customer)
    expect_once(chat, "Am I gone?")
    assert (at_vonage(vonage, "Am I gone?"), len(recorded(chat, "Am I gone?"))) == (1, 1)


def test_an_expired_session_is_made_anew(open_chat: OpenChat, vonage: VonageTwin) -> None:
    chat = open_chat()
    before = len(vonage.log.entries("vonage.sdk_get_conversation"))
    vonage.sockets.fail("system:error:expired-token")
    talk(chat, "meanwhile")
    wait_for(lambda: len(vonage.log.entries("vonage.sdk_get_conversation")) >= before + 2, "both new sessions")
    talk(chat, "again")


def expect_told(chat: Chat, why: str) -> None:
    """The agent reads why; the customer is not troubled with it."""
    expect(chat.agent.locator("#detour")).to_contain_text(why)
    expect(chat.agent.locator("#detour")).to_contain_text("the shop's own connection")
    expect(chat.customer.locator("#detour")).to_have_text("You are connected with us directly.")


@pytest.mark.parametrize("code", ["system:error:permission", "system:error:invalid-token", "user:error:invalid-user"])
def test_a_refused_session_is_said_and_the_talk_goes_on(open_chat: OpenChat, vonage: VonageTwin, code: str) -> None:
    vonage.turn(session_error=code)
    chat = open_chat(way="refused")
    expect_told(chat, "Vonage refused this chat; it ended In-App Messaging on April 30, 2026.")
    talk(chat, code)


def test_a_message_that_vonage_refuses_is_sent_our_way_at_once(open_chat: OpenChat, vonage: VonageTwin) -> None:
    chat = open_chat()
    vonage.turn(refuse_messaging={"message": 403})
    talk(chat, "refused")
    expect_told(chat, "Vonage refused this chat")
    assert len(recorded(chat, "Where is it? refused")) == 1


def test_where_vonage_is_known_to_refuse_the_sdk_is_not_even_loaded(open_chat: OpenChat, vonage: VonageTwin, sdk: str) -> None:
    chat = open_chat()
    vonage.turn(refuse_messaging={"message": 403})
    talk(chat, "known")
    wait_for(lambda: [entry for entry in vonage.log.entries("vonage.create_event") if entry.status == 403], "our own copy's refusal")
    chat.addresses.clear()
    chat.agent.reload()
    expect(chat.agent.locator("#detour[data-way=refused]")).to_be_attached(timeout=PATIENCE_MS)
    assert sdk not in chat.addresses


def test_a_script_that_cannot_be_loaded_is_said_and_the_talk_goes_on(open_chat: OpenChat, sdk: str) -> None:
    chat = open_chat(way="script", before=lambda page: page.route(sdk, lambda route: route.abort()))
    expect_told(chat, "Vonage's Client SDK could not be loaded.")
    talk(chat, "script")


def test_another_script_in_its_place_is_not_run(open_chat: OpenChat, sdk: str) -> None:
    headers = {"content-type": "text/javascript", "access-control-allow-origin": "*"}
    forged = "document.title = 'forged'; window.vonageClientSDK = {};"
    chat = open_chat(way="script", before=lambda page: page.route(sdk, lambda route: route.fulfill(body=forged, headers=headers)))
    assert "forged" not in (chat.customer.title(), chat.agent.title())
    talk(chat, "forged")


def test_a_conversation_that_is_not_at_vonage_yet_is_said_and_the_talk_goes_on(open_chat: OpenChat) -> None:
    answer = {"status": 503, "headers": {"Retry-After": "1"}, "json": {"code": "not_mirrored_yet", "status": 503}}
    chat = open_chat(way="unmirrored", before=lambda page: page.route("**/token/**", lambda route: route.fulfill(**answer)))
    expect_told(chat, "This conversation is not at Vonage yet.")
    talk(chat, "unmirrored")


def test_a_vonage_that_hangs_up_is_said_and_the_talk_goes_on(open_chat: OpenChat) -> None:
    chat = open_chat(way="unreachable", before=lambda page: page.route_web_socket("**/v2/rtc/**", lambda socket: socket.close()))
    expect_told(chat, "Vonage does not answer.")
    talk(chat, "unreachable")
