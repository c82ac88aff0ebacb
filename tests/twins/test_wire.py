"""The wire itself: connections, handshakes, the request log, the control interface, load."""

import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.running import wait_for
from tests.twins import BrevoTwin, Twins, VonageTwin
from tests.twins.conftest import Api

MAIL = {"sender": {"email": "shop@example.com"}, "to": [{"email": "anna@example.com"}], "subject": "Hi", "textContent": "Hi"}


@pytest.fixture
def control(brevo: BrevoTwin, http: requests.Session) -> Callable[..., Any]:
    """Asks Brevo's twin by its control interface; gives the JSON of the answer."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        answer = http.request(method, f"{brevo.origin}/_twin/{path}", json=body)
        return answer.json() if answer.content else answer.status_code

    return ask


# Connections


def test_a_client_that_reuses_its_connection_shows_one_handshake(vonage: VonageTwin, api: Api) -> None:
    for _ in range(5):
        api.get("/v1/users")
    assert (vonage.server.counts.connections, vonage.server.counts.handshakes) == (1, 1)


def test_each_new_session_shows_one_more(vonage: VonageTwin) -> None:
    for _ in range(3):
        requests.get(f"{vonage.origin}/v1/users").close()
    assert vonage.server.counts.handshakes == 3


def test_who_does_not_trust_the_authority_fails_the_handshake(vonage: VonageTwin) -> None:
    with socket.create_connection(("127.0.0.1", vonage.port)) as plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


def test_a_connection_that_stays_silent_is_closed_by_dial() -> None:
    with BrevoTwin(idle_seconds=0.05) as brevo, socket.create_connection(("127.0.0.1", brevo.port), timeout=5) as connection:
        assert connection.recv(1) == b""


def test_what_is_no_http_is_400() -> None:
    with BrevoTwin() as brevo, socket.create_connection(("127.0.0.1", brevo.port), timeout=5) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")


def test_a_restarted_twin_listens_on_the_same_port() -> None:
    brevo = BrevoTwin().start()
    port = brevo.port
    brevo.stop()
    with brevo:
        assert brevo.port == port


def test_a_stopped_twin_refuses_connections() -> None:
    with BrevoTwin() as brevo:
        port = brevo.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_many_clients_at_once_lose_nothing(brevo: BrevoTwin) -> None:
    local = threading.local()
    sessions: list[requests.Session] = []

    def send(number: int) -> int:
        if not hasattr(local, "session"):
            local.session = requests.Session()
            sessions.append(local.session)
        body = {**MAIL, "tags": [f"order-{number}"]}
        return int(local.session.post(f"{brevo.url}/smtp/email", json=body, headers={"api-key": brevo.api_key}).status_code)

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(send, range(200)))
    for session in sessions:
        session.close()
    assert (statuses, len(brevo.per_tag()), brevo.server.counts.handshakes) == ({201}, 200, len(sessions))


# The request log


def test_the_log_shows_what_was_asked_and_answered(vonage: VonageTwin, api: Api) -> None:
    api.post("/v1/users", {"name": "anna"})
    entry = vonage.log.entries("vonage.create_user")[0]
    assert (entry.method, entry.path, entry.body, entry.status, entry.worked) == (
        "POST",
        "/v1/users",
        '{"name": "anna"}',
        201,
        True,
    )


def test_the_log_shortens_secrets(vonage: VonageTwin, api: Api, http: requests.Session) -> None:
    api.get("/v1/users")
    http.post(f"{vonage.origin}/sms/json", data={"api_secret": vonage.api_secret, "to": "1"})
    entries = vonage.log.entries()
    assert (len(entries[0].headers["authorization"]), vonage.api_secret in entries[1].body) == (17, False)


def test_the_log_shows_the_fault_and_the_missing_answer(brevo: BrevoTwin, http: requests.Session) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "lost_reply"})
    with pytest.raises(requests.ConnectionError):
        http.post(f"{brevo.url}/smtp/email", json=MAIL, headers={"api-key": brevo.api_key})
    entry = brevo.log.entries()[0]
    assert (entry.fault, entry.status, entry.worked) == ("lost_reply", 0, True)


# The control interface


def test_the_state_is_shown(brevo: BrevoTwin, http: requests.Session, control: Callable[..., Any]) -> None:
    http.post(f"{brevo.url}/smtp/email", json=MAIL, headers={"api-key": brevo.api_key})
    state = control("GET", "state")
    assert (state["mails"], state["requests"], state["counts"]["handshakes"]) == (1, {"brevo.send_mail": 1}, 1)


def test_the_mailbox_is_shown(brevo: BrevoTwin, http: requests.Session, control: Callable[..., Any]) -> None:
    http.post(f"{brevo.url}/smtp/email", json=MAIL, headers={"api-key": brevo.api_key})
    assert [mail["to"] for mail in control("GET", "mails")] == [["anna@example.com"]]


def test_the_log_is_shown_from_a_number_on(http: requests.Session, brevo: BrevoTwin, control: Callable[..., Any]) -> None:
    for _ in range(3):
        http.get(f"{brevo.url}/account")
    first = control("GET", "log?limit=1")[0]["number"]
    assert [entry["number"] for entry in control("GET", f"log?after={first}")] == [first + 1, first + 2]


def test_faults_are_set_from_outside(brevo: BrevoTwin, http: requests.Session, control: Callable[..., Any]) -> None:
    control("PUT", "faults?seed=7", {"brevo.get_account": [{"fault": "status", "status": 503}]})
    assert http.get(f"{brevo.url}/account").status_code == 503


def test_faults_are_cleared_from_outside(brevo: BrevoTwin, control: Callable[..., Any]) -> None:
    brevo.faults.set("*", {"fault": "hang"})
    assert control("DELETE", "faults") == {}


def test_a_wrong_fault_is_answered_with_the_reason(control: Callable[..., Any]) -> None:
    assert "unknown fault 'explosion'" in control("PUT", "faults", {"*": [{"fault": "explosion"}]})["error"]


def test_dials_are_turned_from_outside(brevo: BrevoTwin, control: Callable[..., Any]) -> None:
    control("PATCH", "dials", {"rate_per_second": 50, "webhook_repeat": 2})
    assert (brevo.dials.rate_per_second, brevo.webhooks.dials.webhook_repeat) == (50, 2)


def test_an_unknown_dial_is_answered_with_its_name(control: Callable[..., Any]) -> None:
    assert "'volume'" in control("PATCH", "dials", {"volume": 11})["error"]


def test_actions_are_done_from_outside(brevo: BrevoTwin, http: requests.Session, control: Callable[..., Any]) -> None:
    http.post(f"{brevo.url}/smtp/email", json=MAIL, headers={"api-key": brevo.api_key})
    control("POST", "do/bounce", {"reason": "550"})
    assert [event["event"] for event in brevo.mails[0].events] == ["request", "delivered", "hard_bounce"]


def test_an_unknown_action_is_answered_with_the_known_ones(control: Callable[..., Any]) -> None:
    assert control("POST", "do/dance")["known"] == ["bounce", "happen", "open"]


def test_a_reset_forgets_everything(brevo: BrevoTwin, http: requests.Session, control: Callable[..., Any]) -> None:
    brevo.turn(rate_per_second=3)
    http.post(f"{brevo.url}/smtp/email", json=MAIL, headers={"api-key": brevo.api_key})
    control("POST", "reset")
    assert (brevo.mails, brevo.log.entries(), brevo.dials.rate_per_second, brevo.faults.as_json()) == ([], [], 1000, {})


def test_what_was_asked_before_a_reset_is_not_done_after_it(brevo: BrevoTwin) -> None:
    brevo.faults.set("*", {"fault": "latency", "ms": 2000})
    with requests.Session() as session, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(session.post, f"{brevo.url}/smtp/email", json=MAIL, headers={"api-key": brevo.api_key})
        wait_for(brevo.log.entries, "the question")
        brevo.reset()
        assert isinstance(asked.exception(), requests.ConnectionError)
    assert brevo.mails == []


def test_controlling_is_no_request_to_the_provider(brevo: BrevoTwin, control: Callable[..., Any]) -> None:
    brevo.faults.set("*", {"fault": "hang"})
    control("GET", "state")
    assert brevo.log.entries() == []


# Both together


def test_the_environment_points_at_the_twins(twins: Twins) -> None:
    environment = twins.environment()
    assert (environment["VONAGE_API_HOST"], environment["SENDINBLUE_API_URL"], environment["REQUESTS_CA_BUNDLE"]) == (
        f"localhost:{twins.vonage.port}",
        f"https://localhost:{twins.brevo.port}/v3",
        twins.ca_file,
    )


def test_the_private_key_is_for_its_owner_only(twins: Twins) -> None:
    assert oct(Path(twins.private_key_file).stat().st_mode & 0o777) == "0o600"


def test_plain_http_needs_no_authority() -> None:
    with Twins(tls=False) as plain:
        assert requests.get(f"{plain.brevo.url}/account", headers={"api-key": plain.brevo.api_key}).status_code == 200
