"""The only way into a conversation: one per customer, numbers without gaps, each message once."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from chat import conversations, record, shapes
from chat.conversations import RefusedError
from chat.models import Conversation, Event, Member
from tests.accounts.threads import THREADS, at_once

WIDGET: dict[str, object] = {"id": 1001, "text": "You purchased a widget."}


@pytest.fixture
def conversation(alice: User) -> Conversation:
    """Alice's conversation, of which she is a member."""
    return conversations.open_for(alice)


@pytest.fixture
def member(conversation: Conversation, alice: User) -> Member:
    """Alice in her conversation."""
    return conversations.join(conversation, alice)


def sequences(conversation: Conversation) -> list[int]:
    """The numbers of all events, as stored."""
    return list(conversation.events.values_list("sequence", flat=True).order_by("sequence"))


def refusal(member: Member, text: Any, **more: Any) -> str:
    """The code with which a message is refused."""
    with pytest.raises(RefusedError) as refused:
        conversations.send_text(member, text, **more)
    return refused.value.code


@THREADS
def test_eight_writers_at_once_leave_no_gap(alice: User, agent: User) -> None:
    conversation = conversations.open_for(alice)
    members = [conversations.join(conversation, alice), conversations.join(conversation, agent)]
    at_once(8, lambda number: [conversations.send_text(members[number % 2], f"{number} {line}") for line in range(5)])
    assert sequences(conversation) == list(range(1, 43))


@THREADS
def test_the_conversations_own_count_is_its_last_events_number_after_eight_writers(alice: User) -> None:
    conversation = conversations.open_for(alice)
    member = conversations.join(conversation, alice)
    at_once(8, lambda number: conversations.send_text(member, str(number)))
    conversation.refresh_from_db()
    assert conversation.sequence == sequences(conversation)[-1]


@THREADS
def test_a_conversation_opened_eight_times_at_once_is_one(alice: User) -> None:
    opened = at_once(8, lambda number: conversations.open_for(alice).public_id)
    assert set(opened) == {Conversation.objects.get().public_id}


@THREADS
def test_a_conversation_opened_eight_times_at_once_is_joined_once(alice: User) -> None:
    at_once(8, lambda number: conversations.open_for(alice))
    assert list(Event.objects.values_list("type", "sequence")) == [("member:joined", 1)]


@THREADS
def test_an_agent_who_joins_eight_times_at_once_is_announced_once(alice: User, agent: User) -> None:
    conversation = conversations.open_for(alice)
    at_once(8, lambda number: conversations.join(conversation, agent))
    assert conversation.events.filter(type="member:joined", from_member__user=agent).count() == 1


@THREADS
def test_a_message_sent_eight_times_at_once_with_one_key_is_stored_once(alice: User) -> None:
    member = conversations.join(conversations.open_for(alice), alice)
    stored = at_once(8, lambda number: conversations.send_text(member, "Hello", key="k-1").sequence)
    assert stored == [2] * 8


def test_a_new_conversation_says_who_joined(conversation: Conversation, alice: User) -> None:
    person = {"id": alice.public_id, "name": "alice", "display_name": "Alice Martin"}
    assert conversation.events.get().body == {"user": person, "role": "customer"}


def test_an_agent_joins_as_agent(conversation: Conversation, agent: User) -> None:
    conversations.join(conversation, agent)
    assert conversation.events.get(sequence=2).body["role"] == "agent"


def test_joining_again_tells_nobody(conversation: Conversation, alice: User) -> None:
    conversations.join(conversation, alice)
    assert sequences(conversation) == [1]


def test_a_key_used_again_answers_the_stored_message(member: Member) -> None:
    first = conversations.send_text(member, "Hello", key="k-1")
    assert conversations.send_text(member, "Hello", key="k-1").pk == first.pk


def test_a_key_used_for_another_text_is_refused(member: Member) -> None:
    conversations.send_text(member, "Hello", key="k-1")
    assert refusal(member, "Good-bye", key="k-1") == "key_reused"


