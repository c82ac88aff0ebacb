"""Brevo's transactional mail, through sib_api_v3_sdk over TLS."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from sib_api_v3_sdk import SendSmtpEmail, TransactionalEmailsApi
from sib_api_v3_sdk.rest import ApiException

from tests.twins import BrevoTwin

Compose = Callable[..., SendSmtpEmail]
KEY = "5f0e3c1e-1b7a-4c6e-9f3e-2c7d3c0a9b11"


@pytest.fixture
def compose() -> Compose:
    def make(**fields: Any) -> SendSmtpEmail:
        usual = {
            "sender": {"name": "Shop", "email": "shop@example.com"},
            "to": [{"name": "Anna", "email": "anna@example.com"}],
            "subject": "Your order {{params.order_id}}",
            "html_content": "<p>Dear {{ params.name }}, thank you.</p>",
            "params": {"name": "Anna", "order_id": 1002},
            "tags": ["order-1002"],
        }
        return SendSmtpEmail(**{name: value for name, value in {**usual, **fields}.items() if value is not ...})

    return make


@pytest.fixture
def refused(mail: TransactionalEmailsApi) -> Callable[[SendSmtpEmail], tuple[int, str, str]]:
    def find(message: SendSmtpEmail) -> tuple[int, str, str]:
        with pytest.raises(ApiException) as caught:
            mail.send_transac_email(message)
        body = json.loads(caught.value.body)
        return caught.value.status, body["code"], body["message"]

    return find


def test_a_mail_is_accepted_with_an_id(mail: TransactionalEmailsApi, compose: Compose) -> None:
    assert re.fullmatch(r"<\d+\.\d+@smtp-relay\.mailin\.fr>", mail.send_transac_email(compose()).message_id)


def test_the_mailbox_shows_what_the_recipient_sees(brevo: BrevoTwin, mail: TransactionalEmailsApi, compose: Compose) -> None:
    mail.send_transac_email(compose())
    found = brevo.mails[0]
    assert (found.to, found.subject, found.html) == (["anna@example.com"], "Your order 1002", "<p>Dear Anna, thank you.</p>")


def test_a_later_mail_is_answered_202(mail: TransactionalEmailsApi, compose: Compose) -> None:
    later = compose(scheduled_at="2026-12-24T18:00:00+01:00")
    assert mail.send_transac_email_with_http_info(later)[1] == 202


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"sender": ...}, "missing_parameter", "sender is missing"),
        ({"subject": ...}, "missing_parameter", "subject is missing"),
        ({"html_content": ...}, "missing_parameter", "htmlContent or textContent is missing"),
        ({"to": ...}, "missing_parameter", "to is missing"),
        ({"to": []}, "missing_parameter", "to is missing"),
        ({"to": [{"email": "anna"}]}, "invalid_parameter", "email is not valid in to"),
        ({"to": [{"email": "anna@example.com", "name": ""}]}, "missing_parameter", "name in to is missing"),
        ({"cc": [{"email": "x"}]}, "invalid_parameter", "email is not valid in cc"),
        ({"sender": {"email": "shop"}}, "invalid_parameter", "valid sender email required"),
        ({"params": {}}, "missing_parameter", "params is blank"),
        ({"tags": "order-1002"}, "invalid_parameter", "tags should be an array of strings"),
        ({"template_id": 77}, "invalid_parameter", "Template ID does not exist"),
    ],
)
def test_a_wrong_mail_is_refused(
    refused: Callable[[SendSmtpEmail], tuple[int, str, str]], compose: Compose, fields: dict[str, Any], code: str, message: str
) -> None:
    assert refused(compose(**fields)) == (400, code, message)


def test_a_wrong_key_is_401(mail: TransactionalEmailsApi, compose: Compose, refused: Any) -> None:
    mail.api_client.configuration.api_key["api-key"] = "xkeysib-wrong"
    assert refused(compose()) == (401, "unauthorized", "Key not found")


def test_a_repeated_key_is_refused_and_nothing_is_sent(
    brevo: BrevoTwin, mail: TransactionalEmailsApi, compose: Compose, refused: Any
) -> None:
    message = compose(headers={"idempotencyKey": KEY})
    mail.send_transac_email(message)
    assert (refused(message)[:2], brevo.per_key()) == ((400, "duplicate_parameter"), {KEY: 1})


def test_a_key_protects_for_30_minutes_only(brevo: BrevoTwin, mail: TransactionalEmailsApi, compose: Compose) -> None:
    message = compose(headers={"idempotencyKey": KEY})
    mail.send_transac_email(message)
    brevo.keys[KEY] -= 30 * 60 + 1
    mail.send_transac_email(message)
    assert brevo.state()["doubled_keys"] == {KEY: 2}


def test_a_refused_mail_does_not_use_up_its_key(brevo: BrevoTwin, mail: TransactionalEmailsApi, compose: Compose, refused: Any) -> None:
    refused(compose(headers={"idempotencyKey": KEY}, to=[{"email": "anna"}]))
    mail.send_transac_email(compose(headers={"idempotencyKey": KEY}))
    assert brevo.per_key() == {KEY: 1}


def test_a_lost_reply_sent_one_mail_and_the_repeat_says_so(
    brevo: BrevoTwin, mail: TransactionalEmailsApi, compose: Compose, refused: Any
) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "lost_reply", "times": 1})
    message = compose(headers={"idempotencyKey": KEY})
    with pytest.raises(Exception, match="Connection aborted"):
        mail.send_transac_email(message, _request_timeout=(5, 5))
    assert (refused(message)[1], brevo.per_tag()) == ("duplicate_parameter", {"order-1002": 1})


def test_two_mails_about_one_order_are_counted_as_doubled(brevo: BrevoTwin, mail: TransactionalEmailsApi, compose: Compose) -> None:
    mail.send_transac_email(compose())
    mail.send_transac_email(compose())
    assert brevo.doubles() == {"order-1002": 2}


def test_the_sandbox_accepts_and_drops(brevo: BrevoTwin, mail: TransactionalEmailsApi, compose: Compose) -> None:
    answered = mail.send_transac_email(compose(headers={"X-Sib-Sandbox": "drop"}))
    assert (answered.message_id is not None, brevo.mails) == (True, [])


@pytest.fixture
def post(brevo: BrevoTwin, http: requests.Session, mail: TransactionalEmailsApi, compose: Compose) -> Callable[[], requests.Response]:
    """Sends a mail and shows the whole answer."""
    body = mail.api_client.sanitize_for_serialization(compose())
    return lambda: http.post(f"{brevo.url}/smtp/email", json=body, headers={"api-key": brevo.api_key})


def limits(answer: requests.Response) -> tuple[str | None, ...]:
    return tuple(answer.headers.get(f"x-sib-ratelimit-{name}") for name in ("limit", "remaining", "reset"))


def test_more_mails_than_the_cap_are_429_with_the_limits(brevo: BrevoTwin, post: Callable[[], requests.Response]) -> None:
    brevo.turn(rate_per_second=1)
    refused = next(answer for answer in (post() for _ in range(30)) if answer.status_code == 429)
    assert limits(refused) == ("1", "0", "1")


def test_a_refused_mail_is_not_sent(brevo: BrevoTwin, post: Callable[[], requests.Response]) -> None:
    brevo.turn(rate_per_second=1)
    statuses = [post().status_code for _ in range(10)]
    assert len(brevo.mails) == statuses.count(201) < 10


def test_an_accepted_mail_shows_the_limits_too(post: Callable[[], requests.Response]) -> None:
    assert limits(post()) == ("1000", "999", "1")


def test_the_limits_can_be_kept_silent(brevo: BrevoTwin, post: Callable[[], requests.Response]) -> None:
    brevo.turn(limit_headers=False)
    assert limits(post()) == (None, None, None)


def test_only_two_look_ups_a_second_are_answered(mail: TransactionalEmailsApi) -> None:
    with pytest.raises(ApiException) as caught:
        [mail.get_transac_emails_list(email="anna@example.com") for _ in range(30)]
    assert caught.value.status == 429


def test_only_100_other_calls_an_hour_are_answered(brevo: BrevoTwin, http: requests.Session) -> None:
    statuses = [http.get(f"{brevo.url}/account", headers={"api-key": brevo.api_key}).status_code for _ in range(101)]
    assert (statuses.index(429), statuses.count(429)) == (100, 1)


def test_a_mail_is_found_by_its_recipient(mail: TransactionalEmailsApi, compose: Compose) -> None:
    identifier = mail.send_transac_email(compose()).message_id
    found = mail.get_transac_emails_list(email="anna@example.com").transactional_emails
    assert [(row.message_id, row.tags) for row in found] == [(identifier, ["order-1002"])]


def test_a_mail_is_found_by_its_id(mail: TransactionalEmailsApi, compose: Compose) -> None:
    wanted = mail.send_transac_email(compose()).message_id
    mail.send_transac_email(compose())
    assert [row.message_id for row in mail.get_transac_emails_list(message_id=wanted).transactional_emails] == [wanted]


def test_a_look_up_needs_a_filter(mail: TransactionalEmailsApi) -> None:
    with pytest.raises(ApiException) as caught:
        mail.get_transac_emails_list(start_date="2026-11-01", end_date="2026-11-22")
    assert caught.value.status == 400


def test_what_became_of_a_mail_is_found_by_its_tag(mail: TransactionalEmailsApi, compose: Compose) -> None:
    mail.send_transac_email(compose())
    events = mail.get_email_event_report(tags="order-1002", event="delivered").events
    assert [(event.event, event.tag) for event in events] == [("delivered", "order-1002")]


def test_a_sent_mail_can_be_read(mail: TransactionalEmailsApi, compose: Compose, brevo: BrevoTwin) -> None:
    mail.send_transac_email(compose())
    assert mail.get_transac_email_content(brevo.mails[0].uuid).body == "<p>Dear Anna, thank you.</p>"


def test_no_json_is_400(brevo: BrevoTwin, http: requests.Session) -> None:
    response = http.post(f"{brevo.url}/smtp/email", data="{", headers={"api-key": brevo.api_key})
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


def test_no_key_at_all_is_401(brevo: BrevoTwin, http: requests.Session) -> None:
    response = http.get(f"{brevo.url}/account")
    assert (response.status_code, response.json()["message"]) == (401, "authentication not found in headers")


def test_a_wrong_method_is_405(brevo: BrevoTwin, http: requests.Session) -> None:
    assert http.delete(f"{brevo.url}/account", headers={"api-key": brevo.api_key}).json()["code"] == "method_not_allowed"
