"""How conversations are copied to Vonage when all goes well."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from chat import conversations
from chat.mirrored import MirroredEvent
from chat.models import Conversation, Member
from chat.outbox import State
from tests.chat.vonage_side import calls, member_of, order_told, own_ids, row_of, vonage_side, work
from tests.twins import VonageTwin


@pytest.fixture
def vonage(settings: Settings) -> Iterator[VonageTwin]:
    with vonage_side(settings) as twin:
        yield twin


def test_a_new_customers_first_order_takes_four_calls(vonage: VonageTwin, alice: User) -> None:
    order_told(alice)
    work()
    assert calls(vonage) == ["create_user", "create_conversation", "create_member", "create_event"]


def test_a_known_customers_order_takes_one_call(vonage: VonageTwin, alice: User) -> None:
    order_told(alice)
    work()
    vonage.log.clear()
    order_told(alice, 1003)
    work()
    assert calls(vonage) == ["create_event"]


def test_many_calls_of_one_thread_take_one_handshake(vonage: VonageTwin, alice: User) -> None:
    for number in range(1002, 1010):
        order_told(alice, number)
    work()
    assert (len(calls(vonage)), vonage.server.counts.connections, vonage.server.counts.handshakes) == (11, 1, 1)


def test_the_copy_carries_our_body_and_our_id(vonage: VonageTwin, alice: User) -> None:
    event = order_told(alice)
    work()
    body = vonage.events(kind="custom:order-confirm-event")[0]["body"]
    assert body == event.body | {"_id": f"{event.conversation.public_id}/{event.sequence}"}


def test_every_id_of_vonage_is_kept(vonage: VonageTwin, alice: User) -> None:
    event = order_told(alice)
    work()
    conversation, member = Conversation.objects.get(), Member.objects.get()
    alice.refresh_from_db()
    event.refresh_from_db()
    at_vonage = vonage.store.conversations[str(conversation.provider_id)]
    known = (alice.provider_id, member.provider_id, event.provider_id)
    assert known == (next(iter(vonage.store.users)), next(iter(at_vonage.members)), str(at_vonage.sequence))


def test_names_at_vonage_are_ours_and_not_the_username(vonage: VonageTwin, alice: User) -> None:
    order_told(alice)
    work()
    names = [user.name for user in vonage.store.users.values()] + [item.name for item in vonage.store.conversations.values()]
    assert names == [f"order-support-{alice.public_id}", f"order-support-{Conversation.objects.get().public_id}"]


def test_a_message_is_copied_from_its_member_with_the_keys_that_vonage_knows(vonage: VonageTwin, alice: User) -> None:
    member = member_of(alice, conversations.open_for(alice))
    conversations.send_text(member, "Where is it?", about=1002)
    work()
    member.refresh_from_db()
    copied = vonage.events(kind="message")[0]
    assert (copied["from"], copied["body"]) == (member.provider_id, {"message_type": "text", "text": "Where is it?"})


def test_an_agent_who_joins_becomes_a_member_at_vonage(vonage: VonageTwin, alice: User, agent: User) -> None:
    conversation = conversations.open_for(alice)
    conversations.join(conversation, agent)
    work()
    members = next(iter(vonage.store.conversations.values())).members.values()
    assert [member.user.name for member in members] == [f"order-support-{alice.public_id}", f"order-support-{agent.public_id}"]


def test_events_of_one_conversation_keep_their_order(vonage: VonageTwin, alice: User, agent: User) -> None:
    conversation = conversations.open_for(alice)
    for number in range(12):
        conversations.send_text(member_of(alice if number % 2 else agent, conversation), f"{number}")
    work()
    assert [event["body"]["text"] for event in vonage.events(kind="message")] == [str(number) for number in range(12)]


def test_a_row_waits_for_the_one_before_it(vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "html_502"})
    first, second = order_told(alice, 1002), order_told(alice, 1003)
    work()
    assert (row_of(first).attempts, row_of(second).attempts, len(vonage.events())) == (1, 0, 1)


def test_one_conversations_trouble_does_not_stop_another(vonage: VonageTwin, alice: User, bob: User) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "html_502", "contains": "1002"})
    order_told(alice, 1002)
    other = order_told(bob, 1003)
    work()
    assert row_of(other).state == State.DONE


def test_without_credentials_no_row_is_written_and_nobody_is_asked(alice: User) -> None:
    order_told(alice)
    work()
    assert not MirroredEvent.objects.exists()


def test_rows_end_when_the_credentials_are_taken_away(vonage: VonageTwin, alice: User, settings: Settings) -> None:
    event = order_told(alice)
    settings.VONAGE_APPLICATION_ID = ""
    work()
    assert (row_of(event).state, calls(vonage)) == (State.CANCELLED, [])


def test_a_users_and_a_conversations_display_name_are_cut_to_fifty(vonage: VonageTwin, alice: User) -> None:
    alice.name = "🎉" * 40
    alice.save()
    order_told(alice)
    work()
    shown = [item.fields["display_name"] for item in (*vonage.store.users.values(), *vonage.store.conversations.values())]
    assert shown == ["🎉" * 25, "🎉" * 25]


def test_two_orders_of_one_customer_leave_two_copies(vonage: VonageTwin, alice: User) -> None:
    events = [order_told(alice, 1002), order_told(alice, 1003)]
    work()
    assert own_ids(vonage) == [f"{event.conversation.public_id}/{event.sequence}" for event in events]
