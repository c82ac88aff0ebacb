"""How a placed order becomes a conversation, an event and one mail: once, whatever happens in between."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat import record, system_events
from chat.coordinator import drain
from chat.models import Conversation, Event
from chat.outbox import BackendError, State
from orders import confirmation, emails
from orders.backends import embedded
from orders.mail_models import StoredMail
from orders.models import Order, OrderConfirmation, Status
from tests.accounts.threads import THREADS, at_once

Place = Callable[..., Order]


class Mailer(embedded.EmailBackend):
    """The embedded side, on a bad day: does what the test says, once, before or after the mail is stored."""

    before: Callable[[], None] | None = None
    after: Callable[[], None] | None = None

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store the mails, between the two."""
        before, Mailer.before = Mailer.before, None
        if before:
            before()
        sent = super().send_messages(email_messages)
        after, Mailer.after = Mailer.after, None
        if after:
            after()
        return sent


@pytest.fixture
def mailer(settings: Settings) -> type[Mailer]:
    """Mails go through a backend of the test's."""
    settings.EMAIL_BACKEND = f"{__name__}.Mailer"
    Mailer.before = Mailer.after = None
    return Mailer


def fail(error: BaseException) -> Callable[..., Any]:
    """Something that raises."""

    def act(*args: Any, **kwargs: Any) -> None:
        raise error

    return act


def time_passes() -> None:
    """Every lease ends, every back-off is over."""
    OrderConfirmation.objects.filter(state=State.WAITING).update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def told() -> tuple[int, int, int]:
    """How many conversations, events of orders, and mails there are."""
    return Conversation.objects.count(), Event.objects.filter(type="custom:order-confirm-event").count(), StoredMail.objects.count()


# --- On a good day -----------------------------------------------------------------------------------------------------


def test_a_placed_order_is_told_with_its_lines(alice: User, place: Place) -> None:
    order = place(alice)
    drain()
    mail = StoredMail.objects.get()
    event = Event.objects.get(type="custom:order-confirm-event")
    assert order.confirmations.get().state == State.DONE
    assert [line["name"] for line in event.body["lines"]] == ["Widget", "Blue mug"]
    assert event.body["id"] == order.number
    assert "2 × Widget" in mail.text
    assert mail.params["order_text"] == "You purchased 2 × Widget; 1 × Blue mug for €22.48. Thank you for your order!"


def test_the_three_steps_are_stamped_in_order(alice: User, place: Place) -> None:
    order = place(alice)
    drain()
    stamps = order.confirmations.values_list("conversation_opened_at", "event_added_at", "mail_sent_at").get()
    assert list(stamps) == sorted(stamps)


def test_a_draft_is_told_to_nobody_until_it_is_placed(alice: User, place: Place) -> None:
    order = place(alice, status=Status.DRAFT)
    drain()
    assert not StoredMail.objects.exists()
    order.status = Status.PLACED
    order.save()
    drain()
    assert StoredMail.objects.count() == 1


def test_two_orders_of_one_customer_are_told_in_one_conversation(alice: User, place: Place) -> None:
    place(alice)
    place(alice)
    drain()
    assert told() == (1, 2, 2)


def test_an_order_cancelled_before_it_was_told_is_told_to_nobody(alice: User, place: Place) -> None:
    order = place(alice)
    order.status = Status.CANCELLED
    order.save()
    drain()
    assert (order.confirmations.get().state, told()) == (State.CANCELLED, (0, 0, 0))


def test_a_deleted_order_is_told_to_nobody(alice: User, place: Place) -> None:
    place(alice).delete()
    assert (drain(), told()) == (0, (0, 0, 0))


@THREADS
def test_eight_workers_at_once_tell_each_order_once(alice: User, bob: User, place: Place) -> None:
    [place(customer) for customer in (alice, bob) * 5]
    at_once(8, lambda number: drain())
    assert told() == (2, 10, 10)


# --- Killed in the middle ----------------------------------------------------------------------------------------------


def killed(act: Callable[[], object]) -> None:
    """The process ends in the middle, as under kill -9: nothing is written any more."""
    with pytest.raises(SystemExit):
        act()


@pytest.mark.parametrize(
    "place_of_death",
    [
        (system_events, "add"),
        (record, "store"),
        (emails, "confirmation"),
        (OrderConfirmation, "stamp_together"),
        (OrderConfirmation, "finish"),
    ],
    ids=["opening", "adding the event", "writing the mail", "stamping", "finishing"],
)
def test_a_worker_killed_at_any_step_leaves_nothing_lost_and_nothing_doubled(
    alice: User, place: Place, monkeypatch: pytest.MonkeyPatch, place_of_death: tuple[Any, str]
) -> None:
    order = place(alice)
    with monkeypatch.context() as patch:
        patch.setattr(*place_of_death, fail(SystemExit()))
        killed(drain)
    time_passes()
    drain()
    assert (order.confirmations.get().state, told()) == (State.DONE, (1, 1, 1))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_killed_around_the_sending_sends_one_mail(alice: User, place: Place, mailer: type[Mailer], moment: str) -> None:
    order = place(alice)
    setattr(mailer, moment, fail(SystemExit()))
    killed(drain)
    time_passes()
    drain()
    assert (order.confirmations.get().state, told()) == (State.DONE, (1, 1, 1))


