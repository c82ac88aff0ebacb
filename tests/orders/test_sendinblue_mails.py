"""What Sendinblue is asked for, over the wire."""

from collections.abc import Callable, Iterator

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives
from pytest_django import Settings

from accounts.models import User
from chat.outbox import BackendError, State
from orders.models import Order, OrderConfirmation
from tests.orders.brevo_side import sendinblue, sent, told
from tests.twins import BrevoTwin


@pytest.fixture
def brevo(settings: Settings) -> Iterator[BrevoTwin]:
    with sendinblue(settings) as twin:
        yield twin


def template(brevo: BrevoTwin, settings: Settings) -> None:
    """A template that an operator made as the original guide says."""
    html = "<p>{{params.name}} {{params.order_id}} {{params.order_text}} {{params.url}}</p>"
    sender = {"email": "shop@example.com"}
    brevo.templates[7] = {"id": 7, "name": "Guide", "subject": "An order", "sender": sender, "htmlContent": html, "isActive": True}
    settings.SENDINBLUE_TEMPLATE_ID = 7


def test_a_confirmation_is_one_call(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    told(place(alice))
    assert brevo.log.counts() == {"brevo.send_mail": 1}


def test_a_sent_confirmation_keeps_the_providers_message_id(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    confirmation = told(place(alice))
    assert (confirmation.state, confirmation.message_id) == (State.DONE, brevo.mails[0].message_id)


def test_a_sent_confirmation_leaves_no_attempt_open(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    assert told(place(alice)).mail_tried_at is None


def test_the_mail_goes_from_the_shop_to_the_customer(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    told(place(alice))
    [body] = sent(brevo)
    assert body["sender"] == {"email": "shop@example.com", "name": "The Shop"}
    assert body["to"] == [{"email": "alice@example.com", "name": "Alice Martin"}]


def test_answers_go_to_the_shops_own_address(brevo: BrevoTwin, settings: Settings, alice: User, place: Callable[..., Order]) -> None:
    settings.REPLY_TO_EMAIL = "help@example.com"
    told(place(alice))
    assert sent(brevo)[0]["replyTo"] == {"email": "help@example.com"}


def test_without_a_template_our_own_mail_is_sent_as_html_and_text(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    told(order)
    [body] = sent(brevo)
    assert body["subject"] == f"Your order {order.number} at Order Support"
    assert "2 × Widget" in body["textContent"]
    assert body["htmlContent"].startswith("<")
    assert "templateId" not in body


def test_with_a_template_only_its_number_and_params_are_sent(
    brevo: BrevoTwin, settings: Settings, alice: User, place: Callable[..., Order]
) -> None:
    template(brevo, settings)
    told(place(alice))
    [body] = sent(brevo)
    assert body["templateId"] == 7
    assert not {"subject", "htmlContent", "textContent"} & set(body)


def test_a_template_is_given_the_guides_four_params(brevo: BrevoTwin, settings: Settings, alice: User, place: Callable[..., Order]) -> None:
    template(brevo, settings)
    order = place(alice)
    told(order)
    params = sent(brevo)[0]["params"]
    assert (params["name"], params["order_id"]) == ("Alice Martin", order.number)
    assert params["order_text"] == "You purchased 2 × Widget; 1 × Blue mug for €22.48. Thank you for your order!"
    assert params["url"].startswith("http://localhost:3000/chat/alice/CON-")


def test_the_rows_key_travels_in_the_bodys_headers(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    confirmation = told(place(alice))
    assert sent(brevo)[0]["headers"]["idempotencyKey"] == str(confirmation.idempotency_key)


def test_the_rows_key_is_no_http_header(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    told(place(alice))
    [entry] = brevo.log.entries("brevo.send_mail")
    assert not [name for name in entry.headers if "idempotency" in name.lower()]


def test_a_mail_says_that_no_robot_needs_to_answer_it(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    told(place(alice))
    assert sent(brevo)[0]["headers"]["Auto-Submitted"] == "auto-generated"


def test_a_mail_is_tagged_with_its_order_and_its_key(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    confirmation = told(order)
    assert sent(brevo)[0]["tags"] == ["order-confirmation", f"order-{order.number}", str(confirmation.idempotency_key)]


def test_in_the_sandbox_the_provider_drops_the_mail(brevo: BrevoTwin, settings: Settings, alice: User, place: Callable[..., Order]) -> None:
    settings.SENDINBLUE_SANDBOX = True
    confirmation = told(place(alice))
    assert (sent(brevo)[0]["headers"]["X-Sib-Sandbox"], brevo.mails, confirmation.state) == ("drop", [], State.DONE)


def test_every_mail_can_be_turned_to_one_address(brevo: BrevoTwin, settings: Settings, alice: User, place: Callable[..., Order]) -> None:
    settings.SENDINBLUE_TO_NAME, settings.SENDINBLUE_TO_EMAIL = "Tester", "tester@example.com"
    told(place(alice))
    assert sent(brevo)[0]["to"] == [{"email": "tester@example.com", "name": "Tester"}]


def test_a_name_arrives_as_people_write_it(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    alice.name = "Zoë “Zo” 王, Frau"
    alice.save()
    told(place(alice))
    assert sent(brevo)[0]["to"][0]["name"] == "Zoë “Zo” 王, Frau"


def test_a_name_is_cut_to_what_the_provider_takes(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    alice.name = "Ä" * 100
    alice.save()
    told(place(alice))
    assert sent(brevo)[0]["to"][0]["name"] == "Ä" * 70


def test_a_name_is_cut_between_characters_as_people_see_them(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    alice.name = "Ä" * 65 + "👩\u200d👩\u200d👧"
    alice.save()
    told(place(alice))
    assert sent(brevo)[0]["to"][0]["name"] == "Ä" * 65


def test_a_name_that_looks_encoded_does_no_harm(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    alice.name = "=?nonsense?q?x?="
    alice.save()
    assert told(place(alice)).state == State.DONE


def test_two_orders_are_two_mails(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    orders = [place(alice), place(alice)]
    told(orders[0])
    assert set(OrderConfirmation.objects.values_list("message_id", flat=True)) == {mail.message_id for mail in brevo.mails}


def test_a_plain_mail_is_sent_under_a_key_of_its_own(brevo: BrevoTwin) -> None:
    EmailMessage("Subject", "Text", "Shop <shop@example.com>", ["bob@example.com"], reply_to=["help@example.com"]).send()
    EmailMessage("Subject", "Text", "Shop <shop@example.com>", ["bob@example.com"]).send()
    assert len(brevo.per_key()) == 2


def test_a_plain_mail_is_told_its_message_id(brevo: BrevoTwin) -> None:
    message = EmailMessage("Subject", "Text", "shop@example.com", ["bob@example.com"])
    message.send()
    assert message.message_id == brevo.mails[0].message_id  # type: ignore[attr-defined]  # set by the backend


def test_a_message_id_is_cut_to_what_the_database_takes(brevo: BrevoTwin) -> None:
    body = '{"messageId": "' + "x" * 5000 + '"}'
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 201, "body": body})
    message = EmailMessage("Subject", "Text", "shop@example.com", ["bob@example.com"])
    message.send()
    assert message.message_id == "x" * 200  # type: ignore[attr-defined]  # set by the backend


def test_a_plain_mail_keeps_its_html_and_its_copies(brevo: BrevoTwin) -> None:
    message = EmailMultiAlternatives("Subject", "Text", "shop@example.com", ["bob@example.com"], bcc=["copy@example.com"])
    message.attach_alternative("<p>Text</p>", "text/html")
    message.send()
    [body] = sent(brevo)
    assert (body["textContent"], body["htmlContent"], body["bcc"]) == ("Text", "<p>Text</p>", [{"email": "copy@example.com"}])


def test_a_recipient_named_twice_is_written_to_once(brevo: BrevoTwin) -> None:
    EmailMessage("Subject", "Text", "shop@example.com", ["bob@example.com", "Bob <BOB@example.com>"]).send()
    assert sent(brevo)[0]["to"] == [{"email": "bob@example.com"}]


def test_a_plain_mail_ignores_the_orders_template(brevo: BrevoTwin, settings: Settings) -> None:
    template(brevo, settings)
    EmailMessage("Subject", "Text", "shop@example.com", ["bob@example.com"]).send()
    assert (sent(brevo)[0]["subject"], brevo.mails[0].text) == ("Subject", "Text")


def test_an_attachment_is_refused_rather_than_lost(brevo: BrevoTwin) -> None:
    message = EmailMessage("Subject", "Text", "shop@example.com", ["bob@example.com"], attachments=[("a.txt", "text", "text/plain")])
    with pytest.raises(BackendError) as caught:
        message.send()
    assert (caught.value.permanent, brevo.mails) == (True, [])


def test_a_mail_that_may_fail_silently_does(brevo: BrevoTwin) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 500})
    assert EmailMessage("Subject", "Text", "shop@example.com", ["bob@example.com"]).send(fail_silently=True) == 0
