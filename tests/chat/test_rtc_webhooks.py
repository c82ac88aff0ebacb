"""What comes back from Vonage: who may say it, what it becomes, and that it becomes so once."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import conversations
from chat.mirrored import MirroredEvent, WebhookReceipt
from chat.models import Conversation, Event, Member
from chat.outbox import State
from tests.chat.vonage_side import member_of, order_told, vonage_side, work, work_again
from tests.twins import VonageTwin
from tests.twins.http import Reply, Request, Response
from tests.twins.server import Server

SIGNATURE_SECRET = "short secret"
WEBHOOK_SECRET = "an-unguessable-path"
Post = Callable[..., HttpResponse]


@pytest.fixture
def vonage(settings: Settings) -> Iterator[VonageTwin]:
    settings.VONAGE_SIGNATURE_SECRET = SIGNATURE_SECRET
    settings.WEBHOOK_SECRET = WEBHOOK_SECRET
    with vonage_side(settings) as twin:
        yield twin


@pytest.fixture
def conversation(vonage: VonageTwin, alice: User) -> Conversation:
    """Alice's, known at Vonage."""
    conversation = conversations.open_for(alice)
    work()
    conversation.refresh_from_db()
    return conversation


@pytest.fixture
def written(conversation: Conversation) -> dict[str, Any]:
    """Alice wrote at Vonage's side, under the number 7."""
    return message(conversation, Member.objects.get())


def message(conversation: Conversation, member: Member, text: str = "Hello from the SDK", number: int = 7) -> dict[str, Any]:
    return {
        "type": "message",
        "timestamp": "2026-11-22T09:48:35.123Z",
        "application_id": "app",
        "id": number,
        "conversation_id": conversation.provider_id,
        "from": member.provider_id,
        "body": {"message_type": "text", "text": text},
    }


def signature(body: bytes, *, secret: str = SIGNATURE_SECRET, seconds_ahead: int = 0, **claims: Any) -> str:
    told = {"iat": int(time.time()) + seconds_ahead, "jti": str(uuid.uuid4()), "iss": "Vonage", "api_key": "key"}
    told["payload_hash"] = hashlib.sha256(body).hexdigest()
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        return "Bearer " + jwt.encode(told | claims, secret, algorithm="HS256")


@pytest.fixture
def post(client: Client) -> Post:
    def send(payload: Any, path: str = f"/webhooks/rtc/{WEBHOOK_SECRET}", **headers: str) -> HttpResponse:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return client.post(path, body, content_type="application/json", headers=headers)

    return send


def texts() -> list[str]:
    return [str(event.body["text"]) for event in Event.objects.filter(type="message").order_by("sequence")]


# Who may say it.


@pytest.mark.parametrize("path", ["/webhooks/rtc", "/webhooks/rtcevent"])
def test_neither_signed_nor_keyed_is_refused(post: Post, written: dict[str, Any], path: str) -> None:
    assert (post(written, path).status_code, WebhookReceipt.objects.count()) == (401, 0)


@pytest.mark.parametrize("path", ["/webhooks/rtc", "/webhooks/rtcevent"])
def test_the_secret_in_the_path_is_taken(post: Post, written: dict[str, Any], path: str) -> None:
    assert (post(written, f"{path}/{WEBHOOK_SECRET}").status_code, WebhookReceipt.objects.count()) == (200, 1)


@pytest.mark.parametrize("ending", ["", "/"])
def test_any_letters_of_a_secret_survive_the_path(post: Post, written: dict[str, Any], settings: Settings, ending: str) -> None:
    settings.WEBHOOK_SECRET = "made/by+openssl/=="
    for path in ("/webhooks/rtc", "/webhooks/rtcevent"):
        assert post(written, f"{path}/{quote(settings.WEBHOOK_SECRET, safe='')}{ending}").status_code == 200
    assert (post(written, "/webhooks/rtc/made/by").status_code, WebhookReceipt.objects.count()) == (403, 1)


def test_the_secret_in_the_header_is_taken(post: Post, written: dict[str, Any]) -> None:
    assert post(written, "/webhooks/rtc", X_Webhook_Secret=WEBHOOK_SECRET).status_code == 200


