"""What becomes of the copying when Vonage refuses for good, and how a person starts it again."""

from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from chat import conversations, leases, mirror
from chat.mirrored import MirroredEvent, MirrorRefusal
from chat.models import Conversation, Event
from chat.outbox import State
from orders.mail_models import StoredMail
from orders.models import Order
from tests.chat.vonage_side import calls, member_of, order_told, own_ids, row_of, vonage_side, work, work_again
from tests.twins import VonageTwin


@pytest.fixture
def vonage(settings: Settings) -> Iterator[VonageTwin]:
    with vonage_side(settings) as twin:
        yield twin


@pytest.fixture
def customers(db: None) -> list[User]:
    return [User.objects.create_user(f"customer-{number}") for number in range(5)]


def say(customer: User, text: str = "Hello") -> Event:
    return conversations.send_text(member_of(customer, conversations.open_for(customer)), text)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refused_event_puts_its_conversation_in_the_state_refused(vonage: VonageTwin, alice: User, status: int) -> None:
    vonage.turn(refuse_messaging={"message": status})
    event = say(alice)
    work()
    refusal = MirrorRefusal.objects.get()
    assert (refusal.conversation, refusal.kind, row_of(event).error_code) == (event.conversation, "message", "refused")
    assert "discontinued" in refusal.reason


def test_a_refused_conversation_is_not_asked_again(vonage: VonageTwin, alice: User) -> None:
    vonage.turn(refuse_messaging={"message": 403})
    events = [say(alice), say(alice), say(alice)]
    work()
    assert (calls(vonage).count("create_event"), {row_of(event).state for event in events}) == (1, {State.CANCELLED})


def test_refused_messages_leave_custom_events_alone(vonage: VonageTwin, alice: User) -> None:
    vonage.turn(refuse_messaging={"message": 410})
    say(alice)
    told = order_told(alice)
    work()
    assert row_of(told).state == State.DONE


def test_a_type_that_is_no_longer_taken_is_a_refusal(vonage: VonageTwin, alice: User) -> None:
    body = '{"code": "http:error:validation-fail", "invalid_parameters": [{"name": "type", "reason": "\\"type\\" must be one of []"}]}'
    headers = {"content-type": "application/json"}
    vonage.faults.set("vonage.create_event", {"fault": "status", "status": 400, "body": body, "headers": headers})
    say(alice)
    work()
    assert MirrorRefusal.objects.get().kind == "message"


