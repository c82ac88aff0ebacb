"""Texts and calls through Vonage, over the wire: what is sent, on good days and on bad ones, and that nothing is doubled."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat import links
from chat.backends import vonage_client
from chat.backends.circuit import FAILURES_IN_A_ROW, Circuit
from chat.outbox import BackendError, State
from chat.phones.models import Notice, PhoneCall
from tests.chat import phone_side as side
from tests.chat.phone_side import MARIA, ask, last_told, told, work, work_later, write
from tests.chat.vonage_side import vonage_side
from tests.twins import VonageTwin

OURS, ONCE = "+44 7700 900000", {"times": 1}


@pytest.fixture
def vonage(settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[VonageTwin]:
    """Vonage with everything set, and nobody who hears its webhooks."""
    # We lose our patience soon where it is silent, and not where it is slow because the machine is busy.
    monkeypatch.setattr(vonage_client, "TIMEOUT_SECONDS", 1 if "silence" in request.node.name else vonage_client.TIMEOUT_SECONDS)
    with vonage_side(settings) as twin, mock.patch.object(vonage_client, "rest_circuit", Circuit("SMS")):
        settings.VONAGE_API_KEY, settings.VONAGE_API_SECRET = twin.api_key, twin.api_secret
        settings.VONAGE_REST_HOST, settings.VONAGE_FROM_NUMBER = twin.host, OURS
        settings.PUBLIC_URL, settings.WEBHOOK_SECRET = "http://127.0.0.1:1", "an-unguessable-path"
        yield twin


@pytest.fixture
def maria(vonage: VonageTwin, db: None) -> User:
    """The agent on duty."""
    side.messaging_is_over()
    return side.on_duty("maria", MARIA)


@pytest.fixture
def as_alice(maria: User, alice: User) -> Client:
    """The customer's browser."""
    return side.browser_of(alice)


def bodies(vonage: VonageTwin, operation: str) -> list[str]:
    """What was sent to one door, each time."""
    return [entry.body for entry in vonage.log.entries() if entry.operation == f"vonage.{operation}"]


# Texts, by the Messages API and by the SMS API.


@pytest.mark.parametrize("api", ["messages", "sms"])
def test_a_waiting_customer_is_texted_to_the_agent(vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings, api: str) -> None:
    settings.VONAGE_SMS_API = api
    write(as_alice, alice)
    work()
    path = links.path_for(side.conversation_of(alice), 1002, username="maria")
    expected = ("12025550143", "447700900000", f"A customer waits in the chat about order 1002: http://127.0.0.1:1{path}", api)
    assert [(text.to, text.sender, text.text, text.api) for text in vonage.texts] == [expected]


