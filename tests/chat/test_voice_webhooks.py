"""What Vonage tells of calls and texts: who may say it, what it becomes in whatever order it comes, and that it becomes so once."""

import hashlib
import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import jwt
import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat.backends import vonage_client
from chat.backends.circuit import Circuit
from chat.models import Event
from chat.outbox import State
from chat.phones import calls
from chat.phones.models import CallReport, Notice, PhoneCall, Progress, Side
from chat.phones.news import ENDED
from chat.phones.story import Stage
from tests.chat import phone_side as side
from tests.chat.phone_side import MARIA, ask, last_told, told, work, work_later, write
from tests.chat.vonage_side import vonage_side
from tests.twins import VonageTwin
from tests.twins.conftest import Receiver
from tests.twins.vonage_messages import report

SIGNATURE_SECRET, WEBHOOK_SECRET = "a signature secret of more than 32 bytes", "an-unguessable-path"
EVENT, ANSWER, TEXT = "/webhooks/voice/event", "/webhooks/voice/answer", "/webhooks/sms"
WHOLE_STORY = ["requested agent", "started agent", "ringing agent", "answered agent", "ringing customer", "answered customer"]
Post = Callable[..., HttpResponse]
Json = dict[str, Any]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Takes what Vonage posts to us."""
    receiver = Receiver()
    receiver.server.start()
    yield receiver
    receiver.server.stop()


@pytest.fixture
def vonage(settings: Settings, receiver: Receiver) -> Iterator[VonageTwin]:
    with vonage_side(settings) as twin, mock.patch.object(vonage_client, "rest_circuit", Circuit("SMS")):
        settings.VONAGE_SIGNATURE_SECRET = twin.signature_secret
        settings.WEBHOOK_SECRET = WEBHOOK_SECRET
        settings.VONAGE_FROM_NUMBER = "+44 7700 900000"
        settings.PUBLIC_URL = f"http://127.0.0.1:{receiver.server.port}"
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


@pytest.fixture
def call(vonage: VonageTwin, as_alice: Client, alice: User) -> PhoneCall:
    """Alice's call was placed; nothing was told of it yet."""
    vonage.turn(answer_calls=False, webhook_hold=True)
    ask(as_alice, alice)
    work()
    return PhoneCall.objects.get()


def signature(body: bytes, secret: str, **claims: Any) -> str:
    told_of = {"iat": int(time.time()), "jti": str(uuid.uuid4()), "iss": "Vonage"} | (
        {"payload_hash": hashlib.sha256(body).hexdigest()} if body else {}
    )
    return "Bearer " + jwt.encode(told_of | claims, secret, algorithm="HS256")


@pytest.fixture
def post(client: Client) -> Post:
    """Post as somebody who knows the secret of the path."""

    def send(payload: Any, path: str = f"{EVENT}/{WEBHOOK_SECRET}", **headers: str) -> HttpResponse:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return client.post(path, body, content_type="application/json", headers=headers)

    return send


def news(call: PhoneCall, status: str, whose: str = "agent", **more: Any) -> Json:
    """One status of one phone, as Vonage tells it."""
    leg = call.provider_id if whose == "agent" else f"leg-of-{whose}"
    return {"status": status, "uuid": leg, "conversation_uuid": call.provider_conversation_id, "direction": "outbound"} | more


def deliver(receiver: Receiver) -> set[int]:
    """Hand everything that Vonage posted to the doors it was posted to; the statuses they answered."""
    client = Client()
    statuses = set()
    for request in receiver.requests:
        headers = {name: value for name, value in request.headers.items() if name == "authorization"}
        statuses.add(client.post(request.target, request.body, content_type="application/json", headers=headers).status_code)
    receiver.requests.clear()
    return statuses


# Who may say it.


@pytest.mark.parametrize("path", [EVENT, ANSWER, TEXT])
def test_neither_signed_nor_keyed_is_refused(post: Post, call: PhoneCall, path: str) -> None:
    assert (post(news(call, "ringing"), path).status_code, CallReport.objects.count()) == (401, 0)


@pytest.mark.parametrize("path", [EVENT, ANSWER, TEXT])
def test_a_wrong_secret_is_refused(post: Post, call: PhoneCall, path: str) -> None:
    assert (post(news(call, "ringing"), f"{path}/guessed").status_code, CallReport.objects.count()) == (403, 0)


@pytest.mark.parametrize("path", [EVENT, ANSWER, TEXT])
def test_the_secret_in_the_path_or_a_header_is_taken(post: Post, call: PhoneCall, path: str) -> None:
    in_path, in_header = post({}, f"{path}/{WEBHOOK_SECRET}"), post({}, path, X_Webhook_Secret=WEBHOOK_SECRET)
    assert (in_path.status_code, in_header.status_code) == (200, 200)