def test_a_wrong_secret_is_refused(post: Post, written: dict[str, Any]) -> None:
    assert (post(written, "/webhooks/rtc/guessed").status_code, WebhookReceipt.objects.count()) == (403, 0)


def test_no_secret_fits_where_none_is_set(post: Post, written: dict[str, Any], settings: Settings) -> None:
    settings.WEBHOOK_SECRET = ""
    assert post(written, "/webhooks/rtc", X_Webhook_Secret="").status_code == 401


def test_a_good_signature_needs_no_secret(post: Post, written: dict[str, Any]) -> None:
    body = json.dumps(written).encode()
    assert (post(body, "/webhooks/rtc", Authorization=signature(body)).status_code, WebhookReceipt.objects.count()) == (200, 1)


@pytest.mark.parametrize(
    "claims",
    [
        {"secret": "another secret"},
        {"payload_hash": hashlib.sha256(b"another body").hexdigest()},
        {"payload_hash": None},
        {"seconds_ahead": -3600},
        {"seconds_ahead": 3600},
        {"iat": None},
        {"iat": True},
        {"jti": None},
        {"jti": ""},
    ],
    ids=str,
)
def test_a_bad_signature_is_refused_even_with_the_right_secret(post: Post, written: dict[str, Any], claims: dict[str, Any]) -> None:
    body = json.dumps(written).encode()
    answer = post(body, Authorization=signature(body, **claims))
    assert (answer.status_code, WebhookReceipt.objects.count()) == (401, 0)


@pytest.mark.parametrize("token", ["Bearer", "Bearer x", "Bearer a.b.c", "Bearer " + "é" * 9, "Bearer eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_signature_is_refused(post: Post, written: dict[str, Any], token: str) -> None:
    assert post(written, "/webhooks/rtc", Authorization=token).status_code == 401


def test_a_token_without_signature_is_refused(post: Post, written: dict[str, Any]) -> None:
    body = json.dumps(written).encode()
    claims = {"iat": int(time.time()), "jti": "1", "payload_hash": hashlib.sha256(body).hexdigest()}
    token = jwt.encode(claims, None, algorithm="none")
    assert post(body, "/webhooks/rtc", Authorization=f"Bearer {token}").status_code == 401


def test_a_signature_is_taken_once(post: Post, written: dict[str, Any]) -> None:
    body = json.dumps(written).encode()
    used = signature(body)
    post(body, "/webhooks/rtc", Authorization=used)
    assert (post(body, "/webhooks/rtc", Authorization=used).status_code, WebhookReceipt.objects.count()) == (401, 1)


def test_a_webhook_that_vonage_signs_anew_is_stored_once(post: Post, written: dict[str, Any]) -> None:
    body = json.dumps(written).encode()
    answers = [post(body, "/webhooks/rtc", Authorization=signature(body)).status_code for _time in range(2)]
    assert (answers, WebhookReceipt.objects.count()) == ([200, 200], 1)


def test_the_secret_is_in_no_log(post: Post, written: dict[str, Any], client: Client, caplog: pytest.LogCaptureFixture) -> None:
    post(b"{", f"/webhooks/rtc/{WEBHOOK_SECRET}")
    client.get(f"/webhooks/rtc/{WEBHOOK_SECRET}")
    post(written, "/webhooks/rtc/guessed")
    assert (WEBHOOK_SECRET in caplog.text, "guessed" in caplog.text, "refused" in caplog.text) == (False, False, True)


# What is no webhook at all.


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"\xff\xfe", b'{"id": NaN}', b'{"id": 1e999}', b"[" * 100_000, b"{}" * 2])
def test_a_broken_body_is_a_400(post: Post, vonage: VonageTwin, body: bytes, db: None) -> None:
    assert post(body).status_code == 400


def test_too_long_a_body_is_a_413(post: Post, written: dict[str, Any]) -> None:
    assert post(written | {"more": "x" * 200_000}).status_code == 413


def test_only_posts_are_webhooks(client: Client, vonage: VonageTwin) -> None:
    assert client.get(f"/webhooks/rtc/{WEBHOOK_SECRET}").status_code == 405


