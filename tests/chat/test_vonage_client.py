"""One request to Vonage: the traps of its package, each closed."""

import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from django.conf import settings as django_settings
from pytest_django import Settings

from chat.backends import circuit, vonage_client, vonage_errors, vonage_http, vonage_tokens
from chat.backends.base import Copy
from chat.backends.vonage import VonageMirror
from chat.backends.vonage_tokens import KeyFileError, load_key, server_token
from chat.outbox import BackendError
from tests.chat.vonage_side import vonage_side
from tests.twins import ForgetfulRouter, VonageTwin

USER = {"name": "somebody", "display_name": "Alice Martin"}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PKCS8 = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PKCS1 = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.fixture
def vonage(settings: Settings) -> Iterator[VonageTwin]:
    with vonage_side(settings) as twin:
        yield twin


def refused(method: str, path: str, params: dict[str, object] | None = None) -> BackendError:
    with pytest.raises(BackendError) as caught:
        vonage_client.call(method, path, params)
    return caught.value


def test_a_post_whose_reply_was_lost_is_sent_once(vonage: VonageTwin) -> None:
    vonage.faults.set("vonage.create_user", {"fault": "lost_reply"})
    assert refused("POST", "/v1/users", USER).unknown
    assert len(vonage.log.entries()) == 1


