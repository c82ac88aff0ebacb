"""Brevo's account, templates and webhooks, through sib_api_v3_sdk over TLS."""

import json
from typing import Any

import pytest
import requests
from sib_api_v3_sdk import (
    AccountApi,
    ApiClient,
    CreateSmtpTemplate,
    CreateWebhook,
    SendSmtpEmail,
    TransactionalEmailsApi,
    UpdateSmtpTemplate,
    UpdateWebhook,
    WebhooksApi,
)
from sib_api_v3_sdk.rest import ApiException

from tests.twins import BrevoTwin
from tests.twins.conftest import Json, Receiver

HTML = "<p>Dear {{params.name}}, thank you for order {{params.order_id}}.</p>"


@pytest.fixture
def template(mail: TransactionalEmailsApi) -> int:
    sender = {"name": "Shop", "email": "shop@example.com"}
    made = mail.create_smtp_template(
        CreateSmtpTemplate(template_name="Order", subject="Order {{params.order_id}}", html_content=HTML, sender=sender, is_active=True)
    )
    return int(made.id)


@pytest.fixture
def hooks(mailer: ApiClient) -> WebhooksApi:
    return WebhooksApi(mailer)


@pytest.fixture
def send(mail: TransactionalEmailsApi) -> Any:
    def send(**fields: Any) -> str:
        usual = {"sender": {"email": "shop@example.com"}, "to": [{"email": "anna@example.com"}], "subject": "Order", "text_content": "Hi"}
        return str(mail.send_transac_email(SendSmtpEmail(**{**usual, **fields})).message_id)

    return send


def heard(brevo: BrevoTwin, receiver: Receiver) -> list[Json]:
    assert brevo.webhooks.wait_until_sent()
    return [json.loads(request.body) for request in receiver.requests]


def test_the_account_answers_for_its_key(mailer: ApiClient) -> None:
    assert AccountApi(mailer).get_account().email == "twin@example.com"


# Templates


def test_a_template_fills_in_the_params(brevo: BrevoTwin, mail: TransactionalEmailsApi, template: int) -> None:
    mail.send_transac_email(
        SendSmtpEmail(to=[{"email": "anna@example.com"}], template_id=template, params={"name": "Anna", "order_id": 1002})
    )
    assert (brevo.mails[0].subject, brevo.mails[0].html, brevo.mails[0].sender) == (
        "Order 1002",
        "<p>Dear Anna, thank you for order 1002.</p>",
        "shop@example.com",
    )


def test_an_inactive_template_sends_nothing(mail: TransactionalEmailsApi, template: int) -> None:
    mail.update_smtp_template(template, UpdateSmtpTemplate(is_active=False))
    with pytest.raises(ApiException) as caught:
        mail.send_transac_email(SendSmtpEmail(to=[{"email": "anna@example.com"}], template_id=template))
    assert json.loads(caught.value.body)["message"] == "Template is not active"


def test_a_template_is_inactive_unless_said(mail: TransactionalEmailsApi) -> None:
    made = mail.create_smtp_template(
        CreateSmtpTemplate(template_name="Order", subject="Order", html_content=HTML, sender={"email": "shop@example.com"})
    )
    assert mail.get_smtp_template(made.id).is_active is False


def test_templates_are_listed(mail: TransactionalEmailsApi, template: int) -> None:
    assert [item.name for item in mail.get_smtp_templates(template_status=True).templates] == ["Order"]


def test_a_short_template_is_refused(mail: TransactionalEmailsApi) -> None:
    with pytest.raises(ApiException) as caught:
        mail.create_smtp_template(CreateSmtpTemplate(template_name="a", subject="b", html_content="<p>c</p>", sender={"email": "a@b.cc"}))
    assert json.loads(caught.value.body)["code"] == "invalid_parameter"


def test_an_unknown_template_is_404(mail: TransactionalEmailsApi) -> None:
    with pytest.raises(ApiException) as caught:
        mail.get_smtp_template(77)
    assert (caught.value.status, json.loads(caught.value.body)["code"]) == (404, "document_not_found")


# Webhooks as settings


def test_a_webhook_is_made_and_found(hooks: WebhooksApi) -> None:
    made = hooks.create_webhook(CreateWebhook(url="https://shop.example.com/webhooks/sendinblue", events=["delivered"]))
    assert hooks.get_webhook(made.id).url == "https://shop.example.com/webhooks/sendinblue"


def test_a_second_webhook_for_the_same_url_is_refused(hooks: WebhooksApi) -> None:
    hook = CreateWebhook(url="https://shop.example.com/webhooks/sendinblue", events=["delivered"])
    hooks.create_webhook(hook)
    with pytest.raises(ApiException) as caught:
        hooks.create_webhook(hook)
    assert json.loads(caught.value.body)["code"] == "duplicate_parameter"