@pytest.mark.parametrize(
    "change",
    [
        {"type": "message:delivered"},
        {"type": "conversation:created"},
        {"type": "something:new"},
        {"type": None},
        {"type": ["message"]},
        {"id": None},
        {"id": True},
        {"id": {"deep": 1}},
        {"id": 10**200},
        {"conversation_id": None},
        {"conversation_id": ["x"]},
    ],
    ids=str,
)
def test_what_tells_nothing_is_a_200_and_stored_nowhere(post: Post, written: dict[str, Any], change: dict[str, Any]) -> None:
    assert (post(written | change).status_code, WebhookReceipt.objects.count()) == (200, 0)


# What it becomes.


def test_a_message_from_vonage_becomes_an_event_of_its_member(post: Post, written: dict[str, Any], alice: User) -> None:
    post(written)
    work()
    event = Event.objects.get(type="message")
    assert event.from_member is not None
    assert (event.from_member.user, event.body) == (alice, {"message_type": "text", "text": "Hello from the SDK"})


def test_a_message_from_vonage_is_not_copied_back(post: Post, written: dict[str, Any], vonage: VonageTwin) -> None:
    post(written)
    work()
    assert (vonage.events(kind="message"), MirroredEvent.objects.filter(event__type="message").count()) == ([], 0)


def test_a_message_from_vonage_makes_the_customer_wait_for_an_answer(post: Post, written: dict[str, Any]) -> None:
    post(written)
    work()
    assert Conversation.objects.get().waiting_since is not None


@pytest.mark.parametrize(
    "change",
    [
        {"type": "text", "body": {"text": "Hello from the SDK"}},
        {"conversation_id": None, "cid": "same"},
        {"from": "MEM-unknown", "_embedded": {"from_user": {"name": "alice"}}},
        {"from": None, "_embedded": {"from_user": {"id": "alice"}}},
        {"id": "7"},
    ],
    ids=["legacy text", "cid", "known by name", "known by id", "a number as text"],
)
def test_older_and_other_shapes_are_read_too(
    post: Post, written: dict[str, Any], change: dict[str, Any], conversation: Conversation, alice: User
) -> None:
    alice.refresh_from_db()
    told = json.dumps(written | change).replace('"same"', f'"{conversation.provider_id}"')
    told = told.replace('"name": "alice"', f'"name": "order-support-{alice.public_id}"').replace(
        '"id": "alice"', f'"id": "{alice.provider_id}"'
    )
    post(told.encode())
    work()
    assert texts() == ["Hello from the SDK"]


def test_an_agent_who_writes_at_vonages_side_joins(post: Post, written: dict[str, Any], agent: User) -> None:
    name = {"from_user": {"name": f"order-support-{agent.public_id}"}}
    post(written | {"from": "MEM-unknown", "_embedded": name})
    work()
    assert Event.objects.get(type="message").from_member == Member.objects.get(user=agent)


def test_another_customer_can_t_write_here_from_vonages_side(post: Post, written: dict[str, Any], bob: User) -> None:
    post(written | {"from": "MEM-unknown", "_embedded": {"from_user": {"name": f"order-support-{bob.public_id}"}}})
    for _attempt in range(8):
        WebhookReceipt.objects.update(next_attempt_at=WebhookReceipt.objects.get().created_at)
        work()
    assert (WebhookReceipt.objects.get().state, texts()) == (State.FAILED, [])


def test_a_conversation_of_somebody_else_at_vonage_ends_cancelled(post: Post, written: dict[str, Any]) -> None:
    post(written | {"conversation_id": "CON-other"})
    for _attempt in range(8):
        WebhookReceipt.objects.update(next_attempt_at=WebhookReceipt.objects.get().created_at)
        work()
    assert WebhookReceipt.objects.get().state == State.CANCELLED


def test_a_custom_event_of_somebody_else_puts_no_order_into_the_chat(post: Post, written: dict[str, Any]) -> None:
    post(written | {"type": "custom:order-confirm-event", "body": {"id": 1, "text": "You purchased the shop."}})
    work()
    assert list(Event.objects.values_list("type", flat=True)) == ["member:joined"]


