"""Faults: what the client sees, and whether the work was done."""

import http.client
import json
import socket
import ssl
from typing import Any

import pytest
import requests
from vonage import Auth, HttpClientOptions, Vonage

from tests.running import wait_for
from tests.twins import BrevoTwin, Twins, VonageTwin
from tests.twins.conftest import Api
from tests.twins.faults import FaultError, Faults

ORDER = {"type": "custom:order-confirm-event", "body": {"id": 1002, "text": "You purchased a widget."}}


@pytest.fixture
def raw(twins: Twins, brevo: BrevoTwin) -> Any:
    """Sends one request by http.client and returns the response, unread."""
    connections = []

    def send() -> http.client.HTTPResponse:
        context = ssl.create_default_context(cafile=twins.ca_file)
        connection = http.client.HTTPSConnection("localhost", brevo.port, context=context, timeout=5)
        connections.append(connection)
        body = {"sender": {"email": "shop@example.com"}, "to": [{"email": "anna@example.com"}], "subject": "Hi", "textContent": "Hi"}
        connection.request("POST", "/v3/smtp/email", json.dumps(body), {"api-key": brevo.api_key, "content-type": "application/json"})
        return connection.getresponse()

    yield send
    for connection in connections:
        connection.close()


def test_a_lost_reply_leaves_exactly_one_event(vonage: VonageTwin, api: Api, events: str) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "lost_reply", "times": 1})
    with pytest.raises(requests.ConnectionError):
        api.post(events, ORDER)
    assert len(vonage.events(kind="custom:order-confirm-event")) == 1


def test_the_packages_hidden_repetition_makes_two_events_of_one_lost_reply(vonage: VonageTwin, api: Api, events: str) -> None:
    options = HttpClientOptions(api_host=vonage.host, pool_maxsize=10, max_retries=0, timeout=5)
    careless = Vonage(Auth(application_id=vonage.application_id, private_key=vonage.private_key_pem), options).http_client
    vonage.faults.set("vonage.create_event", {"fault": "lost_reply", "times": 1})
    careless.post(vonage.host, events, ORDER)
    careless._session.close()
    assert vonage.doubled_events() == {"1002": 2}


def test_a_reset_before_the_work_leaves_no_event(vonage: VonageTwin, api: Api, events: str) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "reset"})
    with pytest.raises(requests.ConnectionError):
        api.post(events, ORDER)
    assert vonage.events() == []


def test_a_reset_after_the_work_leaves_one_event(vonage: VonageTwin, api: Api, events: str) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "reset_after"})
    with pytest.raises(requests.ConnectionError):
        api.post(events, ORDER)
    assert len(vonage.events()) == 1


def test_a_reset_is_seen_as_one_on_a_plain_connection() -> None:
    with BrevoTwin() as brevo, socket.create_connection(("127.0.0.1", brevo.port), timeout=5) as connection:
        brevo.faults.set("*", {"fault": "reset"})
        connection.sendall(b"GET /v3/account HTTP/1.1\r\nhost: localhost\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_silent_close_before_the_work_sends_no_mail(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "close"})
    with pytest.raises(http.client.RemoteDisconnected):
        raw()
    assert brevo.mails == []


def test_malformed_json_comes_with_the_right_status_after_the_work(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "malformed"})
    response = raw()
    with pytest.raises(json.JSONDecodeError):
        json.loads(response.read())
    assert (response.status, len(brevo.mails)) == (201, 1)


def test_cut_json_fits_its_content_length(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "cut_json"})
    assert raw().read().startswith(b'{"messageId":"<2')


def test_a_cut_body_ends_before_its_content_length(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "cut_body"})
    with pytest.raises(http.client.IncompleteRead):
        raw().read()


def test_an_empty_200_is_a_success_without_a_body(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "empty_200"})
    response = raw()
    assert (response.status, response.read(), len(brevo.mails)) == (200, b"", 1)


def test_a_gateways_page_is_html_and_nothing_was_done(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "html_502"})
    response = raw()
    assert (response.status, response.headers["content-type"], brevo.mails) == (502, "text/html", [])


def test_a_status_speaks_the_providers_language(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 402})
    assert json.loads(raw().read()) == {"code": "not_enough_credits", "message": "Not enough credits"}