def test_a_repeat_begins_after_the_last_stamp(alice: User, place: Place, mailer: type[Mailer]) -> None:
    order = place(alice)
    mailer.before = fail(SystemExit())
    killed(drain)
    stamped = order.confirmations.values("conversation_opened_at", "event_added_at").get()
    time_passes()
    drain()
    assert order.confirmations.values("conversation_opened_at", "event_added_at").get() == stamped


def test_what_the_order_looked_like_when_it_was_told_stays(alice: User, place: Place, mailer: type[Mailer]) -> None:
    order = place(alice)
    mailer.before = fail(SystemExit())
    killed(drain)
    order.lines.all().delete()
    time_passes()
    drain()
    assert Event.objects.get(type="custom:order-confirm-event").body["total"] == "22.48"


def test_an_order_deleted_while_its_mail_leaves_stops_nobody_else(alice: User, bob: User, place: Place, mailer: type[Mailer]) -> None:
    order = place(alice)
    other = place(bob)
    mailer.after = lambda: Order.objects.get(pk=order.pk).delete() and None
    drain()
    assert other.confirmations.get().state == State.DONE


# --- Refused -----------------------------------------------------------------------------------------------------------


def test_after_an_outage_of_the_mail_one_mail_leaves(alice: User, place: Place, mailer: type[Mailer]) -> None:
    order = place(alice)
    mailer.before = fail(BackendError("Sendinblue does not answer.", code="timeout"))
    drain()
    assert order.confirmations.get().state == State.WAITING
    time_passes()
    drain()
    assert (order.confirmations.get().state, told()) == (State.DONE, (1, 1, 1))


def test_a_mail_that_left_though_its_answer_was_lost_is_not_repeated(alice: User, place: Place, mailer: type[Mailer]) -> None:
    place(alice)
    mailer.after = fail(BackendError("The reply was lost.", unknown=True))
    drain()
    time_passes()
    drain()
    assert told() == (1, 1, 1)


@pytest.fixture
def nobody(db: None) -> User:
    """A customer without an address."""
    return User.objects.create_user("nobody", name="Nobody")


def test_a_customer_without_an_address_is_a_failure_that_says_what_to_do(nobody: User, place: Place) -> None:
    order = place(nobody)
    drain()
    row = order.confirmations.get()
    assert (row.state, row.error_code) == (State.FAILED, "no_address")
    assert "Nobody has no mail address. Add one" in row.last_error


def test_once_there_is_an_address_resending_tells_the_same_version(nobody: User, place: Place) -> None:
    order = place(nobody)
    drain()
    User.objects.filter(pk=nobody.pk).update(email="nobody@example.com")
    confirmation.resend(order)
    drain()
    assert (order.confirmations.get().state, told()) == (State.DONE, (1, 1, 1))


# --- Told again --------------------------------------------------------------------------------------------------------


def test_a_finished_order_told_again_is_a_new_version(alice: User, place: Place) -> None:
    order = place(alice)
    drain()
    confirmation.resend(order)
    drain()
    assert (list(order.confirmations.values_list("version", "state")), told()) == ([(2, "done"), (1, "done")], (1, 2, 2))


def test_telling_again_twice_in_a_row_is_once(alice: User, place: Place) -> None:
    order = place(alice)
    drain()
    confirmation.resend(order)
    confirmation.resend(order)
    drain()
    assert told() == (1, 2, 2)


@THREADS
def test_eight_who_press_resend_at_once_tell_once(alice: User, place: Place) -> None:
    order = place(alice)
    drain()
    at_once(8, lambda number: confirmation.resend(Order.objects.get(pk=order.pk)))
    drain()
    assert told() == (1, 2, 2)


def test_an_order_that_was_cancelled_and_refunded_before_a_worker_came_is_told_to_nobody(alice: User, place: Place) -> None:
    order = place(alice)
    for status in (Status.CANCELLED, Status.REFUNDED):
        order.status = status
        order.save()
    drain()
    assert (OrderConfirmation.objects.get().state, StoredMail.objects.count(), Event.objects.count()) == (State.CANCELLED, 0, 0)


def test_an_order_that_came_back_before_a_worker_came_is_told(alice: User, place: Place) -> None:
    order = place(alice)
    for status in (Status.SHIPPED, Status.REFUNDED):
        order.status = status
        order.save()
    drain()
    assert (OrderConfirmation.objects.get().state, StoredMail.objects.count()) == (State.DONE, 1)