def test_a_key_used_beside_another_order_is_refused(member: Member) -> None:
    conversations.send_text(member, "Hello", key="k-1", about=1001)
    assert refusal(member, "Hello", key="k-1", about=1002) == "key_reused"


def test_a_refused_key_uses_up_no_number(member: Member) -> None:
    conversations.send_text(member, "Hello", key="k-1")
    refusal(member, "Good-bye", key="k-1")
    assert conversations.send_text(member, "Good-bye", key="k-2").sequence == 3


def test_two_people_may_use_the_same_key(member: Member, conversation: Conversation, agent: User) -> None:
    conversations.send_text(member, "Hello", key="k-1")
    answer = conversations.send_text(conversations.join(conversation, agent), "Hello back", key="k-1")
    assert answer.body["text"] == "Hello back"


def test_an_event_of_the_system_with_the_same_key_is_stored_once(conversation: Conversation) -> None:
    first = conversations.add_event(conversation, "custom:order-confirm-event", WIDGET, key="order-confirm:1001:1")
    again = conversations.add_event(conversation, "custom:order-confirm-event", WIDGET, key="order-confirm:1001:1")
    assert again.pk == first.pk


def test_an_event_whose_transaction_fails_leaves_no_gap(conversation: Conversation, member: Member) -> None:
    @transaction.atomic
    def tell_and_fail() -> None:
        conversations.add_event(conversation, "custom:order-confirm-event", WIDGET)
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        tell_and_fail()
    assert conversations.send_text(member, "Hello").sequence == 2


def test_no_two_events_can_have_one_number(conversation: Conversation) -> None:
    with pytest.raises(IntegrityError):
        Event.objects.create(conversation=conversation, sequence=1, type="message")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        (" \n\t\u3000 ", "empty"),
        ("x" * 8001, "too_long"),
        ("before\x00after", "bad_text"),
        ("a lone \ud83d half", "bad_text"),
        (None, "bad_type"),
        (5, "bad_type"),
        (["Hello"], "bad_type"),
        ({"text": "Hello"}, "bad_type"),
    ],
)
def test_a_text_that_cant_be_stored_or_read_is_refused_by_name(member: Member, text: Any, code: str) -> None:
    assert refusal(member, text) == code


@pytest.mark.parametrize(
    "text", ["x" * 8000, "汉" * 8000, "👩‍👩‍👧 is one family", "<script>alert(1)</script>", "עברית and English", "line\nline"]
)
def test_a_text_that_people_write_is_stored_as_written(member: Member, text: str) -> None:
    event = conversations.send_text(member, text)
    assert Event.objects.get(pk=event.pk).body["text"] == text


@pytest.mark.parametrize("key", ["", "x" * 65, "a\x00b", "a\nb", "\ud800"])
def test_a_key_that_cant_be_stored_is_refused(member: Member, key: str) -> None:
    assert refusal(member, "Hello", key=key) == "bad_key"


def test_a_refused_message_stores_nothing(member: Member, conversation: Conversation) -> None:
    refusal(member, "x" * 8001)
    assert sequences(conversation) == [1]


CONFIRMED: dict[str, object] = {"id": 1001, "text": "A mug", "version": 1, "status": "confirmed", "total": "49.90", "currency": "EUR"}
CANCELLED: dict[str, object] = {
    "id": 1001,
    "version": 2,
    "status": "cancelled",
    "previous": "confirmed",
    "total": "0.00",
    "currency": "EUR",
    "lines": [],
}


def tell(conversation: Conversation, body: dict[str, object]) -> None:
    """What the order's app writes into the conversation."""
    kind = "custom:order-confirm-event" if "text" in body else "custom:order-status-event"
    conversations.add_event(conversation, kind, body)