def test_a_webhook_is_changed(hooks: WebhooksApi) -> None:
    made = hooks.create_webhook(CreateWebhook(url="https://shop.example.com/a", events=["delivered"]))
    hooks.update_webhook(made.id, UpdateWebhook(url="https://shop.example.com/b"))
    assert hooks.get_webhooks().webhooks[0]["url"] == "https://shop.example.com/b"


def test_no_webhooks_at_all_is_404(hooks: WebhooksApi) -> None:
    with pytest.raises(ApiException) as caught:
        hooks.get_webhooks()
    assert caught.value.status == 404


# Webhooks out


def test_an_accepted_mail_is_requested_and_delivered(brevo: BrevoTwin, send: Any, receiver: Receiver) -> None:
    brevo.turn(hook_url=receiver.url)
    identifier = send(tags=["order-1002"])
    assert [(hook["event"], hook["message-id"], hook["tags"]) for hook in heard(brevo, receiver)] == [
        ("request", identifier, ["order-1002"]),
        ("delivered", identifier, ["order-1002"]),
    ]


def test_a_webhook_made_by_api_gets_only_what_it_asked_for(brevo: BrevoTwin, hooks: WebhooksApi, send: Any, receiver: Receiver) -> None:
    hooks.create_webhook(CreateWebhook(url=receiver.url, events=["hardBounce"]))
    send()
    brevo.bounce()
    assert [(hook["event"], hook["reason"]) for hook in heard(brevo, receiver)] == [("hard_bounce", "550 5.1.1 no such user")]


def test_a_webhook_carries_the_header_it_was_given(brevo: BrevoTwin, http: requests.Session, send: Any, receiver: Receiver) -> None:
    settings = {"url": receiver.url, "events": ["delivered"], "headers": [{"key": "X-Secret", "value": "s3cret"}]}
    http.post(f"{brevo.url}/webhooks", json=settings, headers={"api-key": brevo.api_key}).raise_for_status()
    send()
    heard(brevo, receiver)
    assert receiver.requests[0].headers["x-secret"] == "s3cret"


def test_a_webhook_carries_the_token_it_was_given(brevo: BrevoTwin, http: requests.Session, send: Any, receiver: Receiver) -> None:
    settings = {"url": receiver.url, "events": ["delivered"], "auth": {"type": "bearer", "token": "t0ken"}}
    http.post(f"{brevo.url}/webhooks", json=settings, headers={"api-key": brevo.api_key}).raise_for_status()
    send()
    heard(brevo, receiver)
    assert receiver.requests[0].headers["authorization"] == "Bearer t0ken"


def test_a_password_in_the_url_becomes_basic(brevo: BrevoTwin, hooks: WebhooksApi, send: Any, receiver: Receiver) -> None:
    hooks.create_webhook(CreateWebhook(url=receiver.url.replace("://", "://brevo:s3cret@"), events=["delivered"]))
    send()
    heard(brevo, receiver)
    assert receiver.requests[0].headers["authorization"] == "Basic YnJldm86czNjcmV0"


def test_the_message_id_may_come_without_brackets(brevo: BrevoTwin, send: Any, receiver: Receiver) -> None:
    brevo.turn(hook_url=receiver.url, hook_brackets=False)
    identifier = send()
    assert heard(brevo, receiver)[0]["message-id"] == identifier.strip("<>")


def test_times_are_seconds_and_milliseconds_of_utc(brevo: BrevoTwin, send: Any, receiver: Receiver) -> None:
    brevo.turn(hook_url=receiver.url)
    send()
    hook = heard(brevo, receiver)[0]
    assert hook["ts_epoch"] // 1000 == hook["ts_event"] == hook["ts"]


def test_a_503_discards_the_webhook(brevo: BrevoTwin, send: Any, receiver: Receiver) -> None:
    brevo.turn(hook_url=receiver.url, webhook_retry_ms=1)
    receiver.statuses = [503]
    send()
    assert [hook["event"] for hook in heard(brevo, receiver)] == ["request", "delivered"]


def test_a_429_brings_the_webhook_again(brevo: BrevoTwin, send: Any, receiver: Receiver) -> None:
    brevo.turn(hook_url=receiver.url, webhook_retry_ms=1, events_of_a_mail=["delivered"])
    receiver.statuses = [429]
    send()
    assert [hook["event"] for hook in heard(brevo, receiver)] == ["delivered", "delivered"]


def test_something_becomes_of_one_certain_mail(brevo: BrevoTwin, send: Any, receiver: Receiver) -> None:
    wanted, _ = send(), send()
    brevo.turn(hook_url=receiver.url)
    brevo.open(wanted)
    assert [(hook["event"], hook["message-id"]) for hook in heard(brevo, receiver)] == [("opened", wanted)]
