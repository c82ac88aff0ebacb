"""A Vonage that does the work, but answers after we stopped waiting: nothing is there twice because of it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat import conversations, incoming, recovery
from chat.backends import vonage_client
from chat.backends.circuit import FAILURES_IN_A_ROW
from chat.mirrored import MirroredEvent, WebhookReceipt
from chat.models import Event, Member
from chat.outbox import State
from tests.chat.vonage_side import calls, known_member, order_told, own_ids, row_of, vonage_side, work, work_again
from tests.running import wait_for
from tests.twins import VonageTwin

ONCE = {"times": 1}
# Not answered, and done when the test says so (`late`).
LATE = {"fault": "late_work"} | ONCE
Late = Callable[[], None]
HALF_A_MINUTE = timedelta(seconds=30)

IN_PRODUCT_TIME = pytest.mark.usefixtures("as_soon_as_the_product_has_it")


@pytest.fixture
def vonage(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[VonageTwin]:
    monkeypatch.setattr(vonage_client, "TIMEOUT_SECONDS", 1)
    with vonage_side(settings) as twin:
        yield twin


@pytest.fixture
def late(vonage: VonageTwin, monkeypatch: pytest.MonkeyPatch) -> Late:
    """Vonage does at last what it gave no answer to."""
    kept: list[tuple[Any, ...]] = []
    do = vonage._work_late
    monkeypatch.setattr(vonage, "_work_late", lambda *work: kept.append(work))

    def finish() -> None:
        do(*wait_for(lambda: kept, "the question")[0])

    return finish


@pytest.fixture
def member(vonage: VonageTwin, alice: User) -> Member:
    """Alice in her conversation, both known at Vonage."""
    return known_member(alice)


@pytest.fixture
def made_twice(vonage: VonageTwin, member: Member, late: Late) -> None:
    """A message that we sent again sooner than we do: the first copy was not there yet."""
    vonage.faults.set("vonage.create_event", LATE)
    conversations.send_text(member, "Hi")
    work()
    work_again()
    late()
    everything_comes_back(vonage, member, at_vonage=2)


def seconds_to_wait(event: Event) -> float:
    return (row_of(event).next_attempt_at - timezone.now()).total_seconds()


def everything_comes_back(vonage: VonageTwin, member: Member, *, at_vonage: int) -> None:
    """As many messages as there should be at Vonage are there, and the webhook of each comes in."""
    there = vonage.events(kind="message")
    assert len(there) == at_vonage
    for said in there:
        told = {"type": "message", "id": said["id"], "cid": member.conversation.provider_id, "from": said["from"], "body": said["body"]}
        incoming.receive(told)
    work()


def lines() -> list[str]:
    return [str(event.body["text"]) for event in Event.objects.filter(type="message").order_by("sequence")]


@IN_PRODUCT_TIME
def test_a_copy_that_got_no_answer_in_time_is_looked_for_half_a_minute_later(vonage: VonageTwin, member: Member) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "hang"} | ONCE)
    event, began = conversations.send_text(member, "Hi"), timezone.now()
    work()
    assert (row_of(event).error_code, row_of(event).next_attempt_at >= began + HALF_A_MINUTE) == ("timeout", True)


@IN_PRODUCT_TIME
def test_so_is_one_whose_gateway_gave_up(vonage: VonageTwin, member: Member) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "status", "status": 504, "body": "<html>"} | ONCE)
    event, began = conversations.send_text(member, "Hi"), timezone.now()
    work()
    assert row_of(event).next_attempt_at >= began + HALF_A_MINUTE


@IN_PRODUCT_TIME
def test_a_broken_connection_is_looked_after_at_once(vonage: VonageTwin, member: Member) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "reset"} | ONCE)
    event = conversations.send_text(member, "Hi")
    work()
    assert seconds_to_wait(event) < 29


@IN_PRODUCT_TIME
def test_a_vonage_that_answers_again_is_not_asked_sooner_for_it(vonage: VonageTwin, member: Member) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "hang"} | ONCE)
    event = conversations.send_text(member, "Hi")
    work()
    for _failure in range(FAILURES_IN_A_ROW):
        vonage_client.circuit.failed()
    vonage_client.circuit.succeeded()
    recovery.wake_what_waited()
    assert seconds_to_wait(event) > 20


def test_what_waited_long_for_it_is_due_half_a_minute_after_it_answers_again(vonage: VonageTwin, member: Member) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "hang"} | ONCE)
    event = conversations.send_text(member, "Hi")
    work()
    MirroredEvent.objects.filter(event=event).update(next_attempt_at=timezone.now() + timedelta(hours=1))
    for _failure in range(FAILURES_IN_A_ROW):
        vonage_client.circuit.failed()
    vonage_client.circuit.succeeded()
    recovery.wake_what_waited()
    assert seconds_to_wait(event) < 31


def test_a_message_that_vonage_made_twice_is_one_line_here(vonage: VonageTwin, made_twice: None) -> None:
    assert (len(vonage.events(kind="message")), lines()) == (2, ["Hi"])


def test_the_second_copys_webhook_says_what_it_was(made_twice: None) -> None:
    ended = WebhookReceipt.objects.order_by("pk").values_list("state", flat=True)
    assert sorted(ended) == [State.CANCELLED, State.DONE]


def test_what_the_customer_then_says_in_the_same_words_is_another_line(vonage: VonageTwin, member: Member, made_twice: None) -> None:
    vonage.say(str(member.conversation.provider_id), f"order-support-{member.user.public_id}", "Hi")
    everything_comes_back(vonage, member, at_vonage=3)
    assert lines() == ["Hi", "Hi"]


def test_an_event_of_an_order_that_vonage_made_twice_is_one_here(vonage: VonageTwin, member: Member, late: Late) -> None:
    vonage.faults.set("vonage.create_event", LATE)
    event = order_told(member.user)
    work()
    work_again()
    late()
    for told in vonage.events(kind=event.type):
        incoming.receive({"type": told["type"], "id": told["id"], "cid": member.conversation.provider_id, "body": told["body"]})
    work()
    assert (len(own_ids(vonage)), Event.objects.filter(type=event.type).count()) == (2, 1)


def test_what_was_surely_not_done_leaves_no_doubt(vonage: VonageTwin, member: Member) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "rate_limited"} | ONCE)
    event = conversations.send_text(member, "Hi")
    work()
    vonage_client.circuit.succeeded()
    work_again()
    assert (calls(vonage).count("create_event"), row_of(event).doubtful_calls) == (2, 0)


# A copy that was given up in doubt, and that Vonage holds all the same.


@pytest.fixture
def given_up(vonage: VonageTwin, member: Member) -> Event:
    """Vonage took it and told nobody, and could not be asked until the row was a day old."""
    vonage.faults.set("vonage.create_event", {"fault": "lost_reply"} | ONCE)
    vonage.faults.set("vonage.list_events", {"fault": "status", "status": 503})
    event = conversations.send_text(member, "Hi")
    work()
    MirroredEvent.objects.filter(event=event).update(tried_since=timezone.now() - timedelta(hours=25))
    work_again()
    assert (row_of(event).state, row_of(event).is_unknown) == (State.FAILED, True)
    return event


def hours_pass(event: Event, hours: float) -> None:
    MirroredEvent.objects.filter(event=event).update(finished_at=timezone.now() - timedelta(hours=hours))


def test_its_webhook_adds_no_second_line_and_ends_the_doubt(vonage: VonageTwin, member: Member, given_up: Event) -> None:
    hours_pass(given_up, 5)
    everything_comes_back(vonage, member, at_vonage=1)
    row = row_of(given_up)
    assert (lines(), row.state, row.is_unknown, row.last_error) == (["Hi"], State.DONE, False, "")
    given_up.refresh_from_db()
    assert given_up.provider_id == str(vonage.events(kind="message")[0]["id"])


def test_the_same_words_again_are_a_line_of_their_own(vonage: VonageTwin, member: Member, given_up: Event) -> None:
    vonage.say(str(member.conversation.provider_id), f"order-support-{member.user.public_id}", "Hi")
    everything_comes_back(vonage, member, at_vonage=2)
    assert lines() == ["Hi", "Hi"]


def test_the_same_words_days_later_are_a_line_of_their_own(vonage: VonageTwin, member: Member, given_up: Event) -> None:
    hours_pass(given_up, 49)
    everything_comes_back(vonage, member, at_vonage=1)
    assert lines() == ["Hi", "Hi"]


def test_a_copy_that_was_refused_after_a_doubtful_call_is_recognised_too(vonage: VonageTwin, member: Member, late: Late) -> None:
    vonage.faults.set("vonage.create_event", LATE, {"fault": "status", "status": 400} | ONCE)
    event = conversations.send_text(member, "Hi")
    work()
    work_again()
    assert (row_of(event).state, row_of(event).doubtful_calls) == (State.FAILED, 1)
    late()
    hours_pass(event, 5)
    everything_comes_back(vonage, member, at_vonage=1)
    assert (lines(), row_of(event).state, row_of(event).doubtful_calls) == (["Hi"], State.DONE, 0)
