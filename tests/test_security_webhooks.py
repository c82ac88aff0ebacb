"""What outsiders may repeat: no signed webhook counts twice, and guessed API keys are slowed down."""

import hashlib
import json
import time
from typing import Any

import jwt
import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts.api.authentication import BAD_KEYS_PER_MINUTE
from orders.mail_models import MailEvent
from tests import routes

SECRET = "a signature secret, long enough for HS256 to be content"
# Something that each of Vonage's webhooks takes.
PAYLOAD = {"type": "message", "id": "7", "conversation_id": "CON-7", "body": {"text": "Hi"}, "from": "MEM-7"} | {
    "status": "ringing",
    "uuid": "leg-7",
    "conversation_uuid": "CON-7",
    "message_uuid": "text-7",
}
EVERY = [
    place.name for place in routes.everything(lambda route, name: name) if place.name.startswith("/webhooks/") and "<" not in place.name
]


def signed(body: bytes, jti: str) -> dict[str, str]:
    """As Vonage signs."""
    claims = {"iat": int(time.time()), "jti": jti, "iss": "Vonage", "payload_hash": hashlib.sha256(body).hexdigest()}
    return {"Authorization": "Bearer " + jwt.encode(claims, SECRET, algorithm="HS256")}


@pytest.mark.parametrize("path", [path for path in EVERY if path != "/webhooks/sendinblue"])
def test_a_signed_webhook_that_is_replayed_is_refused(client: Client, db: None, settings: Settings, path: str) -> None:
    settings.VONAGE_SIGNATURE_SECRET = SECRET
    body = json.dumps(PAYLOAD).encode()
    headers = signed(body, "once")
    told = [client.post(path, body, content_type="application/json", headers=headers).status_code for _number in range(2)]
    assert told == [200, 401]


@pytest.mark.parametrize("behind", ["", "/"])
@pytest.mark.parametrize("path", EVERY)
def test_every_webhook_is_open_to_the_secret_in_its_path_with_a_slash_behind_it_or_not(
    client: Client, db: None, settings: Settings, path: str, behind: str
) -> None:
    settings.WEBHOOK_SECRET = "a long random word"
    told = [
        client.post(f"{path}/{secret}{behind}", PAYLOAD | {"event": "delivered"}, content_type="application/json").status_code
        for secret in ("a long random word", "a guess")
    ]
    assert told == [200, 403]


@pytest.mark.parametrize("path", [path for path in EVERY if path != "/webhooks/sendinblue"])
def test_a_signed_webhook_to_an_address_with_a_slash_behind_it_is_taken(client: Client, db: None, settings: Settings, path: str) -> None:
    settings.VONAGE_SIGNATURE_SECRET = SECRET
    body = json.dumps(PAYLOAD).encode()
    assert client.post(f"{path}/", body, content_type="application/json", headers=signed(body, "slash")).status_code == 200


def test_sendinblues_webhook_signs_nothing_so_a_replay_is_the_same_event(client: Client, db: None, settings: Settings) -> None:
    settings.WEBHOOK_SECRET = SECRET
    event: dict[str, Any] = {"event": "delivered", "message-id": "<1@x>", "email": "a@example.com", "ts_event": 1_790_000_000}
    headers = {"X-Webhook-Secret": SECRET}
    told = [
        client.post("/webhooks/sendinblue", event, content_type="application/json", headers=headers).status_code for _number in range(2)
    ]
    assert (told, MailEvent.objects.count()) == ([200, 200], 1)


@pytest.fixture
def guesses(db: None) -> list[int]:
    """The statuses of one wrong key too many, all within a minute, and a minute that is this test's own."""
    cache.clear()
    with time_machine.travel("2026-11-22 12:00:01", tick=False):
        client = Client(headers={"Authorization": "Token abcdefgh.abcdefghabcdefghabcdefghabcdefgh"})
        return [client.get("/api/orders/").status_code for _number in range(BAD_KEYS_PER_MINUTE + 1)]


def test_guessed_keys_are_slowed_down(guesses: list[int]) -> None:
    assert (set(guesses[:-1]), guesses[-1]) == ({401}, 429)


def test_a_good_key_works_beside_a_guesser_at_the_same_address(guesses: list[int], api_key: str) -> None:
    with time_machine.travel("2026-11-22 12:00:02", tick=False):
        assert Client(headers={"Authorization": f"Token {api_key}"}).get("/api/orders/").status_code == 200


def test_a_guesser_is_told_how_long_to_wait(guesses: list[int]) -> None:
    with time_machine.travel("2026-11-22 12:00:50", tick=False):
        answer = Client(headers={"Authorization": "Token abcdefgh.abcdefghabcdefghabcdefghabcdefgh"}).get("/api/orders/")
    assert (answer.status_code, answer["Retry-After"]) == (429, "10")