def test_a_set_up_that_is_refused_stops_everything_of_the_conversation(vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("vonage.create_conversation", {"fault": "status", "status": 403})
    order_told(alice)
    work()
    assert MirrorRefusal.objects.get().kind == "everything"


def test_the_third_conversation_in_a_row_stops_the_whole_mirror(vonage: VonageTwin, customers: list[User]) -> None:
    vonage.turn(refuse_messaging={"custom": 410})
    for customer in customers:
        order_told(customer)
        work()
    assert (calls(vonage).count("create_event"), MirrorRefusal.objects.filter(conversation=None).count()) == (3, 1)


def test_a_success_between_refusals_keeps_the_mirror_going(vonage: VonageTwin, customers: list[User]) -> None:
    for number, customer in enumerate(customers):
        vonage.turn(refuse_messaging={} if number == 2 else {"custom": 410})
        order_told(customer)
        work()
    assert not MirrorRefusal.objects.filter(conversation=None).exists()


def test_a_refusal_stops_neither_order_nor_mail_nor_chat(
    vonage: VonageTwin, customers: list[User], place: Callable[..., Order], alice: User
) -> None:
    vonage.turn(refuse_messaging={"custom": 403, "message": 403})
    for customer in customers[:4]:
        order_told(customer)
    work()
    order = place(alice)
    work()
    said = say(alice)
    assert (order.confirmations.get().state, StoredMail.objects.count(), said.sequence) == (State.DONE, 1, 3)


def test_trying_again_sends_what_was_refused_in_order(vonage: VonageTwin, alice: User) -> None:
    vonage.turn(refuse_messaging={"message": 403})
    for text in ("one", "two", "three"):
        say(alice, text)
    work()
    vonage.turn(refuse_messaging={})
    assert mirror.try_again(MirrorRefusal.objects.get()) == 3
    work()
    assert [event["body"]["text"] for event in vonage.events(kind="message")] == ["one", "two", "three"]


def test_trying_the_whole_again_takes_the_single_refusals_along(vonage: VonageTwin, customers: list[User]) -> None:
    vonage.turn(refuse_messaging={"custom": 403})
    for customer in customers:
        order_told(customer)
    work()
    vonage.turn(refuse_messaging={})
    mirror.try_again(MirrorRefusal.objects.get(conversation=None))
    work()
    assert (MirrorRefusal.objects.count(), len(own_ids(vonage))) == (0, 5)


def test_trying_again_in_vain_costs_one_call(vonage: VonageTwin, alice: User) -> None:
    vonage.turn(refuse_messaging={"message": 403})
    say(alice, "one")
    say(alice, "two")
    work()
    vonage.log.clear()
    mirror.try_again(MirrorRefusal.objects.get())
    work()
    assert (calls(vonage), MirrorRefusal.objects.count()) == (["list_events", "create_event"], 1)


def test_a_conversation_that_is_gone_is_made_anew_when_tried_again(vonage: VonageTwin, alice: User) -> None:
    order_told(alice)
    work()
    before = Conversation.objects.get().provider_id
    vonage.store.remove_conversation(vonage.store.conversations[str(before)])
    event = order_told(alice, 1003)
    work()
    assert MirrorRefusal.objects.get().code == "conversation:error:not-found"
    mirror.try_again(MirrorRefusal.objects.get())
    work()
    assert (row_of(event).state, Conversation.objects.get().provider_id != before, len(own_ids(vonage))) == (State.DONE, True, 1)


def test_numbers_of_a_conversation_that_is_gone_are_forgotten(vonage: VonageTwin, alice: User) -> None:
    old = order_told(alice)
    work()
    vonage.store.remove_conversation(next(iter(vonage.store.conversations.values())))
    new = order_told(alice, 1003)
    work()
    mirror.try_again(MirrorRefusal.objects.get())
    work()
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.provider_id, new.provider_id) == (None, str(vonage.events(kind=new.type)[0]["id"]))


def test_after_another_applications_id_one_button_brings_everybody_back(vonage: VonageTwin, customers: list[User]) -> None:
    for customer in customers:
        order_told(customer)
    work()
    vonage.forget()
    for number, customer in enumerate(customers):
        order_told(customer, 2000 + number)
    work()
    mirror.try_again(MirrorRefusal.objects.get(conversation=None))
    for _attempt in range(3):
        work_again()
    assert (len(own_ids(vonage)), MirroredEvent.objects.exclude(state=State.DONE).count()) == (5, 0)


def test_no_more_copies_are_under_way_at_once_than_mails_can_spare(customers: list[User], vonage: VonageTwin) -> None:
    many = [User.objects.create_user(f"more-{number}") for number in range(30)]
    for customer in many:
        order_told(customer)
    assert (len(MirroredEvent.claim(50)), len(MirroredEvent.claim(50))) == (MirroredEvent.MOST_AT_ONCE, 0)


def test_what_a_dead_worker_holds_leaves_the_others_their_threads(
    customers: list[User], vonage: VonageTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        order_told(User.objects.create_user(f"more-{number}"))
    with monkeypatch.context() as patch:
        patch.setattr(leases, "WORKER", 0xDEAD)
        MirroredEvent.claim(50)
    assert len(MirroredEvent.claim(50)) == MirroredEvent.MOST_AT_ONCE


def test_a_claim_takes_the_first_row_of_each_conversation_only(alice: User, bob: User, vonage: VonageTwin) -> None:
    firsts = [order_told(customer).conversation.events.get(type="member:joined") for customer in (alice, bob)]
    assert [row.event for row in MirroredEvent.claim(50)] == firsts
