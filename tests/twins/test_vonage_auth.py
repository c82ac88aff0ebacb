"""Tokens: which are refused and with what code; and the errors that come before any API."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests

from tests.twins import VonageTwin
from tests.twins.conftest import Api, Json

Ask = Callable[..., requests.Response]
OWN: Json = {"/*/sessions/**": {}, "/*/users/*": {"methods": ["GET"]}}
WIDE: Json = {"paths": {"/*/users/**": {}, "/*/conversations/**": {}}}


@pytest.fixture
def claims(vonage: VonageTwin) -> Json:
    now = int(time.time())
    return {"application_id": vonage.application_id, "iat": now, "jti": str(uuid.uuid4()), "exp": now + 900}


@pytest.fixture
def ask(vonage: VonageTwin, http: requests.Session) -> Ask:
    """Sends a request with these claims signed by the application's key."""

    def send(claims: Json, method: str = "GET", path: str = "/v1/users", body: Any = None) -> requests.Response:
        token = jwt.encode(claims, vonage.private_key_pem, algorithm="RS256")
        return http.request(method, vonage.origin + path, json=body, headers={"Authorization": f"Bearer {token}"})

    return send


def outcome(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def test_a_good_token_is_taken(ask: Ask, claims: Json) -> None:
    assert ask(claims).status_code == 200


def test_an_expired_token_is_refused(ask: Ask, claims: Json) -> None:
    assert outcome(ask({**claims, "iat": claims["iat"] - 1000, "exp": claims["iat"] - 10})) == (401, "system:error:expired-token")


def test_a_token_that_was_good_once_expires_too(ask: Ask, claims: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    first, later = ask(claims), time.time() + 1000
    monkeypatch.setattr("tests.twins.vonage_auth.time.time", lambda: later)
    assert (first.status_code, outcome(ask(claims))) == (200, (401, "system:error:expired-token"))


def test_a_token_without_exp_lives_15_minutes(ask: Ask, claims: Json) -> None:
    del claims["exp"]
    assert (ask(claims).status_code, ask({**claims, "iat": claims["iat"] - 901}).status_code) == (200, 401)


@pytest.mark.parametrize(
    "change",
    [
        {"exp": 86_401},  # longer than 24 hours
        {"exp": 1_000_000_000_000},  # the original demo's milliseconds
        {"iat": 3600, "exp": 4000},  # a clock that is ahead
    ],
)
def test_a_token_with_an_impossible_age_is_refused(ask: Ask, claims: Json, change: dict[str, int]) -> None:
    changed = {name: claims["iat"] + value for name, value in change.items()}
    assert outcome(ask({**claims, **changed})) == (401, "system:error:invalid-token")


def test_another_applications_token_is_refused(ask: Ask, claims: Json) -> None:
    assert outcome(ask({**claims, "application_id": str(uuid.uuid4())})) == (401, "system:error:invalid-token")


@pytest.mark.parametrize("left_out", ["application_id", "iat", "jti"])
def test_a_token_needs_its_claims(ask: Ask, claims: Json, left_out: str) -> None:
    del claims[left_out]
    assert outcome(ask(claims)) == (401, "system:error:invalid-token")


def test_a_token_signed_with_another_algorithm_is_refused(vonage: VonageTwin, http: requests.Session, claims: Json) -> None:
    token = jwt.encode(claims, "a secret of at least thirty-two bytes", algorithm="HS256")
    assert outcome(http.get(f"{vonage.origin}/v1/users", headers={"Authorization": f"Bearer {token}"})) == (
        401,
        "system:error:invalid-token",
    )


def test_no_token_is_refused(vonage: VonageTwin, http: requests.Session) -> None:
    assert outcome(http.get(f"{vonage.origin}/v1/users")) == (401, "system:error:invalid-token")


def test_a_revoked_applications_tokens_are_refused(vonage: VonageTwin, ask: Ask, claims: Json) -> None:
    assert ask(claims).status_code == 200
    vonage.revoke_application()
    assert outcome(ask(claims)) == (401, "system:error:invalid-token")


def test_a_users_token_cannot_make_users(ask: Ask, claims: Json) -> None:
    acl = {"paths": {"/*/users": {"methods": ["POST"]}}}
    assert outcome(ask({**claims, "sub": "anna", "acl": acl}, "POST", body={"name": "bob"})) == (403, "system:error:permission")


def test_a_users_token_needs_an_acl(vonage: VonageTwin, ask: Ask, claims: Json) -> None:
    vonage.turn(refuse_wide_tokens=False)
    assert outcome(ask({**claims, "sub": "anna"})) == (403, "system:error:permission")


def test_an_acl_allows_what_it_names_and_no_more(ask: Ask, claims: Json, anna: Json) -> None:
    mine = {**claims, "sub": "anna", "acl": {"paths": OWN}}
    assert [ask(mine, path=path).status_code for path in ("/v1/users/anna", "/v1/conversations")] == [200, 403]


def test_an_acls_methods_are_honoured(ask: Ask, claims: Json, anna: Json) -> None:
    mine = {**claims, "sub": "anna", "acl": {"paths": {"/*/users/anna": {"methods": ["GET"]}}}}
    assert [ask(mine, method, "/v1/users/anna").status_code for method in ("GET", "DELETE")] == [200, 403]


def test_the_original_demos_acl_is_too_wide(ask: Ask, claims: Json) -> None:
    assert outcome(ask({**claims, "sub": "anna", "acl": WIDE})) == (403, "system:error:permission")


def test_the_real_service_would_take_a_wide_token(vonage: VonageTwin, ask: Ask, claims: Json) -> None:
    vonage.turn(refuse_wide_tokens=False)
    assert ask({**claims, "sub": "anna", "acl": WIDE}).status_code == 200


@pytest.fixture
def own(api: Api, anna: Json, events: str, claims: Json) -> tuple[Json, str, str]:
    """Anna's own claims, her conversation's path and her member."""
    path = events.removesuffix("/events")
    member = api.post(f"{path}/members", {"user": {"name": "anna"}, "state": "joined", "channel": {"type": "app"}})
    paths: Json = {f"/*/conversations/{path.split('/')[3]}/**": {}}
    return {**claims, "sub": "anna", "acl": {"paths": paths}}, path, member["id"]


def test_a_user_reads_only_the_own_conversation(vonage: VonageTwin, ask: Ask, own: tuple[Json, str, str]) -> None:
    claims, path, _ = own
    foreign = f"/v1/conversations/{vonage.store.add_conversation('foreign', {}).id}/events"
    assert [ask(claims, path=f"{path}/events").status_code, ask(claims, path=foreign).status_code] == [200, 403]


def test_me_is_the_tokens_member(ask: Ask, own: tuple[Json, str, str]) -> None:
    claims, path, member = own
    assert ask(claims, path=f"{path}/members/me").json()["id"] == member


def test_a_user_must_say_from(ask: Ask, own: tuple[Json, str, str]) -> None:
    claims, path, _ = own
    event = {"type": "message", "body": {"message_type": "text", "text": "Hello"}}
    assert outcome(ask(claims, "POST", f"{path}/events", event)) == (400, "http:error:validation-fail")


def test_a_user_cannot_speak_as_another(vonage: VonageTwin, ask: Ask, own: tuple[Json, str, str]) -> None:
    claims, path, _ = own
    agent = vonage.say(path.split("/")[3], "agent", "Hello")["from"]
    event = {"type": "message", "from": agent, "body": {"message_type": "text", "text": "Hello"}}
    assert outcome(ask(claims, "POST", f"{path}/events", event)) == (403, "event:error:permission-denied")


def test_an_unknown_path_is_404(ask: Ask, claims: Json) -> None:
    assert outcome(ask(claims, path="/v1/nothing")) == (404, "http:error:not-found")


def test_a_wrong_method_is_405(ask: Ask, claims: Json) -> None:
    assert outcome(ask(claims, "DELETE", "/v1/users")) == (405, "http:error:method-not-allowed")


def test_a_form_is_415(vonage: VonageTwin, http: requests.Session, claims: Json) -> None:
    token = jwt.encode(claims, vonage.private_key_pem, algorithm="RS256")
    response = http.post(f"{vonage.origin}/v1/users", data={"name": "anna"}, headers={"Authorization": f"Bearer {token}"})
    assert outcome(response) == (415, "http:error:unsupported-media-type")


def test_an_error_has_the_documented_shape(ask: Ask, claims: Json) -> None:
    answer = ask(claims, path="/v1/users/nobody").json()
    assert (sorted(answer), answer["type"]) == (
        ["code", "detail", "instance", "title", "type"],
        "https://developer.vonage.com/api/conversation#user:error:not-found",
    )


def test_more_calls_than_the_cap_are_429(vonage: VonageTwin, ask: Ask, claims: Json) -> None:
    vonage.turn(rate_per_second=1)
    assert 429 in [ask(claims).status_code for _ in range(10)]