@pytest.mark.parametrize("path", [EVENT, ANSWER, TEXT])
def test_a_good_signature_is_taken_once(post: Post, call: PhoneCall, vonage: VonageTwin, path: str) -> None:
    body = json.dumps(news(call, "ringing")).encode()
    signed = signature(body, vonage.signature_secret)
    assert [post(body, path, Authorization=signed).status_code for _time in range(2)] == [200, 401]


@pytest.mark.parametrize(
    "claims", [{"payload_hash": "0" * 64}, {"payload_hash": None}, {"iat": 1}, {"iat": 2**40}, {"jti": ""}, {"secret": "x" * 40}], ids=str
)
@pytest.mark.parametrize("path", [EVENT, ANSWER, TEXT])
def test_a_bad_signature_is_refused_even_with_the_right_secret(
    post: Post, call: PhoneCall, vonage: VonageTwin, path: str, claims: Json
) -> None:
    body = json.dumps(news(call, "ringing")).encode()
    told_of = {name: value for name, value in claims.items() if name != "secret"}
    signed = signature(body, claims.get("secret", vonage.signature_secret), **told_of)
    assert (post(body, f"{path}/{WEBHOOK_SECRET}", Authorization=signed).status_code, CallReport.objects.count()) == (401, 0)


def test_a_signed_question_without_a_body_is_answered_once(client: Client, call: PhoneCall, vonage: VonageTwin) -> None:
    signed = {"Authorization": signature(b"", vonage.signature_secret)}
    asked = {"uuid": call.provider_id, "to": "12025550143"}
    assert [client.get(ANSWER, asked, headers=signed).status_code for _time in range(2)] == [200, 401]


@pytest.mark.parametrize("signed", [b'{"status": "ringing"}', b"x"])
def test_a_signature_of_a_body_is_good_for_no_question_without_one(
    client: Client, call: PhoneCall, vonage: VonageTwin, signed: bytes
) -> None:
    headers = {"Authorization": signature(signed, vonage.signature_secret)}
    assert client.get(ANSWER, {"uuid": call.provider_id, "to": "12025550143"}, headers=headers).status_code == 401


@pytest.mark.parametrize(("path", "method"), [(EVENT, "get"), (ANSWER, "put"), (TEXT, "delete")])
def test_other_methods_are_refused(client: Client, vonage: VonageTwin, path: str, method: str) -> None:
    assert getattr(client, method)(f"{path}/{WEBHOOK_SECRET}").status_code == 405


@pytest.mark.parametrize("path", [EVENT, ANSWER, TEXT])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff\xfe", b'{"duration": NaN}'])
def test_a_broken_body_is_a_400(post: Post, vonage: VonageTwin, path: str, body: bytes, db: None) -> None:
    assert post(body, f"{path}/{WEBHOOK_SECRET}").status_code == 400


@pytest.mark.parametrize("path", [EVENT, ANSWER, TEXT])
def test_too_long_a_body_is_a_413(post: Post, vonage: VonageTwin, path: str, db: None) -> None:
    assert post({"more": "x" * 200_000}, f"{path}/{WEBHOOK_SECRET}").status_code == 413


@pytest.mark.parametrize(
    "change",
    [{"status": "transfer"}, {"status": None}, {"status": ["ringing"]}, {"uuid": ""}, {"uuid": None}, {"uuid": "x" * 200}],
    ids=str,
)
def test_what_tells_nothing_is_a_200_and_stored_nowhere(post: Post, call: PhoneCall, change: Json) -> None:
    assert (post(news(call, "ringing") | change).status_code, CallReport.objects.count()) == (200, 0)


# What it becomes.


@pytest.fixture
def story(vonage: VonageTwin, as_alice: Client, alice: User) -> None:
    """A call that both answer, of which Vonage has posted everything."""
    ask(as_alice, alice)
    work()
    vonage.webhooks.wait_until_sent()


def test_a_call_is_told_from_the_request_to_the_end(story: None, receiver: Receiver, alice: User) -> None:
    statuses = deliver(receiver)
    work()
    assert (statuses, told(alice)) == ({200}, [*WHOLE_STORY, "completed customer"])


def test_a_call_that_vonage_tells_of_ends_with_its_length(story: None, receiver: Receiver, alice: User) -> None:
    deliver(receiver)
    work()
    work_later()
    call = PhoneCall.objects.get()
    assert (last_told(alice)["state"], last_told(alice)["seconds"], call.state, call.ended_at is None) == (
        "completed",
        12,
        State.DONE,
        False,
    )