def test_a_text_that_no_database_takes_is_mended(post: Post, written: dict[str, Any]) -> None:
    post(json.dumps(written).replace("Hello from", "a\\u0000b \\ud800").encode())
    work()
    assert texts() == ["a\ufffdb ? the SDK"]


def test_the_payload_is_forgotten_once_it_is_in_the_record(post: Post, written: dict[str, Any]) -> None:
    post(written)
    work()
    receipt = WebhookReceipt.objects.get()
    assert (receipt.state, receipt.payload) == (State.DONE, {})


# Once.


def test_the_same_webhook_twice_is_one_event(post: Post, written: dict[str, Any]) -> None:
    for _time in range(2):
        post(written)
        work()
    assert (texts(), WebhookReceipt.objects.count()) == (["Hello from the SDK"], 1)


def test_the_same_words_twice_are_two_events(post: Post, written: dict[str, Any]) -> None:
    post(written)
    post(written | {"id": 8})
    work()
    assert texts() == ["Hello from the SDK"] * 2


def test_our_own_copy_coming_back_after_its_reply_adds_nothing(post: Post, conversation: Conversation, alice: User) -> None:
    event = conversations.send_text(member_of(alice, conversation), "Hi")
    work()
    event.refresh_from_db()
    post(message(conversation, Member.objects.get(), "Hi", number=int(str(event.provider_id))))
    work()
    assert texts() == ["Hi"]


def test_our_own_message_coming_back_before_its_reply_adds_nothing(
    post: Post, conversation: Conversation, alice: User, vonage: VonageTwin
) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "lost_reply", "times": 1})
    event = conversations.send_text(member_of(alice, conversation), "Hi")
    work()
    post(message(conversation, Member.objects.get(), "Hi", number=vonage.events(kind="message")[0]["id"]))
    work()
    assert WebhookReceipt.objects.get().error_code == "waits_for_reply"
    work_again()
    WebhookReceipt.objects.update(next_attempt_at=event.created_at)
    work()
    assert (texts(), WebhookReceipt.objects.get().state) == (["Hi"], State.DONE)


def test_our_own_order_coming_back_before_its_reply_answers_for_it(
    post: Post, conversation: Conversation, alice: User, vonage: VonageTwin
) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "lost_reply", "times": 1})
    event = order_told(alice)
    work()
    copied = vonage.events(kind=event.type)[0]
    post({"type": event.type, "id": copied["id"], "cid": conversation.provider_id, "body": copied["body"]})
    work()
    vonage.log.clear()
    work_again()
    event.refresh_from_db()
    assert (event.provider_id, vonage.log.entries(), Event.objects.filter(type=event.type).count()) == (str(copied["id"]), [], 1)


@pytest.fixture
def postbox() -> Iterator[tuple[str, list[bytes]]]:
    """An address that Vonage posts to, and what it posted."""
    bodies: list[bytes] = []

    async def take(request: Request) -> Reply:
        bodies.append(request.body)
        return Reply(Response(200, b""))

    server = Server(take)
    server.start()
    yield f"http://127.0.0.1:{server.port}/", bodies
    server.stop()


def test_the_whole_way_there_and_back_doubles_nothing(
    vonage: VonageTwin, alice: User, post: Post, postbox: tuple[str, list[bytes]]
) -> None:
    url, bodies = postbox
    vonage.turn(rtc_url=url, rtc_cid=True, webhook_repeat=2, webhook_jitter_ms=30)
    member = member_of(alice, conversations.open_for(alice))
    order_told(alice)
    conversations.send_text(member, "Hi")
    work()
    vonage.say(str(Conversation.objects.get().provider_id), f"order-support-{alice.public_id}", "From the SDK")
    assert vonage.webhooks.wait_until_sent()
    assert {post(body).status_code for body in bodies} == {200}
    work()
    kinds = list(Event.objects.order_by("sequence").values_list("type", flat=True))
    assert (kinds, texts()) == (["member:joined", "custom:order-confirm-event", "message", "message"], ["Hi", "From the SDK"])