def test_a_message_keeps_how_its_order_stood_when_it_was_written(member: Member, conversation: Conversation) -> None:
    tell(conversation, CONFIRMED)
    before = conversations.send_text(member, "Where is it?", about=1001)
    tell(conversation, CANCELLED)
    after = conversations.send_text(member, "Why?", about=1001)
    assert [Event.objects.get(pk=event.pk).body["about_order"] for event in (before, after)] == [
        {"version": 1, "status": "confirmed", "total": "49.90", "currency": "EUR"},
        {"version": 2, "status": "cancelled", "total": "0.00", "currency": "EUR"},
    ]


def test_a_message_about_two_orders_keeps_each_ones_own(member: Member, conversation: Conversation) -> None:
    tell(conversation, CONFIRMED)
    tell(conversation, CONFIRMED | {"id": 1002, "total": "5.00"})
    totals = [conversations.send_text(member, "?", about=number).body["about_order"]["total"] for number in (1001, 1002)]  # type: ignore[index]
    assert totals == ["49.90", "5.00"]


def test_an_order_that_this_conversation_knows_nothing_of_has_no_state(member: Member, conversation: Conversation, bob: User) -> None:
    tell(conversations.open_for(bob), CONFIRMED)
    assert conversations.send_text(member, "Hello", about=1001).body == {"message_type": "text", "text": "Hello", "about": 1001}


def test_a_retry_after_the_order_changed_answers_the_stored_message(member: Member, conversation: Conversation) -> None:
    tell(conversation, CONFIRMED)
    first = conversations.send_text(member, "Where is it?", key="k-1", about=1001)
    tell(conversation, CANCELLED)
    assert conversations.send_text(member, "Where is it?", key="k-1", about=1001).pk == first.pk


# --- Too fast ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def ten_a_minute(settings: Settings) -> Iterator[time_machine.Traveller]:
    """A limit of ten a minute, five of them at once; the clock stands still until it is moved."""
    settings.MESSAGES_PER_MINUTE = 10
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        yield clock


def test_half_a_minutes_worth_may_come_at_once_and_no_more(member: Member, ten_a_minute: time_machine.Traveller) -> None:
    for number in range(5):
        conversations.send_text(member, str(number))
    with pytest.raises(RefusedError) as refused:
        conversations.send_text(member, "5")
    assert (refused.value.code, refused.value.retry, refused.value.after_seconds) == ("too_fast", True, 6.0)


def test_after_the_time_that_was_said_the_same_message_is_taken(member: Member, ten_a_minute: time_machine.Traveller) -> None:
    for number in range(5):
        conversations.send_text(member, str(number))
    assert refusal(member, "5", key="k-5") == "too_fast"
    ten_a_minute.shift(6)
    assert conversations.send_text(member, "5", key="k-5").sequence == 7


def test_a_clock_that_was_set_back_keeps_nobody_from_writing(member: Member, ten_a_minute: time_machine.Traveller) -> None:
    for number in range(5):
        conversations.send_text(member, str(number))
    ten_a_minute.shift(-3600)
    for number in range(5, 10):
        conversations.send_text(member, str(number))
    assert refusal(member, "10") == "too_fast"


def test_a_process_whose_clock_is_a_little_behind_keeps_to_the_same_limit(member: Member, ten_a_minute: time_machine.Traveller) -> None:
    for number in range(5):
        conversations.send_text(member, str(number))
    ten_a_minute.shift(-0.5)
    assert refusal(member, "5") == "too_fast"


def test_ten_thousand_a_minute_are_held_to_ten(member: Member, ten_a_minute: time_machine.Traveller) -> None:
    drafts = [conversations.message(member, str(number)) for number in range(1000)]
    outcomes = []
    for second in range(6):
        outcomes += record.store(drafts[second * 166 : second * 166 + 166])
        ten_a_minute.shift(1)
    assert sum(isinstance(outcome, record.Stored) for outcome in outcomes) == 5


def test_who_is_too_fast_slows_nobody_else(
    member: Member, conversation: Conversation, agent: User, ten_a_minute: time_machine.Traveller
) -> None:
    other = conversations.join(conversation, agent)
    drafts = [conversations.message(member, str(number)) for number in range(20)]
    outcomes = record.store([*drafts, conversations.message(other, "Hello")])
    assert isinstance(outcomes[-1], record.Stored)