def test_everything_twice_late_and_backwards_comes_to_the_same(
    vonage: VonageTwin, as_alice: Client, alice: User, receiver: Receiver
) -> None:
    vonage.turn(webhook_hold=True)
    ask(as_alice, alice)
    work()
    vonage.webhooks.release(newest_first=True)
    vonage.webhooks.wait_until_sent()
    # Vonage signs anew what it sends again; here the same signature comes twice.
    receiver.requests += receiver.requests
    assert deliver(receiver) == {200, 401}
    for _attempt in range(4):
        work_later()
    assert (told(alice), last_told(alice)["seconds"]) == (["requested agent", "started agent", "completed customer"], 12)


ENDINGS = [("agent", "answered"), ("customer", "answered"), ("customer", "completed"), ("agent", "completed")]


@pytest.mark.parametrize("order", list(itertools.permutations(ENDINGS)), ids=str)
def test_in_whatever_order_the_ends_come_the_call_is_told_as_talked(
    post: Post, call: PhoneCall, alice: User, order: tuple[tuple[str, str], ...]
) -> None:
    for whose, status in order:
        post(news(call, status, whose, duration="34" if whose == "customer" else "40"))
        work()
    for _attempt in range(4):
        work_later()
    assert (last_told(alice)["state"], last_told(alice)["side"], last_told(alice)["seconds"]) == ("completed", "customer", 34)


@pytest.mark.parametrize(
    ("told_of", "ending"),
    [
        (["ringing agent", "busy agent"], "busy agent"),
        (["ringing agent", "unanswered agent"], "unanswered agent"),
        (["ringing agent", "timeout agent"], "timeout agent"),
        (["started agent", "failed agent"], "failed agent"),
        (["answered agent", "ringing customer", "busy customer", "completed agent"], "busy customer"),
        (["answered agent", "completed agent", "rejected customer"], "rejected customer"),
        (["answered agent", "completed agent"], "cancelled agent"),
        (["answered agent", "answered customer", "completed agent"], "completed customer"),
        (["completed customer", "ringing customer", "answered agent"], "completed customer"),
    ],
    ids=str,
)
def test_each_end_is_told_once_and_nothing_after_it(post: Post, call: PhoneCall, alice: User, told_of: list[str], ending: str) -> None:
    for line in told_of:
        status, whose = line.split()
        post(news(call, status, whose))
        work()
    for _attempt in range(4):
        work_later()
    assert (told(alice)[-1], sum(line.split()[0] in ENDED for line in told(alice))) == (ending, 1)


def test_a_status_that_comes_late_is_not_told(post: Post, call: PhoneCall, alice: User) -> None:
    post(news(call, "answered"))
    work()
    post(news(call, "ringing"))
    post(news(call, "started"))
    work()
    assert told(alice) == ["requested agent", "started agent", "answered agent"]


def test_the_same_webhook_twice_is_one_event(post: Post, call: PhoneCall, alice: User) -> None:
    for _time in range(2):
        post(news(call, "ringing"))
        work()
    assert (told(alice), CallReport.objects.count()) == (["requested agent", "started agent", "ringing agent"], 1)


def test_news_without_our_name_is_known_by_vonages_ids(post: Post, call: PhoneCall, alice: User) -> None:
    post(news(call, "answered"), f"{EVENT}/{WEBHOOK_SECRET}")
    post(news(call, "ringing", "customer"), f"{EVENT}/{WEBHOOK_SECRET}")
    work()
    assert told(alice)[-1] == "ringing customer"


def test_vonages_ids_count_more_than_the_name_in_the_address(post: Post, call: PhoneCall, alice: User, as_alice: Client) -> None:
    post(news(call, "ringing"), f"{EVENT}/{WEBHOOK_SECRET}?call=CALL-another&side=customer")
    work()
    assert (CallReport.objects.get().call, CallReport.objects.get().state) == (call, State.DONE)


def test_news_of_a_stranger_s_call_ends_cancelled_and_is_told_nowhere(post: Post, call: PhoneCall, alice: User) -> None:
    post({"status": "answered", "uuid": "somebody", "conversation_uuid": "CON-else"})
    for _attempt in range(8):
        work_later()
    assert (CallReport.objects.get().state, told(alice)) == (State.CANCELLED, ["requested agent", "started agent"])


