"""A mail whose answer was lost, when its idempotency key protects it no more: Sendinblue is asked before anything is repeated."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User
from chat.outbox import State
from orders import confirmation as pipeline
from orders.backends.sendinblue import SendinblueBackend
from orders.models import Order, OrderConfirmation
from tests.orders.brevo_side import sendinblue, sent, told, told_again
from tests.twins import BrevoTwin


@pytest.fixture
def brevo(settings: Settings) -> Iterator[BrevoTwin]:
    with sendinblue(settings) as twin:
        yield twin


def lose_the_answer(brevo: BrevoTwin, order: Order, *, after_the_work: bool) -> None:
    """One attempt whose answer never comes; then the provider forgets the key, as it does after a while."""
    brevo.faults.set("brevo.send_mail", {"fault": "lost_reply" if after_the_work else "close", "times": 1})
    told(order)
    brevo.keys.clear()


def list_without_tags(brevo: BrevoTwin) -> None:
    """The provider shows tags only "if they are present in the client's database"."""
    for mail in brevo.mails:
        mail.tags = []


def test_within_the_keys_life_nobody_is_asked(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=False)
    told_again(order, minutes_later=13)
    assert brevo.log.counts() == {"brevo.send_mail": 2}


def test_a_mail_that_had_left_is_found_and_not_repeated(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=True)
    confirmation = told_again(order, minutes_later=15)
    assert (confirmation.state, confirmation.message_id, len(brevo.mails)) == (State.DONE, brevo.mails[0].message_id, 1)


def test_a_mail_that_had_not_left_is_sent_once(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=False)
    confirmation = told_again(order, minutes_later=15)
    assert (confirmation.state, confirmation.is_unknown, len(brevo.mails)) == (State.DONE, False, 1)


def test_another_mail_to_the_same_customer_is_not_taken_for_it(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    first, second = place(alice), place(alice)
    lose_the_answer(brevo, first, after_the_work=False)
    told_again(first, minutes_later=15)
    assert brevo.per_tag()[f"order-{first.number}"] == brevo.per_tag()[f"order-{second.number}"] == 1


def test_after_the_question_the_key_protects_anew(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=False)
    brevo.faults.set("brevo.send_mail", {"fault": "lost_reply", "times": 1})
    told_again(order, minutes_later=15)
    told_again(order)
    assert brevo.log.counts() == {"brevo.send_mail": 3, "brevo.list_mails": 1}


def test_a_worker_that_died_while_sending_is_asked_for(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    confirmation = OrderConfirmation.claim(1)[0]
    [work] = pipeline.tell([confirmation])
    call = next(work)
    call.function()
    brevo.keys.clear()
    confirmation = told_again(order, minutes_later=15)
    assert (confirmation.state, len(brevo.mails)) == (State.DONE, 1)


@pytest.mark.parametrize("fault", [{"fault": "status", "status": 500}, {"fault": "rate_limited", "reset": 1}, {"fault": "cut_json"}])
def test_a_question_without_an_answer_is_asked_again(
    brevo: BrevoTwin, alice: User, place: Callable[..., Order], fault: dict[str, Any]
) -> None:
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=True)
    brevo.faults.set("brevo.list_mails", fault)
    confirmation = told_again(order, minutes_later=15)
    assert (confirmation.state, confirmation.is_unknown, len(sent(brevo))) == (State.WAITING, True, 1)


def test_half_a_list_is_no_answer(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=True)
    brevo.faults.set("brevo.list_mails", {"fault": "cut_json"})
    assert told_again(order, minutes_later=15).error_code == "bad_answer"


@pytest.mark.parametrize("after_the_work", [True, False])
def test_a_question_that_was_asked_again_ends_in_one_mail(
    brevo: BrevoTwin, alice: User, place: Callable[..., Order], after_the_work: bool
) -> None:
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=after_the_work)
    brevo.faults.set("brevo.list_mails", {"fault": "status", "status": 500, "times": 1})
    told_again(order, minutes_later=15)
    confirmation = told_again(order, minutes_later=16)
    assert (confirmation.state, len(brevo.mails)) == (State.DONE, 1)


def test_a_limit_of_the_list_holds_no_mail_back(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=True)
    brevo.faults.set("brevo.list_mails", {"fault": "rate_limited", "reset": 60})
    told_again(order, minutes_later=15)
    other = place(alice)
    assert told(other).state == State.DONE


def test_a_list_that_leaves_it_open_fails_visibly(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=True)
    list_without_tags(brevo)
    confirmation = told_again(order, minutes_later=15)
    assert (confirmation.state, confirmation.error_code, len(brevo.mails)) == (State.FAILED, "outcome_unknown", 1)


def test_a_question_that_is_refused_for_good_fails_visibly(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=True)
    brevo.faults.set("brevo.list_mails", {"fault": "status", "status": 400})
    confirmation = told_again(order, minutes_later=15)
    assert (confirmation.state, confirmation.is_unknown, len(brevo.mails)) == (State.FAILED, True, 1)


def test_a_person_who_presses_resend_decides(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=True)
    list_without_tags(brevo)
    told_again(order, minutes_later=15)
    pipeline.resend(order)
    assert (told(order).state, len(brevo.mails)) == (State.DONE, 2)


def test_old_mails_without_tags_leave_nothing_open(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    told(place(alice))
    list_without_tags(brevo)
    brevo.mails[0].at -= 3600
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=False)
    assert (told_again(order, minutes_later=15).state, len(brevo.mails)) == (State.DONE, 2)


def test_a_list_that_is_cut_off_leaves_it_open(
    brevo: BrevoTwin, alice: User, place: Callable[..., Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.backends.sendinblue.MAILS_LISTED", 1)
    first, second = place(alice), place(alice)
    lose_the_answer(brevo, first, after_the_work=True)
    told_again(first, minutes_later=15)
    assert second.confirmations.get().state == State.DONE
    assert (first.confirmations.get().error_code, len(brevo.mails)) == ("outcome_unknown", 2)


def test_a_mail_program_that_can_not_be_asked_is_trusted_to_know_the_key(
    brevo: BrevoTwin, alice: User, place: Callable[..., Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = place(alice)
    lose_the_answer(brevo, order, after_the_work=False)
    monkeypatch.delattr(SendinblueBackend, "find")
    assert (told_again(order, minutes_later=15).state, brevo.log.counts()) == (State.DONE, {"brevo.send_mail": 2})


def test_a_duplicate_at_a_first_attempt_is_no_mail_that_was_sent(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 400, "code": "duplicate_parameter", "times": 1})
    confirmation = told(place(alice))
    assert (confirmation.state, confirmation.error_code, len(brevo.mails)) == (State.FAILED, "duplicate_parameter", 0)


def test_a_list_that_is_not_there_is_an_empty_one(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "reset", "times": 1})
    brevo.faults.set("brevo.list_mails", {"fault": "status", "status": 404, "code": "document_not_found"})
    order = place(alice)
    told(order)
    assert (told_again(order, minutes_later=20).state, len(brevo.mails)) == (State.DONE, 1)
