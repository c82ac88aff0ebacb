"""Bad days between us and Sendinblue, over the wire: for each, the state it ends in, and that nothing is lost or doubled."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat.outbox import State
from orders.backends import sendinblue_connections, sendinblue_wire
from orders.models import Order, OrderConfirmation
from tests.orders.brevo_side import forget_connections, sendinblue, told, told_again
from tests.running import wait_for
from tests.twins import BrevoTwin, ForgetfulRouter

Attempt = Callable[[Order], OrderConfirmation]

# The answer's loss after the work, and before it, in every way that the wire knows.
LOST_AFTER = ["lost_reply", "reset_after", "hang_after", "malformed", "cut_json", "cut_body", "empty_200"]
LOST_BEFORE = ["reset", "close", "hang", "html_502"]
OPERATORS_DAYS: list[tuple[dict[str, Any], str]] = [
    ({"status": 401}, "unauthorized"),
    ({"status": 402}, "not_enough_credits"),
    ({"status": 400, "code": "not_enough_credits"}, "not_enough_credits"),
    ({"status": 403}, "permission_denied"),
    ({"status": 403, "code": "account_under_validation"}, "account_under_validation"),
    ({"status": 404}, "document_not_found"),
    ({"status": 405}, "method_not_allowed"),
    ({"status": 401, "body": "<html>no JSON</html>"}, "http_401"),
    ({"status": 307, "body": "", "headers": {"location": "http://localhost:1/"}}, "http_307"),
]
REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"status": 400}, "bad_request"),
    ({"status": 400, "code": "invalid_parameter"}, "invalid_parameter"),
    ({"status": 400, "code": "missing_parameter"}, "missing_parameter"),
    ({"status": 400, "body": "no JSON"}, "http_400"),
    ({"status": 400, "body": "[[1]]"}, "http_400"),
    ({"status": 406}, "not_acceptable"),
]


@pytest.fixture
def brevo(settings: Settings) -> Iterator[BrevoTwin]:
    with sendinblue(settings) as twin:
        yield twin


@pytest.fixture
def told_in_haste(monkeypatch: pytest.MonkeyPatch) -> Attempt:
    """As `told`, where nobody answers: soon given up. Whoever does answer may take longer, on a machine that does other things too."""

    def attempt(order: Order) -> OrderConfirmation:
        with monkeypatch.context() as patch:
            patch.setattr(sendinblue_wire, "READ_SECONDS", 0.3)
            return told(order)

    return attempt


@pytest.mark.parametrize("fault", LOST_AFTER + LOST_BEFORE)
def test_a_lost_answer_leaves_the_mail_waiting_with_its_outcome_unknown(
    brevo: BrevoTwin, told_in_haste: Attempt, alice: User, place: Callable[..., Order], fault: str
) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": fault, "times": 1})
    confirmation = told_in_haste(place(alice))
    assert (confirmation.state, confirmation.is_unknown, confirmation.mail_sent_at) == (State.WAITING, True, None)


@pytest.mark.parametrize("fault", LOST_AFTER + LOST_BEFORE)
def test_a_lost_answer_ends_in_one_mail(
    brevo: BrevoTwin, told_in_haste: Attempt, alice: User, place: Callable[..., Order], fault: str
) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": fault, "times": 1})
    order = place(alice)
    told_in_haste(order)
    # Whoever gave up that soon may have done so before it was heard at all.
    wait_for(brevo.log.counts, "the first attempt at the provider")
    confirmation = told_again(order)
    assert (confirmation.state, confirmation.is_unknown, len(brevo.mails)) == (State.DONE, False, 1)


@pytest.mark.parametrize("fault", LOST_AFTER)
def test_a_lost_call_is_not_repeated_behind_our_back(
    brevo: BrevoTwin, told_in_haste: Attempt, alice: User, place: Callable[..., Order], fault: str
) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": fault})
    told_in_haste(place(alice))
    assert wait_for(brevo.log.counts, "the attempt at the provider") == {"brevo.send_mail": 1}


def test_a_repeat_that_the_provider_knows_counts_as_sent(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "lost_reply", "times": 1})
    order = place(alice)
    told(order)
    confirmation = told_again(order)
    assert (confirmation.state, confirmation.message_id, list(brevo.repeats.values())) == (State.DONE, "", [1])


@pytest.mark.parametrize(("fault", "code"), OPERATORS_DAYS)
def test_what_an_operator_mends_for_all_leaves_the_mail_waiting(
    brevo: BrevoTwin, alice: User, place: Callable[..., Order], fault: dict[str, Any], code: str
) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", **fault})
    confirmation = told(place(alice))
    assert (confirmation.state, confirmation.error_code, confirmation.is_unknown) == (State.WAITING, code, False)


@pytest.mark.parametrize(("fault", "code"), OPERATORS_DAYS)
def test_what_an_operator_mended_lets_the_mail_go(
    brevo: BrevoTwin, alice: User, place: Callable[..., Order], fault: dict[str, Any], code: str
) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "times": 1, **fault})
    order = place(alice)
    told(order)
    assert (told_again(order).state, len(brevo.mails)) == (State.DONE, 1)


@pytest.mark.parametrize(("fault", "code"), REFUSALS)
def test_a_refused_mail_fails_where_people_see_it(
    brevo: BrevoTwin, alice: User, place: Callable[..., Order], fault: dict[str, Any], code: str
) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", **fault})
    confirmation = told(place(alice))
    assert (confirmation.state, confirmation.error_code, confirmation.is_unknown) == (State.FAILED, code, False)


def test_a_refusal_is_told_in_the_providers_words(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    body = '{"code": "invalid_parameter", "message": "sender is not valid"}'
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 400, "body": body})
    assert told(place(alice)).last_error == "Sendinblue refused the request (400). (It says: sender is not valid)"


def test_a_wrong_key_is_named_with_the_setting_that_mends_it(
    brevo: BrevoTwin, settings: Settings, alice: User, place: Callable[..., Order]
) -> None:
    settings.SENDINBLUE_API_KEY = "xkeysib-wrong"
    confirmation = told(place(alice))
    assert confirmation.state == State.WAITING
    assert "Put a valid API key into SENDINBLUE_API_KEY" in confirmation.last_error


# A template that Sendinblue does not take.

TEMPLATE = {"id": 7, "name": "Ours", "subject": "S", "htmlContent": "<p>Ours</p>", "sender": {}, "isActive": True}


def test_a_template_that_is_not_there_leaves_the_mail_waiting(
    brevo: BrevoTwin, settings: Settings, alice: User, place: Callable[..., Order]
) -> None:
    settings.SENDINBLUE_TEMPLATE_ID = 99
    confirmation = told(place(alice))
    assert (confirmation.state, confirmation.error_code, confirmation.is_unknown) == (State.WAITING, "wrong_template", False)
    assert confirmation.last_error == (
        "Sendinblue does not take the mail template 99. Check SENDINBLUE_TEMPLATE_ID, and that the template is active. "
        "Until then confirmations wait. Sendinblue refused the request (400). (It says: Template ID does not exist)"
    )


def test_a_template_that_was_activated_lets_the_mail_go(
    brevo: BrevoTwin, settings: Settings, alice: User, place: Callable[..., Order]
) -> None:
    brevo.templates[7], settings.SENDINBLUE_TEMPLATE_ID = TEMPLATE | {"isActive": False}, 7
    order = place(alice)
    assert told(order).error_code == "wrong_template"
    brevo.templates[7]["isActive"] = True
    assert (told_again(order).state, [mail.template_id for mail in brevo.mails]) == (State.DONE, [7])


@pytest.mark.parametrize(
    ("template_id", "words"), [(0, "Template is not active"), (7, "sender is not valid"), (7, "a@template.example is not valid in to")]
)
def test_a_refusal_of_one_mail_is_not_blamed_on_the_template(
    brevo: BrevoTwin, settings: Settings, alice: User, place: Callable[..., Order], template_id: int, words: str
) -> None:
    brevo.templates[7], settings.SENDINBLUE_TEMPLATE_ID = dict(TEMPLATE), template_id
    body = json.dumps({"code": "invalid_parameter", "message": words})
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 400, "body": body})
    assert told(place(alice)).state == State.FAILED


def test_a_limit_with_a_reset_is_waited_for(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "rate_limited", "reset": 600})
    confirmation = told(place(alice))
    assert confirmation.state == State.WAITING
    # And a little more, so that what waits with it does not all come back at that moment.
    assert 590 < (confirmation.next_attempt_at - timezone.now()).total_seconds() <= 615


@pytest.mark.parametrize("reset", ["", "soon", "-5", "nan", "1e300"])
def test_a_limit_without_a_usable_reset_is_backed_off_from(brevo: BrevoTwin, alice: User, place: Callable[..., Order], reset: str) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 429, "headers": {"x-sib-ratelimit-reset": reset}})
    confirmation = told(place(alice))
    assert (confirmation.state, confirmation.is_unknown) == (State.WAITING, False)
    assert (confirmation.next_attempt_at - timezone.now()).total_seconds() <= 3


@pytest.mark.parametrize("headers", [{}, {"x-sib-ratelimit-reset": "soon"}, {"retry-after": "-5"}])
def test_a_limit_without_a_usable_reset_slows_down_and_is_no_outage(headers: dict[str, str]) -> None:
    # What asks for a pause goes to the pace; what asks for none counts towards the breaker, which would hold back every mail.
    assert sendinblue_wire.refusal(429, {"code": "too_many_requests"}, headers).retry_after == 1.0


def test_nobody_listening_is_surely_no_mail(settings: Settings, alice: User, place: Callable[..., Order]) -> None:
    with sendinblue(settings):
        pass
    confirmation = told(place(alice))
    forget_connections()
    assert (confirmation.state, confirmation.error_code, confirmation.is_unknown) == (State.WAITING, "unreachable", False)


def test_an_unknown_host_is_surely_no_mail(
    brevo: BrevoTwin, monkeypatch: pytest.MonkeyPatch, alice: User, place: Callable[..., Order]
) -> None:
    def find_nothing(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", find_nothing)
    confirmation = told(place(alice))
    assert (confirmation.state, confirmation.error_code, confirmation.is_unknown) == (State.WAITING, "unreachable", False)


def test_a_mail_that_surely_did_not_leave_leaves_no_attempt_open(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 402})
    assert told(place(alice)).mail_tried_at is None


def test_a_refusal_after_a_lost_answer_leaves_the_attempt_open(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "lost_reply", "times": 1}, {"fault": "status", "status": 402, "times": 1})
    order = place(alice)
    told(order)
    confirmation = told_again(order)
    assert confirmation.mail_tried_at is not None
    assert (confirmation.state, confirmation.is_unknown) == (State.WAITING, True)


def test_a_connection_closed_while_idle_costs_no_mail(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "close_after"})
    first, second = place(alice), place(alice)
    told(first)
    assert (first.confirmations.get().state, second.confirmations.get().state, len(brevo.mails)) == (State.DONE, State.DONE, 2)


def test_a_mail_after_a_quiet_time_leaves_on_a_new_connection(
    brevo: BrevoTwin, settings: Settings, monkeypatch: pytest.MonkeyPatch, alice: User, place: Callable[..., Order]
) -> None:
    monkeypatch.setattr(sendinblue_connections, "IDLE_SECONDS", 0.2)
    with ForgetfulRouter(brevo.port) as router:
        settings.SENDINBLUE_API_URL = f"http://{router.host}/v3"
        told(place(alice))
        router.forget()
        time.sleep(0.3)
        confirmation = told(place(alice))
    assert (confirmation.state, confirmation.attempts, len(brevo.mails)) == (State.DONE, 1, 2)


def test_mails_that_follow_each_other_share_a_connection(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    for _number in range(3):
        told(place(alice))
    assert len({entry.connection for entry in brevo.log.entries("brevo.send_mail")}) == 1