def test_a_call_whose_reply_was_lost_is_known_by_its_webhooks(
    vonage: VonageTwin, as_alice: Client, alice: User, receiver: Receiver
) -> None:
    vonage.faults.set("vonage.create_call", {"fault": "lost_reply", "times": 1})
    ask(as_alice, alice)
    work()
    vonage.webhooks.wait_until_sent()
    deliver(receiver)
    work()
    work_later()
    call = PhoneCall.objects.get()
    placed = [entry for entry in vonage.log.entries() if entry.operation == "vonage.create_call"]
    assert (call.state, last_told(alice)["state"], last_told(alice)["seconds"], len(placed)) == (State.DONE, "completed", 12, 1)


def test_a_call_in_doubt_that_rings_is_left_ringing(vonage: VonageTwin, as_alice: Client, alice: User, receiver: Receiver) -> None:
    vonage.turn(answer_calls=False)
    vonage.faults.set("vonage.create_call", {"fault": "lost_reply", "times": 1})
    ask(as_alice, alice)
    work()
    vonage.webhooks.wait_until_sent()
    deliver(receiver)
    work()
    side.minutes_pass(1)
    work_later()
    assert (PhoneCall.objects.get().error_code, told(alice)[-1]) == ("under_way", "ringing agent")


def test_a_reply_that_comes_after_the_first_ring_tells_nothing(call: PhoneCall, post: Post, alice: User) -> None:
    post(news(call, "ringing"))
    work()
    calls.advance(call, Stage(Progress.STARTED, Side.AGENT))
    assert told(alice) == ["requested agent", "started agent", "ringing agent"]


def test_news_that_comes_after_the_end_tells_nothing(call: PhoneCall, post: Post, alice: User) -> None:
    post(news(call, "ringing"))
    work()
    side.minutes_pass(3)
    work_later()
    post(news(call, "completed", "customer"))
    work()
    assert told(alice)[-1] == "timeout agent"


def test_a_webhook_that_is_faster_than_the_reply_is_not_lost(
    vonage: VonageTwin, as_alice: Client, alice: User, receiver: Receiver, post: Post
) -> None:
    vonage.turn(answer_calls=False)
    ask(as_alice, alice)
    name = PhoneCall.objects.get().public_id
    post({"status": "ringing", "uuid": "early", "conversation_uuid": "CON-1"}, f"{EVENT}/{WEBHOOK_SECRET}?call={name}&side=agent")
    work()
    assert ("ringing agent" in told(alice), CallReport.objects.get().state) == (True, State.DONE)


@pytest.mark.parametrize("duration", [None, "", "soon", -3, "1e9", "9" * 50, True, ["12"]], ids=str)
def test_a_length_that_is_none_is_left_out(post: Post, call: PhoneCall, alice: User, duration: Any) -> None:
    post(news(call, "completed", "customer", duration=duration))
    work()
    assert (last_told(alice)["state"], last_told(alice)["seconds"]) == ("completed", None)


