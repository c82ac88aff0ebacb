"""What becomes of a copy when Vonage has a bad day: the state it is left in, and that nothing is lost or doubled."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pytest_django import Settings

from accounts.models import User
from chat import conversations
from chat.backends import vonage_client
from chat.backends.pace import Pace
from chat.backends.vonage_tokens import server_token
from chat.mirrored import MirroredEvent, MirrorRefusal
from chat.models import Event, Member
from chat.outbox import State
from orders.models import Order
from tests.chat.vonage_side import calls, member_of, order_told, own_ids, row_of, vonage_side, work, work_again
from tests.twins import VonageTwin
from tests.twins.vonage import private_pem

ONCE = {"times": 1}
# Fault -> what the row says of it after the first attempt.
PASSING: dict[str, tuple[dict[str, Any], str, bool]] = {
    "429 without a word": ({"fault": "rate_limited"}, "http:error:too-many-request", False),
    "429 with Retry-After": ({"fault": "rate_limited", "reset": 7}, "http:error:too-many-request", False),
    "an internal error": ({"fault": "status", "status": 500}, "system:error:internal-error", True),
    "an internal error after the work": ({"fault": "status", "status": 500, "work": True}, "system:error:internal-error", True),
    "a gateway's HTML": ({"fault": "html_502"}, "http:502", True),
    "an empty 200": ({"fault": "empty_200"}, "unreadable_reply", True),
    "malformed JSON": ({"fault": "malformed"}, "unreadable_reply", True),
    "cut JSON": ({"fault": "cut_json"}, "unreadable_reply", True),
    "a cut body": ({"fault": "cut_body"}, "connection_lost", True),
    "a reset before the work": ({"fault": "reset"}, "connection_lost", True),
    "a close before the work": ({"fault": "close"}, "connection_lost", True),
    "a reset after the work": ({"fault": "reset_after"}, "connection_lost", True),
    "a lost reply": ({"fault": "lost_reply"}, "connection_lost", True),
    "silence before the work": ({"fault": "hang"}, "timeout", True),
    "silence after the work": ({"fault": "hang_after"}, "timeout", True),
}
STEPS = ["create_user", "create_conversation", "create_member", "create_event"]
# A silence costs a second, so only the step where it matters most goes through it.
CASES = [(name, step) for name in PASSING for step in STEPS if step == "create_event" or not name.startswith("silence")]


@pytest.fixture
def vonage(settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[VonageTwin]:
    """We lose our patience soon where Vonage is silent, and not where it is slow because the machine is busy."""
    monkeypatch.setattr(vonage_client, "TIMEOUT_SECONDS", 1 if "silence" in request.node.name else vonage_client.TIMEOUT_SECONDS)
    with vonage_side(settings) as twin:
        yield twin


def wait_over(vonage: VonageTwin) -> None:
    """A pause that Vonage asked for is over."""
    vonage_client.circuit.succeeded()
    vonage_client.circuit.pace = Pace()
    work_again()


@pytest.mark.parametrize(("name", "step"), CASES)
def test_a_passing_fault_leaves_the_copy_waiting(vonage: VonageTwin, alice: User, name: str, step: str) -> None:
    fault, code, is_unknown = PASSING[name]
    vonage.faults.set(f"vonage.{step}", fault | ONCE)
    event = order_told(alice)
    work()
    row = MirroredEvent.objects.filter(attempts=1, state=State.WAITING).get()
    assert (row.error_code, row.is_unknown, row_of(event).state) == (code, is_unknown, State.WAITING)


@pytest.mark.parametrize(("name", "step"), CASES)
def test_a_passing_fault_loses_and_doubles_nothing(vonage: VonageTwin, alice: User, name: str, step: str) -> None:
    vonage.faults.set(f"vonage.{step}", PASSING[name][0] | ONCE)
    event = order_told(alice)
    work()
    wait_over(vonage)
    conversation = next(iter(vonage.store.conversations.values()))
    held = (len(vonage.store.users), len(vonage.store.conversations), len(conversation.members), len(own_ids(vonage)))
    assert (row_of(event).state, held) == (State.DONE, (1, 1, 1, 1))


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_of_a_message_loses_and_doubles_nothing(vonage: VonageTwin, alice: User, name: str) -> None:
    member = member_of(alice, conversations.open_for(alice))
    conversations.send_text(member, "Yes")
    work()
    vonage.faults.set("vonage.create_event", PASSING[name][0] | ONCE)
    conversations.send_text(member, "Yes")
    work()
    wait_over(vonage)
    assert [event["body"]["text"] for event in vonage.events(kind="message")] == ["Yes", "Yes"]


def test_the_same_words_of_somebody_else_are_not_taken_for_ours(vonage: VonageTwin, alice: User, agent: User) -> None:
    conversation = conversations.open_for(alice)
    conversations.join(conversation, agent)
    work()
    vonage.faults.set("vonage.create_event", {"fault": "reset"} | ONCE)
    conversations.send_text(member_of(alice, conversation), "Yes")
    work()
    vonage.say(next(iter(vonage.store.conversations)), f"order-support-{agent.public_id}", "Yes")
    work_again()
    assert len(vonage.events(kind="message")) == 2


def test_words_that_came_in_from_vonage_are_not_taken_for_ours(vonage: VonageTwin, alice: User) -> None:
    member = member_of(alice, conversations.open_for(alice))
    work()
    vonage.faults.set("vonage.create_event", {"fault": "reset"} | ONCE)
    conversations.send_text(member, "Yes")
    work()
    said = vonage.say(next(iter(vonage.store.conversations)), f"order-support-{alice.public_id}", "Yes")
    body: dict[str, object] = {"message_type": "text", "text": "Yes"}
    conversations.add_event(member.conversation, "message", body, sender=member, provider_id=str(said["id"]))
    work_again()
    assert len(vonage.events(kind="message")) == 2


def test_words_that_came_in_out_of_turn_are_not_taken_for_ours(vonage: VonageTwin, alice: User) -> None:
    member = member_of(alice, conversations.open_for(alice))
    work()
    said = [vonage.say(next(iter(vonage.store.conversations)), f"order-support-{alice.public_id}", text) for text in ("No", "Yes")]
    for event in reversed(said):
        conversations.add_event(member.conversation, "message", event["body"], sender=member, provider_id=str(event["id"]))
    vonage.faults.set("vonage.create_event", {"fault": "reset"} | ONCE)
    conversations.send_text(member, "Yes")
    work()
    work_again()
    assert [event["body"]["text"] for event in vonage.events(kind="message")] == ["No", "Yes", "Yes"]


def test_an_error_whose_body_was_cut_is_not_taken_for_final(vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("vonage.create_user", {"fault": "lost_reply"} | ONCE, {"fault": "cut_json"} | ONCE)
    event = order_told(alice)
    for _attempt in range(3):
        work_again()
    assert (row_of(event).state, len(vonage.store.users)) == (State.DONE, 1)


def test_a_membership_that_ended_is_not_taken_for_the_joined_one(vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("vonage.create_member", {"fault": "lost_reply"} | ONCE)
    order_told(alice)
    work()
    conversation, person = next(iter(vonage.store.conversations.values())), next(iter(vonage.store.users.values()))
    joined = next(iter(conversation.members))
    fields = {"channel": {"type": "phone"}}
    vonage.store.add_member(conversation, person, state="JOINED", fields=fields, by=None).state = "LEFT"
    work_again()
    assert Member.objects.get().provider_id == joined


@pytest.mark.parametrize(
    "form", [lambda user: {"_embedded": {"user": {"id": user}}}, lambda user: {"user": {"id": user}}, lambda user: {"user_id": user}]
)
def test_a_membership_is_found_in_every_form_that_lists_have(
    vonage: VonageTwin, alice: User, form: Callable[[str], dict[str, Any]]
) -> None:
    vonage.faults.set("vonage.create_member", {"fault": "lost_reply"} | ONCE)
    order_told(alice)
    work()
    person = next(iter(vonage.store.users))
    others = [{"id": f"MEM-{number}", "state": "JOINED"} | form(user) for number, user in enumerate(["USR-1", person])]
    body = json.dumps({"page_size": 100, "_embedded": {"members": others}, "_links": {}})
    vonage.faults.set("vonage.list_members", {"fault": "status", "status": 200, "body": body})
    work_again()
    assert Member.objects.get().provider_id == "MEM-1"


def test_the_number_of_an_event_whose_reply_was_lost_is_found_out(vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "lost_reply"} | ONCE)
    event = order_told(alice)
    work()
    work_again()
    event.refresh_from_db()
    assert event.provider_id == str(vonage.events(kind=event.type)[0]["id"])


def test_a_long_history_does_not_hide_an_event_whose_reply_was_lost(vonage: VonageTwin, alice: User) -> None:
    order_told(alice)
    work()
    provider_id = next(iter(vonage.store.conversations))
    vonage.faults.set("vonage.create_event", {"fault": "lost_reply"} | ONCE)
    order_told(alice, 1003)
    work()
    for number in range(250):
        vonage.say(provider_id, "somebody", f"noise {number}")
    work_again()
    assert (len(own_ids(vonage)), calls(vonage).count("list_events")) == (2, 3)


def test_a_conversation_whose_reply_was_lost_is_found_among_many(vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("vonage.create_conversation", {"fault": "lost_reply"} | ONCE)
    event = order_told(alice)
    work()
    for number in range(250):
        vonage.store.add_conversation(f"another {number}", {})
    work_again()
    assert (row_of(event).state, calls(vonage).count("list_conversations")) == (State.DONE, 3)


@pytest.mark.parametrize("status", [400, 409])
def test_a_duplicate_name_is_known_by_its_code_whatever_the_status(vonage: VonageTwin, alice: User, status: int) -> None:
    vonage.turn(duplicate_name_status=status)
    vonage.faults.set("vonage.create_conversation", {"fault": "lost_reply"} | ONCE)
    event = order_told(alice)
    work()
    work_again()
    assert (row_of(event).state, len(vonage.store.conversations)) == (State.DONE, 1)


def test_a_429_is_waited_out_as_long_as_it_says(vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("vonage.create_user", {"fault": "rate_limited", "reset": 400} | ONCE)
    order_told(alice)
    work()
    row = MirroredEvent.objects.get(attempts=1)
    assert (row.next_attempt_at - row.created_at).total_seconds() > 390


def test_an_expired_token_is_minted_anew_and_the_call_goes_on(vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("vonage.create_user", {"fault": "status", "status": 401, "code": "system:error:expired-token"} | ONCE)
    event = order_told(alice)
    work()
    assert (row_of(event).state, row_of(event).attempts, calls(vonage).count("create_user")) == (State.DONE, 1, 2)


def test_one_token_serves_many_calls(vonage: VonageTwin, alice: User) -> None:
    order_told(alice)
    work()
    first = server_token.get()
    order_told(alice, 1003)
    work()
    assert server_token.get() == first


def other_key() -> str:
    return private_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def test_a_wrong_key_leaves_the_copy_waiting_and_is_asked_twice_at_most(vonage: VonageTwin, alice: User, settings: Settings) -> None:
    settings.VONAGE_PRIVATE_KEY = other_key()
    event = order_told(alice)
    work()
    first = MirroredEvent.objects.order_by("pk")[0]
    assert (first.state, first.error_code, len(calls(vonage))) == (State.WAITING, "system:error:invalid-token", 2)
    assert row_of(event).state == State.WAITING


def test_with_the_right_key_at_last_nothing_is_missing(vonage: VonageTwin, alice: User, settings: Settings) -> None:
    right, settings.VONAGE_PRIVATE_KEY = settings.VONAGE_PRIVATE_KEY, other_key()
    order_told(alice)
    work()
    settings.VONAGE_PRIVATE_KEY = right
    work_again()
    assert len(own_ids(vonage)) == 1


def test_a_revoked_application_leaves_the_copy_waiting(vonage: VonageTwin, alice: User) -> None:
    order_told(alice)
    work()
    vonage.revoke_application()
    event = order_told(alice, 1003)
    work()
    assert (row_of(event).state, row_of(event).error_code) == (State.WAITING, "system:error:invalid-token")


def test_a_wrong_key_never_stops_an_order(vonage: VonageTwin, alice: User, place: Callable[..., Order], settings: Settings) -> None:
    settings.VONAGE_PRIVATE_KEY = other_key()
    order = place(alice)
    work()
    assert order.confirmations.get().state == State.DONE


def test_an_unreadable_key_file_leaves_the_copy_waiting(vonage: VonageTwin, alice: User, settings: Settings) -> None:
    settings.VONAGE_PRIVATE_KEY = "/nowhere/private.key"
    order_told(alice)
    work()
    row = MirroredEvent.objects.get(attempts=1)
    assert (row.state, row.error_code, "/nowhere/private.key" in row.last_error) == (State.WAITING, "key_file", True)


def test_an_untrusted_certificate_leaves_the_copy_waiting(vonage: VonageTwin, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    order_told(alice)
    work()
    row = MirroredEvent.objects.get(attempts=1)
    assert (row.state, row.error_code) == (State.WAITING, "tls")


def test_a_host_that_can_t_be_reached_leaves_the_copy_waiting(vonage: VonageTwin, alice: User, settings: Settings) -> None:
    settings.VONAGE_API_HOST = "localhost:1"
    order_told(alice)
    work()
    row = MirroredEvent.objects.get(attempts=1)
    assert (row.state, row.error_code, row.is_unknown) == (State.WAITING, "unreachable", False)


def test_an_event_that_vonage_calls_wrong_fails_and_the_next_goes_on(vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "status", "status": 400} | ONCE)
    first, second = order_told(alice, 1002), order_told(alice, 1003)
    work()
    assert (row_of(first).state, row_of(second).state) == (State.FAILED, State.DONE)


def test_a_redirect_is_not_followed(vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("vonage.create_user", {"fault": "status", "status": 307, "headers": {"location": f"{vonage.origin}/v1/users"}} | ONCE)
    order_told(alice)
    work()
    assert calls(vonage) == ["create_user"]


def test_a_member_who_left_at_vonage_joins_again_before_the_message_is_repeated(vonage: VonageTwin, alice: User) -> None:
    member = member_of(alice, conversations.open_for(alice))
    work()
    next(iter(next(iter(vonage.store.conversations.values())).members.values())).state = "LEFT"
    event = conversations.send_text(member, "Hello")
    work()
    work_again()
    assert (row_of(event).state, len(vonage.events(kind="message"))) == (State.DONE, 1)


def test_a_user_who_was_deleted_at_vonage_is_made_again(vonage: VonageTwin, alice: User, agent: User, bob: User) -> None:
    for customer in (alice, bob):
        conversations.join(conversations.open_for(customer), agent) if customer is alice else conversations.open_for(bob)
    work()
    vonage.store.remove_user(vonage.store._users_by_name[f"order-support-{agent.public_id}"])
    event = conversations.send_text(member_of(agent, conversations.open_for(bob)), "Hello")
    work()
    work_again()
    assert row_of(event).state == State.DONE


def test_after_ten_failures_in_a_row_a_dead_vonage_is_asked_no_more(vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("*", {"fault": "html_502"})
    event = order_told(alice)
    for _attempt in range(15):
        work_again()
    first = MirroredEvent.objects.order_by("pk")[0]
    assert (len(calls(vonage)), first.error_code, row_of(event).state) == (10, "http:502", State.WAITING)


def test_a_row_that_was_never_sent_says_that_vonage_does_not_answer(vonage: VonageTwin, alice: User) -> None:
    for _failure in range(10):
        vonage_client.circuit.failed()
    order_told(alice)
    work()
    assert MirroredEvent.objects.order_by("pk")[0].error_code == "circuit_open"


def test_a_worker_that_died_after_the_call_leaves_no_second_event(vonage: VonageTwin, alice: User) -> None:
    event = order_told(alice)
    work()
    Event.objects.filter(pk=event.pk).update(provider_id=None)
    MirroredEvent.objects.filter(event=event).update(state=State.WAITING, finished_at=None)
    work_again()
    assert (row_of(event).state, len(own_ids(vonage))) == (State.DONE, 1)


def test_a_row_that_failed_can_be_tried_again_without_doubling(vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "status", "status": 400, "work": True} | ONCE)
    event = order_told(alice)
    work()
    assert row_of(event).state == State.FAILED
    row_of(event).retry_now()
    work_again()
    assert (row_of(event).state, len(own_ids(vonage)), MirrorRefusal.objects.count()) == (State.DONE, 1, 0)


# How Vonage may say that it has ended a kind of event.

ENDINGS: dict[str, dict[str, Any]] = {
    "451": {"status": 451, "body": '{"title": "Unavailable For Legal Reasons"}'},
    "451 of a gateway": {"status": 451, "body": "<html>451</html>"},
    "422 without a field": {"status": 422, "body": '{"title": "Unprocessable", "detail": "Messaging has ended."}'},
    "422 with a code": {"status": 422, "body": '{"code": "http:error:unprocessable", "detail": "Messaging has ended."}'},
    "an unknown code": {"status": 400, "body": '{"code": "event:error:feature-ended", "detail": "Messaging has ended."}'},
}
ONE_EVENT: dict[str, dict[str, Any]] = {
    "validation": {"status": 400},
    "validation by 422": {"status": 422, "body": '{"title": "Bad", "invalid_parameters": [{"name": "body", "reason": "too long"}]}'},
    "an unknown code about a field": {"status": 400, "body": '{"code": "x:y", "invalid_parameters": [{"name": "body", "reason": "no"}]}'},
    "too large": {"status": 413, "body": '{"code": "http:error:too-large"}'},
    "400 without a code": {"status": 400, "body": '{"title": "Bad request"}'},
}


@pytest.mark.parametrize("name", ENDINGS)
def test_an_ended_kind_of_event_is_asked_for_once_in_a_conversation(vonage: VonageTwin, alice: User, name: str) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "status"} | ENDINGS[name])
    rows = [order_told(alice, number) for number in (1002, 1003, 1004)]
    work()
    assert [(row_of(event).state, row_of(event).error_code) for event in rows] == [(State.CANCELLED, "refused")] * 3
    assert (calls(vonage).count("create_event"), MirrorRefusal.objects.get().kind) == (1, "custom")


def test_an_ended_kind_of_event_is_asked_for_in_three_conversations_and_then_nowhere(
    vonage: VonageTwin, alice: User, bob: User, agent: User
) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "status"} | ENDINGS["an unknown code"])
    for customer in (alice, bob, agent, User.objects.create_user("dora")):
        order_told(customer)
        work()
    assert (calls(vonage).count("create_event"), MirrorRefusal.objects.filter(conversation=None).count()) == (3, 1)


@pytest.mark.parametrize("name", ONE_EVENT)
def test_what_is_wrong_with_one_event_stops_no_other(vonage: VonageTwin, alice: User, name: str) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "status"} | ONE_EVENT[name] | ONCE)
    first, second = order_told(alice), order_told(alice, 1003)
    work()
    assert (row_of(first).state, row_of(second).state, MirrorRefusal.objects.count()) == (State.FAILED, State.DONE, 0)