@pytest.fixture
def router(vonage: VonageTwin, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForgetfulRouter]:
    """Between us and both of Vonage's hosts, with connections that we take for forgotten soon."""
    monkeypatch.setattr(vonage_http, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(vonage_client, "rest_circuit", circuit.Circuit("SMS"))
    with ForgetfulRouter(vonage.port) as between:
        settings.VONAGE_API_HOST = settings.VONAGE_REST_HOST = between.host
        settings.VONAGE_API_KEY, settings.VONAGE_API_SECRET = vonage.api_key, vonage.api_secret
        yield between


def test_a_post_over_a_connection_that_was_forgotten_on_the_way_leaves_on_a_new_one(vonage: VonageTwin, router: ForgetfulRouter) -> None:
    vonage_client.call("POST", "/v1/users", USER)
    router.forget()
    time.sleep(0.3)
    vonage_client.call("POST", "/v1/users", USER | {"name": "somebody-else"})
    assert [(entry.operation, entry.status) for entry in vonage.log.entries()] == [("vonage.create_user", 201)] * 2


def test_a_text_over_a_connection_that_was_forgotten_on_the_way_leaves_on_a_new_one(vonage: VonageTwin, router: ForgetfulRouter) -> None:
    form = {"to": "12025550143", "from": "447700900000", "text": "A customer waits.", "type": "text"}
    vonage_client.post_form("/sms/json", form)
    router.forget()
    time.sleep(0.3)
    vonage_client.post_form("/sms/json", form)
    assert len(vonage.texts) == 2


def test_a_connection_that_is_in_use_is_kept(vonage: VonageTwin) -> None:
    for name in ("one", "two", "three"):
        vonage_client.call("POST", "/v1/users", USER | {"name": name})
    assert len({entry.connection for entry in vonage.log.entries()}) == 1


def test_a_get_without_a_reply_is_sent_once(vonage: VonageTwin) -> None:
    vonage.faults.set("vonage.list_users", {"fault": "close"})
    refused("GET", "/v1/users", {"name": "x"})
    assert len(vonage.log.entries()) == 1


def test_a_silent_vonage_is_waited_for_as_long_as_we_said(vonage: VonageTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vonage_client, "TIMEOUT_SECONDS", 1)
    vonage.faults.set("vonage.list_users", {"fault": "hang"})
    began = time.monotonic()
    assert refused("GET", "/v1/users").code == "timeout"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("content", [None, ""], ids=["missing", "empty"])
def test_a_ca_file_that_can_t_be_read_is_named_and_nothing_has_left(
    vonage: VonageTwin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    error = refused("POST", "/v1/users", USER)
    assert (error.code, error.unknown, error.permanent, "REQUESTS_CA_BUNDLE" in str(error)) == ("tls", False, False, True)


def test_what_a_proxy_refuses_has_not_left(vonage: VonageTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:1")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    error = refused("POST", "/v1/users", USER)
    assert (error.code, error.unknown) == ("unreachable", False)


def test_a_certificate_that_is_not_trusted_means_that_nothing_has_left(vonage: VonageTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    error = refused("POST", "/v1/users", USER)
    assert (error.code, error.unknown) == ("tls", False)


def test_all_waits_of_one_call_are_shorter_than_the_lease() -> None:
    # Connection and reply, twice where the token is made anew. Between calls the worker renews the lease.
    assert 2 * 2 * vonage_client.TIMEOUT_SECONDS < django_settings.OUTBOX_LEASE_SECONDS


def test_nothing_of_a_body_or_a_token_is_logged(vonage: VonageTwin, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("vonage").setLevel(logging.DEBUG)
    vonage_client.call("POST", "/v1/users", USER)
    refused("POST", "/v1/users", USER)
    logging.getLogger("vonage").setLevel(logging.ERROR)
    assert ("Alice" in caplog.text, server_token.get() in caplog.text, "duplicate-name" in caplog.text) == (False, False, False)


def test_a_password_file_does_not_replace_our_token(vonage: VonageTwin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    vonage_client.call("GET", "/v1/users")
    assert vonage.log.entries()[0].headers["authorization"].startswith("Bearer ")


def call_from(vonage: VonageTwin, threads: int, calls: int) -> None:
    """So many threads at once, each with so many calls."""
    barrier = threading.Barrier(threads)

    def work() -> None:
        barrier.wait()
        for _call in range(calls):
            vonage_client.call("GET", "/v1/users")

    at_work = [threading.Thread(target=work) for _number in range(threads)]
    for thread in at_work:
        thread.start()
    for thread in at_work:
        thread.join()
    assert {entry.status for entry in vonage.log.entries()} == {200}


def test_threads_that_call_at_once_have_a_connection_each_and_keep_it(vonage: VonageTwin) -> None:
    vonage.faults.set("vonage.list_users", {"fault": "latency", "ms": 50})
    call_from(vonage, threads=4, calls=5)
    assert (len(vonage.log.entries()), vonage.server.counts.handshakes <= 4) == (20, True)


def test_after_a_rush_whichever_thread_calls_takes_the_connection_that_was_used_last(vonage: VonageTwin) -> None:
    call_from(vonage, threads=4, calls=2)
    before = vonage.server.counts.handshakes
    last = {vonage_client._clients._free[-1]}
    for _thread in range(6):
        call_from(vonage, threads=1, calls=1)
        last.add(vonage_client._clients._free[-1])
    assert (vonage.server.counts.handshakes - before, len(last)) == (0, 1)


def test_a_connection_that_vonage_closed_meanwhile_is_opened_anew(vonage: VonageTwin) -> None:
    vonage.faults.set("vonage.create_user", {"fault": "close_after"})
    vonage_client.call("POST", "/v1/users", USER)
    assert vonage_client.call("GET", "/v1/users", {"name": "somebody"})["_embedded"]["users"]


def test_the_servers_token_may_create_users_and_lives_a_quarter_of_an_hour(vonage: VonageTwin) -> None:
    claims = jwt.decode(server_token.get(), options={"verify_signature": False})
    assert ("sub" in claims, claims["exp"] - claims["iat"], claims["application_id"]) == (False, 900, vonage.application_id)


def test_the_servers_token_is_renewed_five_minutes_before_its_end(vonage: VonageTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    first, now = server_token.get(), time.time()
    monkeypatch.setattr(vonage_tokens.time, "time", lambda: now + 590)
    kept = server_token.get()
    monkeypatch.setattr(vonage_tokens.time, "time", lambda: now + 601)
    assert (kept == first, server_token.get() == first) == (True, False)


@pytest.mark.parametrize(
    "setting",
    [PKCS8, PKCS1, PKCS8.replace("\n", "\\n"), PKCS1.replace("\n", "\\r\\n"), PKCS8.replace("\n", " "), PKCS1.replace("\n", "")],
    ids=["PKCS#8", "PKCS#1", "escaped line ends", "escaped Windows line ends", "spaces for line ends", "no line ends"],
)
def test_a_key_is_taken_as_text(setting: str) -> None:
    assert load_key(setting).private_numbers() == KEY.private_numbers()


def test_a_key_is_loaded_once() -> None:
    assert load_key(PKCS8) is load_key(PKCS8)


@pytest.mark.parametrize("pem", [PKCS8, PKCS1], ids=["PKCS#8", "PKCS#1"])
def test_a_key_is_taken_from_a_file_of_any_name(pem: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(pem)
    assert load_key(str(tmp_path / "key")).private_numbers() == KEY.private_numbers()


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("/nowhere/private.key", "can't be read"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "no private key"),
        ("-----BEGIN PRIVATE KEY-----", "no private key"),
        (KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode(), "password"),
        (ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), "no RSA key"),
    ],
    ids=["no file", "garbage", "half", "locked", "another kind"],
)
def test_a_key_that_can_t_be_used_says_why(setting: str, reason: str) -> None:
    with pytest.raises(KeyFileError, match=reason):
        load_key(setting)


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("Retry-After", "7", 7),
        ("Retry-After", "Sun, 22 Nov 2026 12:00:30 GMT", 30),
        ("X-RateLimit-Reset", "1795348840", 40),
        ("RateLimit-Reset", "12", 12),
        ("Retry-After", "999999", 900),
        ("Retry-After", "-5", 0),
    ],
)
def test_the_wait_that_vonage_asks_for_is_understood(name: str, value: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
    monkeypatch.setattr(vonage_errors.time, "time", lambda: noon)
    assert vonage_errors.retry_after({name: value}) == seconds


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}, {"Retry-After": ""}, {"Retry-After": "NaN"}])
def test_no_wait_is_read_where_none_is_said(headers: dict[str, str]) -> None:
    assert vonage_errors.retry_after(headers) is None


@pytest.mark.parametrize("document", [{"code": 7}, {"code": None, "invalid_parameters": "x"}, {"invalid_parameters": [1]}])
def test_an_error_of_any_shape_has_a_code_and_a_sentence(document: object) -> None:
    error = vonage_errors.error_of(400, {}, document)
    assert (error.code, str(error), error.permanent) == ("http:400", "Vonage: 400.", True)


@pytest.mark.parametrize("document", [None, [], "text"])
def test_an_error_that_can_t_be_read_is_not_taken_for_final(document: object) -> None:
    assert not vonage_errors.error_of(400, {}, document).permanent


def test_another_application_gets_another_token(vonage: VonageTwin, settings: Settings) -> None:
    first = server_token.get()
    settings.VONAGE_APPLICATION_ID = "another"
    assert server_token.get() != first


def test_a_circuit_lets_one_call_through_in_each_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(circuit.time, "time", lambda: now)
    door = circuit.Circuit("Vonage")
    for _failure in range(circuit.FAILURES_IN_A_ROW):
        door.check()
        door.failed()
    now += circuit.PAUSE_SECONDS + 1
    door.check()
    with pytest.raises(BackendError) as caught:
        door.check()
    assert caught.value.retry_after == pytest.approx(circuit.PAUSE_SECONDS)


def test_a_circuit_that_opens_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    door = circuit.Circuit("Vonage")
    for _failure in range(2 * circuit.FAILURES_IN_A_ROW):
        door.failed()
    assert [record.getMessage() for record in caplog.records if record.name == "chat.backends.circuit"] == [
        "Vonage failed 10 times in a row; it is asked once in 10 s until it answers"
    ]


def test_a_circuit_closes_with_the_first_success() -> None:
    door = circuit.Circuit("Vonage")
    for _failure in range(circuit.FAILURES_IN_A_ROW):
        door.failed()
    door.succeeded()
    door.check()


def test_what_was_made_at_vonage_can_be_deleted_and_deleted_again(vonage: VonageTwin) -> None:
    mirror = VonageMirror()
    user, conversation = mirror.create_user("somebody", display_name=""), mirror.create_conversation("some", display_name="")
    mirror.add_event(conversation, Copy("CON-1/7", "custom:some-event", {"id": 7}, None))
    for _time in range(2):
        mirror.delete_conversation(conversation)
        mirror.delete_user(user)
    assert (vonage.store.users, vonage.store.conversations) == ({}, {})


def test_a_call_costs_less_than_five_milliseconds_of_cpu(vonage: VonageTwin) -> None:
    vonage_client.call("GET", "/v1/users", {"name": "x"})
    began = time.thread_time()
    for _call in range(50):
        vonage_client.call("GET", "/v1/users", {"name": "x"})
    assert (time.thread_time() - began) / 50 < 0.005