def test_no_number_is_logged(story: None, vonage: VonageTwin, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    deliver(receiver)
    work()
    assert ("5550120" in caplog.text, "5550143" in caplog.text, WEBHOOK_SECRET in caplog.text) == (False, False, False)


# A call that asks what to do.


@pytest.mark.parametrize("by", ["uuid", "conversation_uuid"])
def test_a_call_of_ours_is_told_to_connect_its_customer(client: Client, call: PhoneCall, by: str) -> None:
    asked = {"uuid": call.provider_id} if by == "uuid" else {"conversation_uuid": call.provider_conversation_id}
    ncco = client.get(f"{ANSWER}/{WEBHOOK_SECRET}", asked).json()
    assert [action["action"] for action in ncco] == ["talk", "connect"]
    assert ncco[1]["endpoint"] == [{"type": "phone", "number": "46705550120"}]


def test_it_may_ask_with_a_body_too(post: Post, call: PhoneCall) -> None:
    answer = post({"uuid": call.provider_id}, f"{ANSWER}/{WEBHOOK_SECRET}")
    assert json.loads(answer.content)[1]["action"] == "connect"


@pytest.mark.parametrize(
    "asked", [{}, {"from": "447700900009", "to": "447700900000", "uuid": "inbound"}, {"from_user": "mallory"}], ids=str
)
def test_anybody_else_hears_where_to_write_and_gets_no_number(client: Client, call: PhoneCall, asked: dict[str, str]) -> None:
    ncco = client.get(f"{ANSWER}/{WEBHOOK_SECRET}", asked).json()
    assert [action["action"] for action in ncco] == ["talk"]


def test_a_call_that_is_over_connects_nobody_any_more(client: Client, post: Post, call: PhoneCall) -> None:
    post(news(call, "rejected"))
    work()
    ncco = client.get(f"{ANSWER}/{WEBHOOK_SECRET}", {"uuid": call.provider_id}).json()
    assert [action["action"] for action in ncco] == ["talk"]


# What became of texts.


@pytest.fixture
def texted(vonage: VonageTwin, as_alice: Client, alice: User, receiver: Receiver) -> Notice:
    """Maria was told that Alice waits."""
    vonage.applications[vonage.application_id].capabilities = {
        "messages": {"webhooks": {"status_url": {"address": f"http://127.0.0.1:{receiver.server.port}{TEXT}"}}}
    }
    write(as_alice, alice)
    work()
    vonage.webhooks.wait_until_sent()
    return Notice.objects.get()


def test_vonage_tells_what_became_of_a_text(texted: Notice, receiver: Receiver) -> None:
    statuses = deliver(receiver)
    texted.refresh_from_db()
    assert (statuses, texted.delivery) == ({200}, "delivered")


def test_a_text_in_doubt_is_known_to_have_left_by_its_webhook(
    vonage: VonageTwin, as_alice: Client, alice: User, receiver: Receiver
) -> None:
    vonage.faults.set("vonage.send_message", {"fault": "lost_reply", "times": 1})
    vonage.applications[vonage.application_id].capabilities = {
        "messages": {"webhooks": {"status_url": {"address": f"http://127.0.0.1:{receiver.server.port}{TEXT}"}}}
    }
    write(as_alice, alice)
    work()
    in_doubt = Notice.objects.get()
    vonage.webhooks.wait_until_sent()
    deliver(receiver)
    row = Notice.objects.get()
    assert (in_doubt.state, row.state, row.is_unknown, row.provider_id == vonage.texts[0].id) == (State.FAILED, State.DONE, False, True)


def test_a_text_that_could_not_be_delivered_says_so(texted: Notice, vonage: VonageTwin, receiver: Receiver) -> None:
    deliver(receiver)
    report(vonage, vonage.texts[0], "undeliverable")
    vonage.webhooks.wait_until_sent()
    deliver(receiver)
    texted.refresh_from_db()
    assert texted.delivery == "undeliverable"


@pytest.mark.parametrize("late", ["submitted", "accepted", "buffered"])
def test_late_news_of_a_text_on_its_way_does_not_replace_its_end(post: Post, texted: Notice, late: str) -> None:
    for status in ("submitted", "delivered", late):
        post({"client_ref": texted.client_ref, "message_uuid": texted.provider_id, "status": status}, f"{TEXT}/{WEBHOOK_SECRET}")
    texted.refresh_from_db()
    assert texted.delivery == "delivered"


def test_news_of_a_text_on_its_way_is_kept_until_its_end(post: Post, texted: Notice) -> None:
    for status in ("accepted", "buffered"):
        post({"client_ref": texted.client_ref, "message_uuid": texted.provider_id, "status": status}, f"{TEXT}/{WEBHOOK_SECRET}")
    texted.refresh_from_db()
    assert texted.delivery == "buffered"


@pytest.mark.parametrize("packed", ["form", "query"])
def test_a_receipt_of_the_sms_api_is_read_however_it_is_packed(client: Client, texted: Notice, packed: str) -> None:
    told_of = {"messageId": texted.provider_id, "client-ref": texted.client_ref, "status": "expired", "msisdn": "12025550143"}
    path = f"{TEXT}/{WEBHOOK_SECRET}"
    if packed == "form":
        client.post(path, "&".join(f"{name}={value}" for name, value in told_of.items()), content_type="application/x-www-form-urlencoded")
    else:
        client.get(path, told_of)
    texted.refresh_from_db()
    assert texted.delivery == "expired"


@pytest.mark.parametrize(
    "name", ["", "order-support-", "order-support-0", "order-support-" + "9" * 30, "somebody-else-1", "order-support-x"]
)
def test_a_text_that_is_none_of_ours_changes_nothing(post: Post, texted: Notice, name: str) -> None:
    answer = post({"client_ref": name, "message_uuid": "another", "status": "rejected"}, f"{TEXT}/{WEBHOOK_SECRET}")
    texted.refresh_from_db()
    assert (answer.status_code, texted.delivery) == (200, "")


def test_a_text_to_us_is_taken_and_told_nowhere(vonage: VonageTwin, texted: Notice, post: Post) -> None:
    before = Event.objects.count()
    told_of = {"channel": "sms", "message_uuid": "1", "to": "447700900000", "from": "12025550143", "text": "OK", "message_type": "text"}
    assert (post(told_of, f"{TEXT}/{WEBHOOK_SECRET}").status_code, Event.objects.count()) == (200, before)