@THREADS
def test_the_limit_is_one_for_all_processes(alice: User, settings: Settings) -> None:
    settings.MESSAGES_PER_MINUTE = 10
    member = conversations.join(conversations.open_for(alice), alice)
    outcomes = at_once(8, lambda number: record.store([conversations.message(member, f"{number} {line}") for line in range(5)]))
    assert sum(isinstance(outcome, record.Stored) for each in outcomes for outcome in each) in {5, 6}


# --- Several at once ---------------------------------------------------------------------------------------------------


def test_several_drafts_are_stored_in_the_order_given(member: Member, conversation: Conversation) -> None:
    record.store([conversations.message(member, text) for text in "abc"])
    assert [event.body["text"] for event in conversation.events.filter(type="message").order_by("sequence")] == ["a", "b", "c"]


def test_one_that_cant_be_stored_harms_no_other(member: Member, bob: User) -> None:
    conversations.send_text(member, "Hello", key="k-1")
    others = conversations.join(conversations.open_for(bob), bob)
    drafts = [conversations.message(others, "a"), conversations.message(member, "Other", key="k-1"), conversations.message(others, "b")]
    first, refused, last = record.store(drafts)
    assert (type(first), str(getattr(refused, "code", "")), type(last)) == (record.Stored, "key_reused", record.Stored)


def test_one_key_twice_in_one_go_is_one_message(member: Member, conversation: Conversation) -> None:
    first, again = record.store([conversations.message(member, "Hello", key="k-1") for _time in range(2)])
    assert isinstance(first, record.Stored)
    assert isinstance(again, record.Stored)
    assert (first.event.pk == again.event.pk, again.is_new, sequences(conversation)) == (True, False, [1, 2])


def test_a_go_asks_the_database_as_often_for_fifty_as_for_one(
    member: Member, conversation: Conversation, django_assert_num_queries: Any
) -> None:
    tell(conversation, CONFIRMED)
    with CaptureQueriesContext(connection) as one:
        record.store([conversations.message(member, "Hello", about=1001)])
    with django_assert_num_queries(len(one)):
        record.store([conversations.message(member, str(number), about=1001) for number in range(50)])


# --- The inbox's columns -----------------------------------------------------------------------------------------------


def test_the_customer_waits_from_their_first_unanswered_message(member: Member, conversation: Conversation) -> None:
    first = conversations.send_text(member, "Hello")
    conversations.send_text(member, "Anybody there?")
    conversation.refresh_from_db()
    assert conversation.waiting_since == first.created_at


def test_an_agents_answer_ends_the_wait(member: Member, conversation: Conversation, agent: User) -> None:
    conversations.send_text(member, "Hello")
    conversations.send_text(conversations.join(conversation, agent), "Hello!")
    conversation.refresh_from_db()
    assert conversation.waiting_since is None


def test_an_order_that_is_told_makes_nobody_wait(conversation: Conversation) -> None:
    conversations.add_event(conversation, "custom:order-confirm-event", WIDGET)
    conversation.refresh_from_db()
    assert conversation.waiting_since is None


def test_an_agent_who_only_looks_moves_nothing_in_the_inbox(member: Member, conversation: Conversation, agent: User) -> None:
    event = conversations.send_text(member, "Hello")
    conversations.join(conversation, agent)
    conversation.refresh_from_db()
    assert (conversation.last_event_at, conversation.sequence) == (event.created_at, event.sequence + 1)


def test_the_last_words_fit_their_column(member: Member, conversation: Conversation) -> None:
    conversations.send_text(member, "汉" * 8000)
    conversation.refresh_from_db()
    assert conversation.last_text == "汉" * 200


def test_seen_of_the_future_counts_as_the_last_event(member: Member) -> None:
    conversations.see(member, 10**12)
    member.refresh_from_db()
    assert member.seen_sequence == 1


