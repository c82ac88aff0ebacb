"""SMS, Messages and Voice, through the vonage package over TLS."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from vonage import Auth, Vonage
from vonage_messages import Sms  # type: ignore[import-untyped]  # the package has no types
from vonage_sms import SmsMessage  # type: ignore[import-untyped]
from vonage_sms.errors import SmsError  # type: ignore[import-untyped]
from vonage_voice import CreateCallRequest  # type: ignore[import-untyped]
from vonage_voice.models.connect_endpoints import PhoneEndpoint  # type: ignore[import-untyped]
from vonage_voice.models.ncco import Connect  # type: ignore[import-untyped]

from tests.twins import VonageTwin
from tests.twins.conftest import Api, Json, Receiver

Refusal = Callable[[Callable[[], Any]], tuple[int, str]]
CUSTOMER, AGENT, OURS = "447700900001", "447700900002", "447700900000"
NCCO = [{"action": "connect", "from": OURS, "endpoint": [{"type": "phone", "number": AGENT}]}]


@pytest.fixture
def text() -> Sms:
    return Sms(to=AGENT, from_=OURS, text="Anna opened the chat.", client_ref="episode-7")


@pytest.fixture
def call(receiver: Receiver) -> CreateCallRequest:
    connect = Connect(endpoint=[PhoneEndpoint(number=AGENT)], from_=OURS)
    return CreateCallRequest(to=[{"type": "phone", "number": CUSTOMER}], from_={"number": OURS}, ncco=[connect], event_url=[receiver.url])


def heard(receiver: Receiver) -> list[Json]:
    return [json.loads(request.body) for request in receiver.requests]


# Messages API


def test_a_text_is_accepted_and_shown_on_the_phone(vonage: VonageTwin, sdk: Vonage, text: Sms) -> None:
    sent = sdk.messages.send(text)
    assert [(item.id, item.to, item.text) for item in vonage.texts] == [(sent.message_uuid, AGENT, "Anna opened the chat.")]


def test_a_wrong_text_is_422(vonage: VonageTwin, sdk: Vonage, http: requests.Session) -> None:
    token = sdk.http_client.auth.generate_application_jwt().decode()
    body = {"channel": "sms", "message_type": "text", "to": "+447700900002", "from": OURS, "text": "Hello"}
    answer = http.post(f"{vonage.origin}/v1/messages", json=body, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, [item["name"] for item in answer.json()["invalid_parameters"]]) == (422, ["to"])


def test_messages_take_the_accounts_basic_credentials(vonage: VonageTwin, http: requests.Session) -> None:
    body = {"channel": "sms", "message_type": "text", "to": AGENT, "from": OURS, "text": "Hello"}
    answer = http.post(f"{vonage.origin}/v1/messages", json=body, auth=(vonage.api_key, vonage.api_secret))
    assert answer.status_code == 202


def test_wrong_basic_credentials_are_401(vonage: VonageTwin, http: requests.Session) -> None:
    assert http.post(f"{vonage.origin}/v1/messages", json={}, auth=(vonage.api_key, "wrong")).status_code == 401


def test_what_became_of_a_text_is_posted(vonage: VonageTwin, sdk: Vonage, text: Sms, receiver: Receiver) -> None:
    text.webhook_url = receiver.url
    sdk.messages.send(text)
    vonage.webhooks.wait_until_sent()
    assert [(item["status"], item["client_ref"]) for item in heard(receiver)] == [("submitted", "episode-7"), ("delivered", "episode-7")]


def test_a_phone_texts_us(vonage: VonageTwin, receiver: Receiver) -> None:
    application = vonage.applications[vonage.application_id]
    application.capabilities = {"messages": {"webhooks": {"inbound_url": {"address": receiver.url}}}}
    vonage.actions()["receive_text"](to=OURS, sender=CUSTOMER, text="Where is my order?")
    vonage.webhooks.wait_until_sent()
    assert [(item["from"], item["text"]) for item in heard(receiver)] == [(CUSTOMER, "Where is my order?")]


# SMS API


def test_an_sms_is_sent(vonage: VonageTwin, sdk: Vonage) -> None:
    answer = sdk.sms.send(SmsMessage(to=AGENT, from_="Shop", text="Hello"))
    assert (answer.message_count, answer.messages[0].status, len(vonage.texts)) == ("1", "0", 1)


def test_a_long_sms_has_parts(sdk: Vonage) -> None:
    assert sdk.sms.send(SmsMessage(to=AGENT, from_="Shop", text="x" * 161)).message_count == "2"


def test_a_throttled_sms_is_200_with_status_1(vonage: VonageTwin, sdk: Vonage) -> None:
    vonage.turn(sms_status="1")
    with pytest.raises(SmsError, match="error code 1"):
        sdk.sms.send(SmsMessage(to=AGENT, from_="Shop", text="Hello"))
    assert (vonage.log.entries()[-1].status, vonage.texts) == (200, [])


def test_one_number_may_be_barred(vonage: VonageTwin, sdk: Vonage) -> None:
    vonage.turn(sms_status={AGENT: "7"})
    assert sdk.sms.send(SmsMessage(to=CUSTOMER, from_="Shop", text="Hello")).messages[0].status == "0"


@pytest.mark.parametrize(("change", "status"), [({"api_secret": "wrong"}, "4"), ({"text": ""}, "2"), ({"sig": "0" * 32}, "14")])
def test_what_is_wrong_with_an_sms_is_in_its_status(
    vonage: VonageTwin, http: requests.Session, change: dict[str, str], status: str
) -> None:
    form = {"api_key": vonage.api_key, "api_secret": vonage.api_secret, "to": AGENT, "from": "Shop", "text": "Hello", **change}
    answer = http.post(f"{vonage.origin}/sms/json", data=form)
    assert (answer.status_code, answer.json()["messages"][0]["status"]) == (200, status)


def test_an_inbound_sms_is_posted(vonage: VonageTwin, receiver: Receiver) -> None:
    vonage.turn(sms_url=receiver.url)
    vonage.actions()["receive_sms"](to=OURS, sender=CUSTOMER, text="Where is it?")
    vonage.webhooks.wait_until_sent()
    assert [(item["msisdn"], item["text"], "sig" in item) for item in heard(receiver)] == [(CUSTOMER, "Where is it?", False)]


def test_an_inbound_sms_may_come_by_get(vonage: VonageTwin, receiver: Receiver) -> None:
    vonage.turn(sms_url=receiver.url)
    vonage.actions()["receive_sms"](to=OURS, sender=CUSTOMER, text="Where is it?", method="GET")
    vonage.webhooks.wait_until_sent()
    assert (receiver.requests[0].method, receiver.requests[0].query["msisdn"]) == ("GET", CUSTOMER)


def test_a_long_inbound_sms_comes_in_parts(vonage: VonageTwin, receiver: Receiver) -> None:
    vonage.turn(sms_url=receiver.url)
    vonage.actions()["receive_sms"](to=OURS, sender=CUSTOMER, text="word " * 40)
    vonage.webhooks.wait_until_sent()
    parts = heard(receiver)
    assert ("".join(item["text"] for item in parts), [item["concat-part"] for item in parts]) == ("word " * 40, ["1", "2"])


def test_a_signed_inbound_sms_passes_the_packages_check(vonage: VonageTwin, receiver: Receiver) -> None:
    vonage.turn(sms_url=receiver.url)
    vonage.actions()["receive_sms"](to=OURS, sender=CUSTOMER, text="Where & when = ?", signed=True)
    vonage.webhooks.wait_until_sent()
    auth = Auth(api_key=vonage.api_key, signature_secret=vonage.signature_secret)
    assert auth.check_signature(heard(receiver)[0]) is True


# Voice


def test_a_call_is_started(sdk: Vonage, call: CreateCallRequest, vonage: VonageTwin) -> None:
    made = sdk.voice.create_call(call)
    assert (made.status, made.direction, vonage.calls[0].uuid) == ("started", "outbound", made.uuid)


def test_a_calls_statuses_are_posted_in_order(vonage: VonageTwin, sdk: Vonage, receiver: Receiver, call: CreateCallRequest) -> None:
    made = sdk.voice.create_call(call)
    vonage.webhooks.wait_until_sent()
    assert [item["status"] for item in heard(receiver) if item["uuid"] == made.uuid] == ["started", "ringing", "answered", "completed"]


def test_connect_rings_the_other_party_in_the_same_conversation(vonage: VonageTwin, sdk: Vonage, call: CreateCallRequest) -> None:
    sdk.voice.create_call(call)
    assert [(leg.to["number"], leg.conversation_uuid == vonage.calls[0].conversation_uuid) for leg in vonage.calls] == [
        (CUSTOMER, True),
        (AGENT, True),
    ]


def test_a_busy_customer_connects_nobody(vonage: VonageTwin, sdk: Vonage, call: CreateCallRequest) -> None:
    vonage.turn(call_statuses=["started", "ringing", "busy"])
    sdk.voice.create_call(call)
    assert [leg.history for leg in vonage.calls] == [["started", "ringing", "busy"]]


def test_a_call_rings_until_somebody_answers(vonage: VonageTwin, sdk: Vonage, call: CreateCallRequest) -> None:
    vonage.turn(answer_calls=False)
    made = sdk.voice.create_call(call)
    vonage.actions()["progress_call"](made.uuid, "answered")
    assert vonage.calls[0].history == ["started", "ringing", "answered"]


def test_an_answer_url_is_asked_for_the_ncco(vonage: VonageTwin, sdk: Vonage, receiver: Receiver) -> None:
    receiver.answer = json.dumps(NCCO).encode()
    sdk.voice.create_call(CreateCallRequest(to=[{"type": "phone", "number": CUSTOMER}], from_={"number": OURS}, answer_url=[receiver.url]))
    vonage.webhooks.wait_until_sent()
    assert (receiver.requests[0].method, receiver.requests[0].query["to"], vonage.calls[1].to["number"]) == ("GET", CUSTOMER, AGENT)


def test_a_browsers_call_asks_the_applications_answer_url(vonage: VonageTwin, receiver: Receiver) -> None:
    receiver.answer = b"[]"
    application = vonage.applications[vonage.application_id]
    application.capabilities = {"voice": {"webhooks": {"answer_url": {"address": receiver.url}}}}
    vonage.actions()["server_call"](user="anna", custom_data={"order": 1002})
    vonage.webhooks.wait_until_sent()
    assert (receiver.requests[0].query["from_user"], receiver.requests[0].query["custom_data"]) == ("anna", '{"order": 1002}')


def test_a_call_is_looked_up_and_hung_up(sdk: Vonage, call: CreateCallRequest, vonage: VonageTwin) -> None:
    vonage.turn(answer_calls=False)
    made = sdk.voice.create_call(call)
    sdk.voice.hangup(made.uuid)
    assert sdk.voice.get_call(made.uuid).status == "completed"


@pytest.mark.parametrize(
    "change",
    [
        {"to": []},
        {"to": [{"type": "phone", "number": "+44"}]},
        {"to": [{"type": "pigeon"}]},
        {"ncco": [{"action": "dance"}]},
        {"answer_url": ["https://example.com"]},
        {"from": None, "random_from_number": True},
        {"colour": "red"},
    ],
)
def test_a_wrong_call_is_refused(api: Api, refusal: Refusal, change: Json) -> None:
    fields = {"to": [{"type": "phone", "number": CUSTOMER}], "from": {"type": "phone", "number": OURS}, "ncco": NCCO, **change}
    assert refusal(lambda: api.post("/v1/calls", fields)) == (400, "http:error:validation-fail")
