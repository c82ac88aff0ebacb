"""Vonage's webhooks out: payloads, signatures, repetition, order, delay, retries."""

import hashlib
import json
import time

import jwt
import pytest
from vonage_jwt import verify_signature  # type: ignore[import-untyped]  # the package has no types

from tests.twins import VonageTwin
from tests.twins.conftest import Api, Json, Receiver
from tests.twins.http import Request

ORDER = {"type": "custom:order-confirm-event", "body": {"id": 1002, "text": "Ordered."}}


@pytest.fixture
def listening(vonage: VonageTwin, receiver: Receiver) -> Receiver:
    """The application's RTC webhooks go to the receiver."""
    capabilities = {"rtc": {"webhooks": {"event_url": {"address": receiver.url, "http_method": "POST"}}}}
    vonage.applications[vonage.application_id].capabilities = capabilities
    return receiver


@pytest.fixture
def conversation(vonage: VonageTwin) -> str:
    """A conversation nobody heard of being made."""
    vonage.turn(webhook_hold=True)
    made = vonage.store.add_conversation("support-anna", {})
    vonage.webhooks.reset()
    return made.id


def heard(vonage: VonageTwin, receiver: Receiver) -> list[Json]:
    assert vonage.webhooks.wait_until_sent()
    return [json.loads(request.body) for request in receiver.requests]


def token_of(request: Request) -> str:
    return request.headers["authorization"].removeprefix("Bearer ")


def test_a_made_conversation_is_posted_without_an_event_id(vonage: VonageTwin, api: Api, listening: Receiver) -> None:
    made = api.post("/v1/conversations", {"name": "support", "display_name": "Support"})
    hook = heard(vonage, listening)[0]
    assert (hook["type"], hook["body"]["id"], hook["body"]["display_name"], "id" in hook, "conversation_id" in hook) == (
        "conversation:created",
        made["id"],
        "Support",
        False,
        False,
    )


def test_an_event_is_posted_with_its_number_and_conversation(vonage: VonageTwin, api: Api, listening: Receiver, conversation: str) -> None:
    api.post(f"/v1/conversations/{conversation}/events", ORDER)
    hook = heard(vonage, listening)[0]
    assert {name: hook[name] for name in ("type", "id", "conversation_id", "application_id", "body")} == {
        **ORDER,
        "id": 1,
        "conversation_id": conversation,
        "application_id": vonage.application_id,
    }


def test_a_message_names_its_sender(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.say(conversation, "agent", "Hello")
    hook = heard(vonage, listening)[0]
    assert (hook["body"], hook["_embedded"]["from_user"]["name"]) == ({"message_type": "text", "text": "Hello"}, "agent")


def test_the_conversation_may_be_called_cid(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.turn(rtc_cid=True)
    vonage.say(conversation, "agent", "Hello")
    hook = heard(vonage, listening)[0]
    assert (hook["cid"], "conversation_id" in hook) == (conversation, False)


def test_rtc_webhooks_are_not_signed(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.say(conversation, "agent", "Hello")
    heard(vonage, listening)
    assert "authorization" not in listening.requests[0].headers


def test_signed_webhooks_carry_the_hash_of_their_body(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.turn(rtc_signature="valid")
    vonage.say(conversation, "agent", "Hello")
    heard(vonage, listening)
    request = listening.requests[0]
    claims = jwt.decode(token_of(request), vonage.signature_secret, algorithms=["HS256"])
    assert (claims["iss"], claims["api_key"], claims["application_id"], claims["payload_hash"], "exp" in claims) == (
        "Vonage",
        vonage.api_key,
        vonage.application_id,
        hashlib.sha256(request.body).hexdigest(),
        False,
    )


def test_the_vonage_package_verifies_the_signature(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.turn(rtc_signature="valid")
    vonage.say(conversation, "agent", "Hello")
    heard(vonage, listening)
    assert verify_signature(token_of(listening.requests[0]), vonage.signature_secret) is True


def test_a_signature_may_be_made_with_another_secret(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.turn(rtc_signature="wrong_secret")
    vonage.say(conversation, "agent", "Hello")
    heard(vonage, listening)
    assert verify_signature(token_of(listening.requests[0]), vonage.signature_secret) is False


def test_a_signature_may_be_of_another_body(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.turn(rtc_signature="wrong_hash")
    vonage.say(conversation, "agent", "Hello")
    heard(vonage, listening)
    claims = jwt.decode(token_of(listening.requests[0]), vonage.signature_secret, algorithms=["HS256"])
    assert claims["payload_hash"] != hashlib.sha256(listening.requests[0].body).hexdigest()


def test_a_signature_may_be_old(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.turn(rtc_signature="old")
    vonage.say(conversation, "agent", "Hello")
    heard(vonage, listening)
    claims = jwt.decode(token_of(listening.requests[0]), vonage.signature_secret, algorithms=["HS256"])
    assert claims["iat"] < time.time() - 3600


def test_webhooks_arrive_in_order_and_once(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    for number in range(5):
        vonage.say(conversation, "agent", str(number))
    assert [hook["id"] for hook in heard(vonage, listening)] == [1, 2, 3, 4, 5]


def test_webhooks_may_arrive_twice(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.turn(webhook_repeat=2)
    vonage.say(conversation, "agent", "Hello")
    assert [hook["id"] for hook in heard(vonage, listening)] == [1, 1]


def test_webhooks_may_arrive_newest_first(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.turn(webhook_hold=True)
    for number in range(3):
        vonage.say(conversation, "agent", str(number))
    vonage.webhooks.release(newest_first=True)
    assert [hook["id"] for hook in heard(vonage, listening)] == [3, 2, 1]


def test_webhooks_may_be_shuffled(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.turn(webhook_jitter_ms=100)
    for number in range(8):
        vonage.say(conversation, "agent", str(number))
    numbers = [hook["id"] for hook in heard(vonage, listening)]
    assert (sorted(numbers), numbers == sorted(numbers)) == ([1, 2, 3, 4, 5, 6, 7, 8], False)


def test_webhooks_may_be_late(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.turn(webhook_delay_ms=150)
    began = time.monotonic()
    vonage.say(conversation, "agent", "Hello")
    heard(vonage, listening)
    assert time.monotonic() - began >= 0.15


def test_a_5xx_brings_the_webhook_again(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.turn(webhook_retry_ms=1)
    listening.statuses = [503, 500]
    vonage.say(conversation, "agent", "Hello")
    assert [hook["id"] for hook in heard(vonage, listening)] == [1, 1, 1]


def test_a_4xx_does_not(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    listening.statuses = [401]
    vonage.say(conversation, "agent", "Hello")
    assert len(heard(vonage, listening)) == 1


def test_attempts_are_recorded(vonage: VonageTwin, listening: Receiver, conversation: str) -> None:
    vonage.turn(webhook_retry_ms=1)
    listening.statuses = [500]
    vonage.say(conversation, "agent", "Hello")
    heard(vonage, listening)
    assert [(delivery.attempt, delivery.status) for delivery in vonage.webhooks.deliveries("rtc")] == [(1, 500), (2, 200)]


def test_nobody_listening_is_recorded_too(vonage: VonageTwin, conversation: str) -> None:
    vonage.turn(rtc_url="http://127.0.0.1:9/", webhook_retry_ms=1)
    vonage.say(conversation, "agent", "Hello")
    vonage.webhooks.wait_until_sent()
    assert [delivery.error for delivery in vonage.webhooks.deliveries()] == ["ConnectionError"] * 4
