"""The Client SDK's wire without a browser: the socket's packets, the /v0.3 REST and CORS."""

import contextlib
import json
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.twins import Twins, VonageTwin
from tests.twins.conftest import Json

CORS = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


class Browser:
    """Speaks Engine.IO and Socket.IO as the SDK does."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.handshake = json.loads(self._receive()[1:])
        socket.send("40")
        assert self._receive().startswith("40{")

    def hear(self) -> tuple[str, Json]:
        """The next event, acknowledged."""
        packet = self._receive()
        number, content = packet[2 : packet.index("[")], packet[packet.index("[") :]
        with contextlib.suppress(ConnectionClosed):  # a refusal is the last thing that is said
            self.socket.send(f"43{number}[]")
        name, payload = json.loads(content)
        return name, payload

    def _receive(self) -> str:
        return str(self.socket.recv(timeout=5))


@pytest.fixture
def anna(vonage: VonageTwin) -> Json:
    """Anna, her conversation, her member, and the claims of a least-privilege token."""
    user = vonage.store.add_user("anna", {"display_name": "Anna"})
    conversation = vonage.store.add_conversation("support-anna", {})
    member = vonage.store.add_member(conversation, user, state="JOINED", fields={"channel": {"type": "app"}}, by=None)
    paths: Json = {"/*/sessions/**": {}, f"/*/users/{user.id}/**": {}, f"/*/conversations/{conversation.id}/**": {}}
    now = int(time.time())
    claims = {"application_id": vonage.application_id, "iat": now, "jti": str(uuid.uuid4()), "exp": now + 900}
    return {
        "id": user.id,
        "conversation": conversation.id,
        "member": member.id,
        "claims": {**claims, "sub": "anna", "acl": {"paths": paths}},
    }


@pytest.fixture
def sign(vonage: VonageTwin) -> Callable[[Json], str]:
    return lambda claims: jwt.encode(claims, vonage.private_key_pem, algorithm="RS256")


@pytest.fixture
def open_socket(twins: Twins) -> Iterator[Callable[..., Browser]]:
    context = ssl.create_default_context(cafile=twins.ca_file)
    with contextlib.ExitStack() as opened:

        def open_one(token: str, session_id: str = "") -> Browser:
            query = f"session_version=0.0.3&EIO=4&transport=websocket&token={token}"
            query += f"&session_id={session_id}" if session_id else ""
            address = f"wss://localhost:{twins.vonage.port}/v2/rtc/?{query}"
            return Browser(opened.enter_context(connect(address, ssl=context, proxy=None)))

        yield open_one


@pytest.fixture
def browser(open_socket: Callable[..., Browser], anna: Json, sign: Callable[[Json], str]) -> Browser:
    """Anna's, with a session."""
    browser = open_socket(sign(anna["claims"]))
    assert browser.hear()[0] == "session:success"
    return browser


def wait_for(condition: Callable[[], Any]) -> Any:
    """The condition's value as soon as it is true; for what happens in the twin's thread."""
    deadline = time.monotonic() + 5
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)
    return value


# The socket


def test_a_session_begins_with_who_it_is_for(vonage: VonageTwin, open_socket: Any, anna: Json, sign: Any) -> None:
    name, payload = open_socket(sign(anna["claims"])).hear()
    body = {key: value for key, value in payload["body"].items() if key != "id"}
    assert (name, body) == ("session:success", {"user_id": anna["id"], "name": "anna", "api_key": vonage.api_key})


def test_the_handshake_offers_no_other_transport(browser: Browser) -> None:
    assert (browser.handshake["upgrades"], browser.handshake["pingInterval"]) == ([], 25_000)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"exp": 1, "iat": 0}, "system:error:expired-token"),
        ({"application_id": "another"}, "system:error:invalid-token"),
        ({"sub": "nobody"}, "user:error:invalid-user"),
        ({"acl": {"paths": {}}}, "system:error:permission"),
    ],
)
def test_a_refused_session_says_why_and_ends(open_socket: Any, anna: Json, sign: Any, change: Json, code: str) -> None:
    browser = open_socket(sign({**anna["claims"], **change}))
    assert browser.hear()[0] == code
    with pytest.raises(ConnectionClosed):
        [browser.socket.recv(timeout=5) for _ in range(2)]


def test_sessions_are_refused_by_dial(vonage: VonageTwin, open_socket: Any, anna: Json, sign: Any) -> None:
    vonage.turn(session_error="session:error:max-open-sessions")
    assert open_socket(sign(anna["claims"])).hear()[0] == "session:error:max-open-sessions"


def test_an_event_is_heard_by_a_member(vonage: VonageTwin, browser: Browser, anna: Json) -> None:
    vonage.say(anna["conversation"], "agent", "Hello")
    name, payload = browser.hear()
    assert (name, payload["id"], payload["cid"], payload["body"]["text"], payload["_embedded"]["from_user"]["name"]) == (
        "message",
        1,
        anna["conversation"],
        "Hello",
        "agent",
    )


def test_a_foreign_conversation_is_not_heard(vonage: VonageTwin, browser: Browser, anna: Json) -> None:
    vonage.say(vonage.store.add_conversation("foreign", {}).id, "agent", "Secret")
    vonage.say(anna["conversation"], "agent", "Hello")
    assert browser.hear()[1]["body"]["text"] == "Hello"