def test_seen_never_moves_back(member: Member) -> None:
    conversations.send_text(member, "Hello")
    conversations.see(member, 1)
    member.refresh_from_db()
    assert member.seen_sequence == 2


# When a mark last passed a message of the other side: it is read for as long as the conversation is.

SEEN, LATER = "2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z"


@pytest.fixture
def answered(member: Member, conversation: Conversation, agent: User) -> Member:
    """Alice, who has seen the agent's answer at SEEN."""
    event = conversations.send_text(conversations.join(conversation, agent), "Hello!")
    member.conversation.refresh_from_db()
    with time_machine.travel(SEEN, tick=False):
        conversations.see(member, event.sequence)
    return member


def seen_at(member: Member) -> str | None:
    """When the other side says that it was."""
    member.refresh_from_db()
    moment = shapes.member(member, member.conversation)["seen_at"]
    return moment and moment.replace(".000", "")


def test_the_moment_of_a_mark_is_that_of_the_message_it_passed(answered: Member) -> None:
    assert seen_at(answered) == SEEN


def test_what_is_no_message_does_not_move_the_moment(answered: Member) -> None:
    event = conversations.add_event(answered.conversation, "custom:order-confirm-event", WIDGET)
    with time_machine.travel(LATER, tick=False):
        assert conversations.see(answered, event.sequence)
    assert seen_at(answered) == SEEN


def test_ones_own_side_does_not_move_the_moment(answered: Member, agent: User, bob: User) -> None:
    colleague = conversations.join(answered.conversation, bob)
    event = conversations.send_text(conversations.join(answered.conversation, agent), "From here too")
    colleague.conversation.refresh_from_db()
    conversations.see(colleague, event.sequence)
    assert seen_at(colleague) is None


def test_the_customers_words_move_an_agents_moment(answered: Member, agent: User) -> None:
    event = conversations.send_text(answered, "Thank you")
    reader = conversations.join(answered.conversation, agent)
    reader.conversation.refresh_from_db()
    with time_machine.travel(LATER, tick=False):
        conversations.see(reader, event.sequence)
    assert seen_at(reader) == LATER


def test_who_writes_below_an_answer_has_seen_it_then(answered: Member, agent: User) -> None:
    conversations.send_text(conversations.join(answered.conversation, agent), "One more thing")
    with time_machine.travel(LATER, tick=False):
        conversations.send_text(answered, "Yes?")
    assert seen_at(answered) == LATER


def test_who_writes_below_what_they_have_seen_saw_it_before(answered: Member) -> None:
    with time_machine.travel(LATER, tick=False):
        conversations.send_text(answered, "Yes?")
    assert seen_at(answered) == SEEN


def test_the_sender_has_seen_their_own_message(member: Member) -> None:
    event = conversations.send_text(member, "Hello")
    member.refresh_from_db()
    assert member.seen_sequence == event.sequence


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ({}, [4, 5, 6]),
        ({"after": 0}, [1, 2, 3]),
        ({"after": 3}, [4, 5, 6]),
        ({"after": 6}, []),
        ({"after": 2**53}, []),
        ({"before": 4}, [1, 2, 3]),
        ({"before": 3}, [1, 2]),
        ({"before": 0}, []),
    ],
)
def test_a_page_of_history_is_ascending(member: Member, conversation: Conversation, window: dict[str, int], expected: list[int]) -> None:
    at_five = [conversations.send_text(member, str(number)) for number in range(5)]
    assert at_five[-1].sequence == 6
    assert [event.sequence for event in conversations.history(conversation, limit=3, **window)] == expected


def test_a_page_of_history_asks_the_database_once(member: Member, conversation: Conversation, django_assert_num_queries: Any) -> None:
    conversations.send_text(member, "Hello")
    with django_assert_num_queries(1):
        names = [event.from_member.user.username for event in conversations.history(conversation) if event.from_member]
    assert names == ["alice", "alice"]