def test_vonage_is_told_our_own_name_of_a_text(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    write(as_alice, alice)
    work()
    assert vonage.texts[0].client_ref == f"order-support-{Notice.objects.get().pk}"


def test_a_text_in_chinese_is_sent_as_such_by_the_sms_api(vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.VONAGE_SMS_API = "sms"
    with mock.patch("chat.phones.notices.text", return_value="顾客在等"):
        write(as_alice, alice)
        work()
    assert ("type=unicode" in bodies(vonage, "send_sms")[0], vonage.texts[0].text) == (True, "顾客在等")


def test_a_sender_may_be_a_name(vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.VONAGE_FROM_NUMBER = "Corner Shop"
    write(as_alice, alice)
    work()
    assert vonage.texts[0].sender == "Corner Shop"


def test_forms_and_json_of_one_thread_do_not_mix(vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.VONAGE_SMS_API = "sms"
    vonage_client.call("GET", "/v1/users")
    write(as_alice, alice)
    work()
    sent = [entry.headers for entry in vonage.log.entries() if entry.operation == "vonage.send_sms"]
    assert [(headers["content-type"], headers["authorization"].split()[0]) for headers in sent] == [
        ("application/x-www-form-urlencoded", "Basic")
    ]


def test_the_signature_secret_signs_no_text(vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.VONAGE_SMS_API, settings.VONAGE_SIGNATURE_SECRET = "sms", vonage.signature_secret
    write(as_alice, alice)
    work()
    assert ("sig=" in bodies(vonage, "send_sms")[0], len(vonage.texts)) == (False, 1)


def test_a_long_text_is_one_text_in_several_parts(vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.VONAGE_SMS_API, settings.PUBLIC_URL = "sms", f"https://{'a' * 60}.{'b' * 60}.example"
    write(as_alice, alice)
    work()
    work_later()
    assert (Notice.objects.get().state, len(vonage.texts)) == (State.DONE, 1)


def test_without_a_number_nobody_is_texted(vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.VONAGE_FROM_NUMBER = ""
    write(as_alice, alice)
    work()
    assert (Notice.objects.count(), vonage.texts) == (0, [])


# Fault -> what is to be read on the row after the first attempt; and how many texts there are, however often it is worked on.
PASSING: dict[str, tuple[dict[str, Any], str]] = {
    "too many": ({"fault": "rate_limited", "reset": 0}, "http:error:too-many-request"),
    "a wrong token": ({"fault": "status", "status": 401}, "system:error:invalid-token"),
    "no credit": ({"fault": "status", "status": 402, "body": "{}"}, "http:402"),
}
LASTING: dict[str, tuple[dict[str, Any], str]] = {
    "a number that is none": ({"fault": "status", "status": 422, "body": '{"title": "Invalid params"}'}, "http:422"),
    "no such product": ({"fault": "status", "status": 403, "body": '{"title": "Forbidden"}'}, "http:403"),
}
UNKNOWN: dict[str, tuple[dict[str, Any], int]] = {
    "a reset before the work": ({"fault": "reset"}, 0),
    "a reset after the work": ({"fault": "reset_after"}, 1),
    "a lost reply": ({"fault": "lost_reply"}, 1),
    "silence after the work": ({"fault": "hang_after"}, 1),
    "a gateway's HTML": ({"fault": "html_502"}, 0),
    "an internal error after the work": ({"fault": "status", "status": 500, "work": True}, 1),
    "cut JSON": ({"fault": "cut_json"}, 1),
    "an empty 200": ({"fault": "empty_200"}, 1),
}
DOORS = {"messages": "send_message", "sms": "send_sms"}


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, settings: Settings) -> str:
    """Each of the two APIs."""
    settings.VONAGE_SMS_API = request.param
    return f"vonage.{DOORS[request.param]}"


@pytest.mark.parametrize("name", PASSING)
def test_a_text_that_was_refused_for_now_leaves_later(vonage: VonageTwin, as_alice: Client, alice: User, door: str, name: str) -> None:
    fault, code = PASSING[name]
    vonage.faults.set(door, fault | {"times": 2 if "token" in name and door.endswith("message") else 1})
    write(as_alice, alice)
    work()
    first = Notice.objects.get()
    vonage_client.phones_circuit.succeeded()
    vonage_client.rest_circuit.succeeded()
    work_later()
    assert (first.state, first.error_code, first.is_unknown) == (State.WAITING, code, False)
    assert (Notice.objects.get().state, len(vonage.texts)) == (State.DONE, 1)


@pytest.mark.parametrize("name", LASTING)
def test_a_text_that_was_refused_for_good_fails_visibly(vonage: VonageTwin, as_alice: Client, alice: User, door: str, name: str) -> None:
    fault, code = LASTING[name]
    vonage.faults.set(door, fault)
    write(as_alice, alice)
    work()
    work_later()
    row = Notice.objects.get()
    assert (row.state, row.error_code, len(bodies(vonage, door.partition(".")[2]))) == (State.FAILED, code, 1)


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_text_whose_reply_was_lost_is_not_sent_again(vonage: VonageTwin, as_alice: Client, alice: User, door: str, name: str) -> None:
    fault, count = UNKNOWN[name]
    vonage.faults.set(door, fault | ONCE)
    write(as_alice, alice)
    work()
    work_later()
    row = Notice.objects.get()
    assert (row.state, row.error_code, row.is_unknown, len(vonage.texts)) == (State.FAILED, "outcome_unknown", True, count)


def test_a_person_may_send_a_text_in_doubt_again(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    vonage.faults.set("vonage.send_message", {"fault": "reset"} | ONCE)
    write(as_alice, alice)
    work()
    Notice.objects.get().retry_now()
    work()
    assert (Notice.objects.get().state, len(vonage.texts)) == (State.DONE, 1)


def test_a_worker_that_died_in_the_middle_of_a_text_sends_no_second_one(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    write(as_alice, alice)
    Notice.objects.update(tried_at=timezone.now() - timedelta(minutes=2))
    work()
    assert (Notice.objects.get().error_code, vonage.texts) == ("outcome_unknown", [])


def test_a_text_that_may_have_left_after_the_backup_waits_for_a_person(
    vonage: VonageTwin, as_alice: Client, alice: User, capsys: pytest.CaptureFixture[str]
) -> None:
    write(as_alice, alice)
    before = Notice.objects.values("state", "provider_id", "tried_at", "next_attempt_at").get()
    work()
    Notice.objects.update(**before, finished_at=None)
    call_command("restored")
    work()
    row = Notice.objects.get()
    assert (row.state, row.error_code, row.is_unknown, len(vonage.texts)) == (State.FAILED, "outcome_unknown", True, 1)
    assert capsys.readouterr().out.endswith("Left to a person: 1 texts to agents.\n")


def test_a_host_that_can_t_be_reached_leaves_the_text_waiting(
    vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings
) -> None:
    settings.VONAGE_SMS_API, settings.VONAGE_REST_HOST = "sms", "localhost:1"
    write(as_alice, alice)
    work()
    row = Notice.objects.get()
    assert (row.state, row.error_code, "localhost:1" in row.last_error) == (State.WAITING, "unreachable", True)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("1", State.WAITING),
        ("2", State.FAILED),
        ("4", State.WAITING),
        ("5", State.WAITING),
        ("6", State.FAILED),
        ("7", State.FAILED),
        ("9", State.WAITING),
        ("14", State.FAILED),
        ("29", State.FAILED),
    ],
)
def test_a_200_of_the_sms_api_is_no_yes(
    vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings, status: str, state: str
) -> None:
    settings.VONAGE_SMS_API = "sms"
    vonage.turn(sms_status=status)
    write(as_alice, alice)
    work()
    row = Notice.objects.get()
    assert (row.state, row.error_code, vonage.texts) == (state, f"sms:{status}", [])


def test_wrong_account_keys_are_named(vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.VONAGE_SMS_API, settings.VONAGE_API_SECRET = "sms", "wrong"
    write(as_alice, alice)
    work()
    assert "Check NEXMO_API_KEY and NEXMO_API_SECRET." in Notice.objects.get().last_error


def test_with_the_right_keys_at_last_the_text_leaves(vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.VONAGE_SMS_API, settings.VONAGE_API_SECRET = "sms", "wrong"
    write(as_alice, alice)
    work()
    settings.VONAGE_API_SECRET = vonage.api_secret
    work_later()
    assert (Notice.objects.get().state, len(vonage.texts)) == (State.DONE, 1)


@pytest.mark.parametrize("answer", ["{}", '{"messages": []}', '{"messages": [7]}', '{"messages": "0"}', "[]"])
def test_an_answer_of_the_sms_api_that_tells_nothing_leaves_it_unknown(
    vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings, answer: str
) -> None:
    settings.VONAGE_SMS_API = "sms"
    vonage.faults.set("vonage.send_sms", {"fault": "status", "status": 200, "body": answer})
    write(as_alice, alice)
    work()
    assert Notice.objects.get().error_code == "outcome_unknown"


# Calls.


def test_a_call_rings_the_agent_and_connects_the_customer(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    vonage.turn(answer_calls=False)
    ask(as_alice, alice, about=1002)
    work()
    call = vonage.calls[0]
    assert (call.to, call.sender) == ({"type": "phone", "number": "12025550143"}, {"type": "phone", "number": "447700900000"})
    assert [action["action"] for action in call.ncco] == ["talk", "connect"]
    assert call.ncco[0]["text"] == "A customer asked for a call about order 1002. We connect you."
    assert (call.ncco[1]["endpoint"], call.ncco[1]["from"]) == ([{"type": "phone", "number": "46705550120"}], "447700900000")


def test_vonage_is_told_where_to_tell_of_each_phone(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    vonage.turn(answer_calls=False)
    ask(as_alice, alice)
    work()
    door = f"http://127.0.0.1:1/webhooks/voice/event/an-unguessable-path?call={PhoneCall.objects.get().public_id}"
    call = vonage.calls[0]
    assert (call.event_url, call.ncco[1]["eventUrl"]) == (f"{door}&side=agent", [f"{door}&side=customer"])


def test_the_conversation_tells_that_the_call_was_placed(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    ask(as_alice, alice)
    work()
    assert told(alice) == ["requested agent", "started agent"]


def test_a_sender_that_is_a_name_can_t_call(vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.VONAGE_FROM_NUMBER = "Corner Shop"
    assert ask(as_alice, alice).json()["code"] == "not_available"


def test_texts_and_calls_go_on_where_only_conversations_fail(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    vonage.faults.set("vonage.create_user", {"fault": "status", "status": 503})
    for _failure in range(FAILURES_IN_A_ROW):
        with pytest.raises(BackendError):
            vonage_client.call("POST", "/v1/users", {"name": "somebody"})
    write(as_alice, alice)
    ask(as_alice, alice)
    work()
    assert (len(vonage.texts), bool(vonage.calls), vonage_client.circuit.is_open) == (1, True, True)


CALLS_PASSING = PASSING | {"a number that can't be reached yet": ({"fault": "status", "status": 423, "body": "{}"}, "http:423")}


@pytest.mark.parametrize("name", CALLS_PASSING)
def test_a_call_that_was_refused_for_now_is_placed_once_a_moment_later(
    vonage: VonageTwin, as_alice: Client, alice: User, name: str
) -> None:
    fault, code = CALLS_PASSING[name]
    vonage.faults.set("vonage.create_call", fault | {"times": 2 if "token" in name else 1})
    vonage.turn(answer_calls=False)
    ask(as_alice, alice)
    work()
    first = PhoneCall.objects.get()
    vonage_client.phones_circuit.succeeded()
    work_later()
    assert (first.state, first.error_code, first.is_unknown) == (State.WAITING, code, False)
    assert (told(alice), len(vonage.calls)) == (["requested agent", "started agent"], 1)


@pytest.mark.parametrize("name", LASTING)
def test_a_call_that_was_refused_for_good_has_failed(vonage: VonageTwin, as_alice: Client, alice: User, name: str) -> None:
    fault, code = LASTING[name]
    vonage.faults.set("vonage.create_call", fault)
    ask(as_alice, alice)
    work()
    work_later()
    row = PhoneCall.objects.get()
    assert (row.state, row.error_code, told(alice)) == (State.FAILED, code, ["requested agent", "failed agent"])
    assert len(bodies(vonage, "create_call")) == 1


def test_a_pause_that_is_longer_than_a_customer_waits_ends_the_call(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    vonage.faults.set("vonage.create_call", {"fault": "rate_limited", "reset": 600})
    ask(as_alice, alice)
    work()
    assert (PhoneCall.objects.get().state, told(alice)) == (State.FAILED, ["requested agent", "failed agent"])


def test_a_vonage_that_is_away_for_long_ends_the_call(vonage: VonageTwin, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.VONAGE_API_HOST = "localhost:1"
    ask(as_alice, alice)
    work()
    first = PhoneCall.objects.get()
    side.minutes_pass(4)
    work_later()
    assert (first.state, first.error_code) == (State.WAITING, "unreachable")
    assert (PhoneCall.objects.get().state, told(alice)) == (State.FAILED, ["requested agent", "failed agent"])


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_call_whose_reply_was_lost_is_never_placed_again(vonage: VonageTwin, as_alice: Client, alice: User, name: str) -> None:
    fault, count = UNKNOWN[name]
    vonage.faults.set("vonage.create_call", fault | ONCE)
    vonage.turn(answer_calls=False)
    ask(as_alice, alice)
    work()
    for _attempt in range(3):
        work_later()
    first = PhoneCall.objects.get()
    side.minutes_pass(1)
    work_later()
    assert (first.state, first.error_code, first.is_unknown) == (State.WAITING, "waits_for_news", True)
    row = PhoneCall.objects.get()
    assert (row.state, row.error_code, told(alice)) == (State.FAILED, "outcome_unknown", ["requested agent", "failed agent"])
    assert (len(bodies(vonage, "create_call")), len(vonage.calls)) == (1, count)


def test_a_call_in_doubt_is_looked_at_again_within_its_half_minute(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    vonage.faults.set("vonage.create_call", {"fault": "reset"} | ONCE)
    ask(as_alice, alice)
    work()
    side.minutes_pass(1 / 4)
    # As many attempts, and as old, as makes any other row wait for a minute and a half at least.
    PhoneCall.objects.update(attempts=20, tried_since=timezone.now() - timedelta(hours=20))
    work_later()
    row = PhoneCall.objects.get()
    assert (row.error_code, row.next_attempt_at < timezone.now() + timedelta(seconds=15)) == ("waits_for_news", True)


def test_a_worker_that_died_in_the_middle_of_a_call_places_no_second_one(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    ask(as_alice, alice)
    PhoneCall.objects.update(placing_at=timezone.now() - timedelta(minutes=2))
    work()
    assert (PhoneCall.objects.get().error_code, vonage.calls) == ("outcome_unknown", [])


def test_after_a_call_in_doubt_the_customer_may_ask_again(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    vonage.faults.set("vonage.create_call", {"fault": "reset"} | ONCE)
    ask(as_alice, alice)
    work()
    side.minutes_pass(1)
    work_later()
    assert (ask(as_alice, alice).status_code, last_told(alice)["state"]) == (201, "requested")


def test_a_call_of_which_vonage_tells_nothing_ends_and_says_what_to_look_at(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    ask(as_alice, alice)
    work()
    side.minutes_pass(3)
    work_later()
    row = PhoneCall.objects.get()
    assert (row.state, row.error_code, "PUBLIC_URL" in row.last_error, told(alice)[-1]) == (State.FAILED, "no_news", True, "failed agent")