def test_a_status_may_come_after_the_work(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 500, "work": True})
    assert (raw().status, len(brevo.mails)) == (500, 1)


def test_429_comes_with_brevos_headers_when_a_reset_is_given(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "rate_limited", "reset": 3})
    assert raw().headers["x-sib-ratelimit-reset"] == "3"


def test_429_comes_without_headers_when_no_reset_is_given(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "rate_limited"})
    response = raw()
    assert (response.status, response.headers["x-sib-ratelimit-reset"]) == (429, None)


def test_vonages_429_may_carry_a_retry_after(vonage: VonageTwin, http: requests.Session) -> None:
    vonage.faults.set("*", {"fault": "rate_limited", "reset": 7})
    response = http.get(f"{vonage.origin}/v1/users")
    assert (response.headers["retry-after"], response.json()["code"]) == ("7", "http:error:too-many-request")


def test_hanging_ends_with_the_clients_patience(brevo: BrevoTwin, http: requests.Session) -> None:
    brevo.faults.set("brevo.get_account", {"fault": "hang"})
    with pytest.raises(requests.ReadTimeout):
        http.get(f"{brevo.url}/account", timeout=(5, 0.2))


def test_hanging_after_the_work_did_the_work(vonage: VonageTwin, events: str, http: requests.Session, sdk: Vonage) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "hang_after"})
    headers = {"Authorization": f"Bearer {sdk.http_client.auth.generate_application_jwt().decode()}"}
    with pytest.raises(requests.ReadTimeout):
        http.post(vonage.origin + events, json=ORDER, headers=headers, timeout=(5, 0.2))
    # Whoever is that impatient may give up before the twin has read the question.
    assert len(wait_for(vonage.events, "the event")) == 1


def test_latency_is_waited_and_the_answer_is_good(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("POST /v3/smtp/*", {"fault": "latency", "ms": 120})
    assert raw().status == 201
    assert brevo.log.entries("brevo.send_mail")[0].milliseconds >= 120


def test_an_answer_may_be_the_connections_last(vonage: VonageTwin, api: Api) -> None:
    vonage.faults.set("vonage.create_conversation", {"fault": "close_after"})
    api.post("/v1/conversations", {"name": "one"})
    api.post("/v1/conversations", {"name": "two"})
    assert vonage.server.counts.connections == 2


def test_a_list_of_faults_is_a_sequence(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 503, "times": 1}, {"fault": "status", "status": 402, "times": 1})
    assert [raw().status, raw().status, raw().status] == [503, 402, 201]


def test_a_fault_can_spare_the_first_calls(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "skip": 1, "times": 1})
    assert [raw().status, raw().status, raw().status] == [201, 500, 201]


def test_a_fault_can_be_for_one_customer_only(brevo: BrevoTwin, raw: Any) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "contains": "bob@example.com"})
    assert raw().status == 201


def test_faults_of_one_pattern_share_one_throw_of_the_dice() -> None:
    faults = Faults(seed=1)
    faults.set("*", {"fault": "status", "probability": 0.1}, {"fault": "reset", "probability": 0.05})
    plans = [faults.plan(operation="brevo.send_mail", line="POST /", body=b"") for _ in range(4000)]
    hit = [plan.fault.fault for plan in plans if plan.fault]
    assert (300 < hit.count("status") < 500, 130 < hit.count("reset") < 270) == (True, True)


def test_the_same_seed_makes_the_same_faults() -> None:
    runs = []
    for _ in range(2):
        faults = Faults(seed=42)
        faults.set("*", {"fault": "status", "probability": 0.3})
        runs.append([faults.plan(operation="a", line="", body=b"").fault is None for _ in range(50)])
    assert runs[0] == runs[1]


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    with pytest.raises(FaultError, match="lost_reply"):
        Faults().set("*", {"fault": "explosion"})


def test_a_wrong_description_changes_nothing() -> None:
    faults = Faults()
    faults.set("*", {"fault": "reset"})
    with pytest.raises(FaultError):
        faults.load({"*": [{"fault": "hang", "probable": 1}]})
    assert faults.as_json()["*"][0]["fault"] == "reset"