def test_acknowledgements_are_counted(vonage: VonageTwin, browser: Browser, anna: Json) -> None:
    session = next(iter(vonage.sockets.sessions.values()))
    vonage.say(anna["conversation"], "agent", "Hello")
    browser.hear()
    assert wait_for(lambda: session.acknowledged == 2)


def test_a_broken_session_hears_what_it_missed(vonage: VonageTwin, browser: Browser, open_socket: Any, anna: Json, sign: Any) -> None:
    session = next(iter(vonage.sockets.sessions.values()))
    vonage.sockets.drop()
    wait_for(lambda: session.socket is None)
    vonage.say(anna["conversation"], "agent", "While you were away")
    _, payload = open_socket(sign(anna["claims"]), session.id).hear()
    assert [(event["type"], event["body"]["text"]) for event in payload["body"]["pending_events"]] == [("message", "While you were away")]


def test_a_session_can_be_ended_with_a_reason(vonage: VonageTwin, browser: Browser) -> None:
    vonage.sockets.fail("system:error:expired-token")
    assert browser.hear()[0] == "system:error:expired-token"


def test_logging_out_is_answered(vonage: VonageTwin, browser: Browser) -> None:
    browser.socket.send('42["session:logout",{}]')
    assert (browser.hear()[0], wait_for(lambda: not vonage.sockets.sessions)) == ("session:logged-out", True)


def test_polling_is_refused(vonage: VonageTwin, http: requests.Session) -> None:
    assert http.get(f"{vonage.origin}/v2/rtc/?EIO=4&transport=polling").status_code == 400


# REST and CORS


@pytest.fixture
def fetch(vonage: VonageTwin, http: requests.Session, anna: Json, sign: Any) -> Callable[..., Any]:
    """Anna's browser asks the /v0.3 REST about her conversation."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {sign(anna['claims'])}", "Origin": "http://localhost:3000"}
        url = f"{vonage.origin}/v0.3/conversations/{anna['conversation']}{path}"
        return http.request(method, url, json=body, headers=headers).json()

    return ask


def test_the_conversation_embeds_the_own_member(fetch: Callable[..., Any], anna: Json) -> None:
    assert fetch("GET", "")["_embedded"]["member"]["id"] == anna["member"]


def test_events_embed_by_name(fetch: Callable[..., Any], vonage: VonageTwin, anna: Json) -> None:
    vonage.say(anna["conversation"], "agent", "Hello")
    page = fetch("GET", "/events?order=ASC&filter_group_type=ChatEvents&filter_group_version=2")
    assert [event["body"]["text"] for event in page["_embedded"]["events"]] == ["Hello"]


def test_sending_answers_with_the_timestamp(fetch: Callable[..., Any], vonage: VonageTwin, anna: Json) -> None:
    event = {"cid": anna["conversation"], "from": anna["member"], "type": "message", "body": {"message_type": "text", "text": "Hi"}}
    assert fetch("POST", "/events", event)["timestamp"] == vonage.events()[0]["timestamp"]


def test_delivered_is_an_event_of_its_own(fetch: Callable[..., Any], vonage: VonageTwin, anna: Json) -> None:
    vonage.say(anna["conversation"], "agent", "Hello")
    fetch("POST", "/events", {"from": anna["member"], "type": "message:delivered", "body": {"event_id": 1}})
    assert [event["type"] for event in vonage.events()] == ["message", "message:delivered"]


def test_messaging_ends_for_browsers_too(fetch: Callable[..., Any], vonage: VonageTwin, anna: Json) -> None:
    vonage.turn(refuse_messaging={"message": 403})
    event = {"from": anna["member"], "type": "message", "body": {"message_type": "text", "text": "Hi"}}
    assert fetch("POST", "/events", event)["code"] == "conversation:error:not-allowed"


def test_joining_by_the_sdk_needs_no_state(vonage: VonageTwin, fetch: Callable[..., Any], anna: Json) -> None:
    fetch("PATCH", f"/members/{anna['member']}", {"state": "left"})
    joined = fetch("POST", "/members", {"originating_session": "s", "channel": {"type": "app"}, "user": {"id": anna["id"], "name": None}})
    assert joined["state"] == "JOINED"


def test_a_browser_may_ask_first(vonage: VonageTwin, http: requests.Session) -> None:
    answer = http.options(f"{vonage.origin}/v0.3/users/me", headers=CORS)
    assert (answer.status_code, answer.headers["access-control-allow-origin"], answer.headers["access-control-allow-headers"]) == (
        204,
        "http://localhost:3000",
        "authorization",
    )


def test_a_refusal_may_be_read_by_the_browser_too(vonage: VonageTwin, http: requests.Session) -> None:
    answer = http.get(f"{vonage.origin}/v0.3/users/me", headers={"Origin": "http://localhost:3000"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "http://localhost:3000")


def test_reconnections_may_be_reported(vonage: VonageTwin, http: requests.Session) -> None:
    assert http.post(f"{vonage.origin}/v2/rtc/metrics", json={}).status_code == 204
