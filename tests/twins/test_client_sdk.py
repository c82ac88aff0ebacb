"""The real @vonage/client-sdk in a real Chromium against the twin: its session, its requests, its events, its failures."""

import json
import queue
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests import npm
from tests.running import PATIENCE_SECONDS
from tests.twins import VonageTwin, client_sdk
from tests.twins.conftest import Json
from tests.twins.http import Reply, Request, Response
from tests.twins.server import Server

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-sync", "--disable-component-update"),
]
PAGE = f"""<!doctype html><meta charset="utf-8"><title>Client SDK</title>
<script src="/sdk.js" integrity="{client_sdk.SCRIPT_INTEGRITY}" crossorigin="anonymous"></script>
<script>
const tell = (what) => fetch("/tell", {{method: "POST", body: JSON.stringify(what)}});
const failure = (error) => ({{code: error.code, type: error.type}});
window.addEventListener("error", (event) => tell({{error: event.message}}));
window.addEventListener("unhandledrejection", (event) => tell({{error: String(event.reason)}}));
const {{url, token, conversation}} = SETTINGS;
const client = new vonageClientSDK.VonageClient({{apiUrl: url, websocketUrl: url, rtcStatsTelemetry: false}});
(async () => {{ SCRIPT }})();
</script>"""

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on this machine")]


@pytest.fixture(scope="module")
def sdk_script() -> bytes:
    try:
        return client_sdk.script().read_bytes()
    except npm.UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def provider() -> Iterator[VonageTwin]:
    """A twin on plain HTTP: a throw-away authority is nothing that a browser could be told of."""
    with VonageTwin() as vonage:
        yield vonage


@pytest.fixture
def anna(provider: VonageTwin) -> Json:
    """Anna's conversation, with a token that may do no more than she needs."""
    user = provider.store.add_user("anna", {"display_name": "Anna"})
    conversation = provider.store.add_conversation("support-anna", {})
    provider.store.add_member(conversation, user, state="JOINED", fields={"channel": {"type": "app"}}, by=None)
    paths: Json = {"/*/sessions/**": {}, f"/*/users/{user.id}/**": {}, f"/*/conversations/{conversation.id}/**": {}}
    now = int(time.time())
    claims = {"application_id": provider.application_id, "iat": now, "jti": str(uuid.uuid4()), "exp": now + 900, "sub": "anna"}
    token = jwt.encode({**claims, "acl": {"paths": paths}}, provider.private_key_pem, algorithm="RS256")
    return {"url": provider.origin, "conversation": conversation.id, "token": token}


class Page:
    """Serves a page with the SDK and hears what the page tells."""

    def __init__(self, sdk_script: bytes, settings: Json, script: str) -> None:
        page = PAGE.replace("SETTINGS", json.dumps(settings)).replace("SCRIPT", script)
        self._files = {"/": ("text/html", page.encode()), "/sdk.js": ("text/javascript", sdk_script)}
        self._told: queue.Queue[Any] = queue.Queue()
        self.server = Server(self._answer)

    def hear(self) -> Any:
        """What the page tells next."""
        return self._told.get(timeout=PATIENCE_SECONDS)

    async def _answer(self, request: Request) -> Reply:
        if request.path == "/tell":
            self._told.put(request.json())
            return Reply(Response(204))
        kind, content = self._files.get(request.path, ("text/plain", b""))
        return Reply(Response(200 if content else 404, content, {"content-type": kind}))


@pytest.fixture
def run(sdk_script: bytes, anna: Json, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Runs a script in Chromium, with `client`, `conversation`, `token`, `tell` and `failure` at hand."""
    opened: list[tuple[Page, subprocess.Popen[bytes]]] = []

    def start(script: str, **settings: Any) -> Page:
        page = Page(sdk_script, {**anna, **settings}, script)
        page.server.start()
        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path}", f"http://127.0.0.1:{page.server.port}/"]
        opened.append((page, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)))
        return page

    yield start
    for page, process in opened:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        page.server.stop()


def test_the_sdk_opens_a_session_and_finds_the_conversation(provider: VonageTwin, run: Callable[..., Page], anna: Json) -> None:
    page = run("await client.createSession(token); const found = await client.getConversation(conversation); tell([found.id, found.name]);")
    assert page.hear() == [anna["conversation"], "support-anna"]


def test_the_sdk_sends_text(provider: VonageTwin, run: Callable[..., Page]) -> None:
    page = run("await client.createSession(token); tell(await client.sendMessageTextEvent(conversation, 'Where is my order? 订单'));")
    sent_at = page.hear()
    message = provider.events(kind="message")[0]
    assert (message["timestamp"], message["body"]["text"]) == (sent_at, "Where is my order? 订单")


def test_the_sdk_hears_a_message_and_an_order(provider: VonageTwin, run: Callable[..., Page], anna: Json) -> None:
    page = run("""
        client.on("conversationEvent", (event) => tell([event.kind, event.id, event.body]));
        await client.createSession(token); tell("listening");""")
    assert page.hear() == "listening"
    provider.say(anna["conversation"], "agent", "How can I help?")
    heard = [page.hear(), page.hear()]
    assert sorted(kind for kind, _, _ in heard) == ["message:delivered", "message:text"]
    provider.store.add_event(
        provider.store.conversations[anna["conversation"]], "custom:order-confirm-event", sender=None, body={"id": 1002}
    )
    assert page.hear() == ["custom", 3, {"id": 1002}]


def test_the_sdk_itself_reports_every_message_as_delivered(provider: VonageTwin, run: Callable[..., Page]) -> None:
    page = run("""
        client.on("conversationEvent", (event) => event.kind === "message:delivered" && tell("delivered"));
        await client.createSession(token); await client.sendMessageTextEvent(conversation, "Hello");""")
    page.hear()
    assert [event["type"] for event in provider.events()] == ["message", "message:delivered"]


def test_the_sdk_reads_the_history(provider: VonageTwin, run: Callable[..., Page], anna: Json) -> None:
    provider.say(anna["conversation"], "agent", "Yesterday")
    page = run("""
        await client.createSession(token); const page = await client.getConversationEvents(conversation);
        tell(page.events.map((event) => [event.kind, event.body.text]));""")
    assert page.hear() == [["message:text", "Yesterday"]]


def test_the_sdk_says_that_a_token_is_bad(run: Callable[..., Page]) -> None:
    page = run("client.createSession(token).catch((error) => tell(failure(error)));", token="bad")
    assert page.hear() == {"code": "session:error:invalid-token", "type": "SESSION_ERROR"}


def test_the_sdk_says_that_messaging_has_ended(provider: VonageTwin, run: Callable[..., Page]) -> None:
    provider.turn(refuse_messaging={"message": 403})
    page = run("""
        await client.createSession(token);
        client.sendMessageTextEvent(conversation, "Hello").catch((error) => tell(failure(error)));""")
    assert page.hear() == {"code": "conversation:error:not-allowed", "type": "CS_ERROR"}


def test_the_sdk_takes_every_end_by_the_server_for_an_expired_token(provider: VonageTwin, run: Callable[..., Page]) -> None:
    page = run("""
        client.on("sessionError", (reason) => tell(String(reason)));
        await client.createSession(token); tell("open");""")
    assert page.hear() == "open"
    provider.sockets.fail("session:terminated")
    assert page.hear() == "EXPIRED_TOKEN"
