"""One message by two doors: the sender's browser sent it through Vonage, and, hearing nothing of it, through our own door too."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat import announced, conversations, incoming
from chat.conversations import RefusedError
from chat.mirrored import MirroredEvent, WebhookReceipt
from chat.models import Conversation, Event, Member
from chat.outbox import State
from tests.accounts.threads import THREADS, at_once
from tests.chat.vonage_side import calls, known_member, member_of, order_told, row_of, vonage_side, work, work_again
from tests.opening import enter
from tests.twins import VonageTwin


@pytest.fixture
def vonage(settings: Settings) -> Iterator[VonageTwin]:
    with vonage_side(settings) as twin:
        yield twin


@pytest.fixture
def member(vonage: VonageTwin, alice: User) -> Member:
    """Alice in her conversation, both known at Vonage. The log stands at 1."""
    return known_member(alice)


def say_at_vonage(vonage: VonageTwin, member: Member, text: str) -> dict[str, Any]:
    """What the Client SDK does with a line; the webhook that tells us of it."""
    person = f"order-support-{member.user.public_id}"
    said = vonage.say(str(member.conversation.provider_id), person, text)
    return {"type": "message", "id": said["id"], "cid": member.conversation.provider_id, "from": said["from"], "body": said["body"]}


def hear(webhook: dict[str, Any]) -> None:
    """The webhook comes in, and the worker looks at it."""
    incoming.receive(webhook)
    work()


def bring(member: Member, text: str, *, key: str = "k1", after: int = 1, **more: Any) -> Event:
    """The page brings it through our own door, having sent it when the log stood at `after`."""
    return conversations.send_text(member, text, key=key, vonage_after=after, **more)


def lines() -> list[str]:
    return [str(event.body["text"]) for event in Event.objects.filter(type="message").order_by("sequence")]


def test_the_webhook_first_and_the_page_after_it_is_one_line(vonage: VonageTwin, member: Member) -> None:
    hear(say_at_vonage(vonage, member, "Hi"))
    event = bring(member, "Hi")
    work()
    assert (event.sequence, lines(), len(vonage.events(kind="message"))) == (2, ["Hi"], 1)


def test_the_line_has_the_senders_key_from_then_on(vonage: VonageTwin, member: Member) -> None:
    hear(say_at_vonage(vonage, member, "Hi"))
    bring(member, "Hi", about=1002)
    again = conversations.send_text(member, "Hi", key="k1", about=1002)
    assert (again.sequence, again.client_key, lines()) == (2, "k1", ["Hi"])


def test_such_a_key_still_stands_for_one_line_only(vonage: VonageTwin, member: Member) -> None:
    hear(say_at_vonage(vonage, member, "Hi"))
    bring(member, "Hi")
    with pytest.raises(RefusedError):
        bring(member, "Hello")


def test_the_page_first_and_the_webhook_after_it_is_one_line(vonage: VonageTwin, member: Member) -> None:
    webhook = say_at_vonage(vonage, member, "Hi")
    event = bring(member, "Hi")
    work()
    hear(webhook)
    event.refresh_from_db()
    assert (event.provider_id, lines(), len(vonage.events(kind="message"))) == (str(webhook["id"]), ["Hi"], 1)


def test_a_webhook_that_comes_before_the_copy_was_looked_for_waits(vonage: VonageTwin, member: Member) -> None:
    webhook = say_at_vonage(vonage, member, "Hi")
    bring(member, "Hi")
    MirroredEvent.objects.filter(state=State.WAITING).update(next_attempt_at=timezone.now() + timedelta(hours=1))
    hear(webhook)
    waiting = (WebhookReceipt.objects.get().error_code, lines())
    work_again()
    WebhookReceipt.objects.update(next_attempt_at=member.joined_at)
    work()
    assert (waiting, WebhookReceipt.objects.get().state, lines()) == (("waits_for_reply", ["Hi"]), State.DONE, ["Hi"])


def test_a_webhook_that_never_comes_loses_no_line_and_makes_no_second_copy(vonage: VonageTwin, member: Member) -> None:
    said = say_at_vonage(vonage, member, "Hi")
    event = bring(member, "Hi")
    work()
    event.refresh_from_db()
    assert (lines(), event.provider_id, "create_event" in calls(vonage)) == (["Hi"], str(said["id"]), False)


def test_what_never_reached_vonage_is_copied_there(vonage: VonageTwin, member: Member) -> None:
    event = bring(member, "Hi")
    work()
    assert (row_of(event).state, [said["body"]["text"] for said in vonage.events(kind="message")]) == (State.DONE, ["Hi"])


def test_a_copy_of_ours_that_came_between_hides_nothing(vonage: VonageTwin, member: Member, agent: User) -> None:
    answer = conversations.send_text(member_of(agent, member.conversation), "One moment")
    said = say_at_vonage(vonage, member, "Hi")
    work()  # the agent's line, the older one here, gets the higher number there
    event = bring(member, "Hi", after=answer.sequence)
    work()
    event.refresh_from_db()
    assert (event.provider_id, len(vonage.events(kind="message"))) == (str(said["id"]), 2)


def test_what_was_said_at_vonage_long_ago_is_not_searched_for(vonage: VonageTwin, member: Member) -> None:
    old = say_at_vonage(vonage, member, "Hi")
    hear(say_at_vonage(vonage, member, "Bye"))
    Event.objects.filter(type="message").update(created_at=member.joined_at - timedelta(days=9))
    event = bring(member, "Hi", after=2)
    work()
    event.refresh_from_db()
    assert event.provider_id != str(old["id"])


def test_a_line_through_vonage_is_about_the_order_that_its_sender_named_before(vonage: VonageTwin, member: Member) -> None:
    conversations.announce(member, about=1002)
    for text in ("Is it blue?", "Hello"):
        hear(say_at_vonage(vonage, member, text))
    assert [event.body.get("about") for event in Event.objects.filter(type="message")] == [1002, None]


def test_an_order_that_was_named_for_a_line_of_our_own_door_is_forgotten(vonage: VonageTwin, member: Member) -> None:
    conversations.announce(member, about=1002)
    bring(member, "Is it blue?", about=1002)
    hear(say_at_vonage(vonage, member, "Hello"))
    assert [event.body.get("about") for event in Event.objects.filter(type="message")] == [1002, None]


def test_a_line_whose_order_got_lost_is_the_same_line(vonage: VonageTwin, member: Member) -> None:
    conversations.announce(member, about=1001)
    hear(say_at_vonage(vonage, member, "Is it blue?"))
    assert [bring(member, "Is it blue?", about=1002).sequence for _time in range(2)] == [2, 2]


def test_the_same_words_said_before_are_another_line(vonage: VonageTwin, member: Member) -> None:
    hear(say_at_vonage(vonage, member, "Hi"))
    bring(member, "Hi", after=2)
    assert lines() == ["Hi", "Hi"]


def test_the_same_words_twice_are_two_lines(vonage: VonageTwin, member: Member) -> None:
    for key in ("k1", "k2"):
        hear(say_at_vonage(vonage, member, "Hi"))
        bring(member, "Hi", key=key)
    work()
    assert (lines(), len(vonage.events(kind="message"))) == (["Hi", "Hi"], 2)


def test_somebody_elses_words_are_another_line(vonage: VonageTwin, member: Member, agent: User) -> None:
    other = member_of(agent, member.conversation)
    work()
    hear(say_at_vonage(vonage, member, "Hi"))
    bring(other, "Hi")
    assert lines() == ["Hi", "Hi"]


def test_a_line_that_went_through_our_door_only_is_another_line(member: Member) -> None:
    conversations.send_text(member, "Hi", key="k1")
    bring(member, "Hi", key="k2")
    assert lines() == ["Hi", "Hi"]


# A browser repeats a request by itself where a connection broke, and Vonage then has the line twice.


def announce(member: Member, text: str, *, key: str = "k1") -> None:
    conversations.announce(member, about=1002, key=key, text=text)


def test_a_line_that_was_announced_once_and_is_at_vonage_twice_is_one_line(vonage: VonageTwin, member: Member) -> None:
    announce(member, "Hi")
    for _time in range(2):
        hear(say_at_vonage(vonage, member, "Hi"))
    assert (lines(), WebhookReceipt.objects.latest("pk").state) == (["Hi"], State.CANCELLED)


def test_lines_in_the_same_words_that_were_announced_each_are_all_there(vonage: VonageTwin, member: Member) -> None:
    for key in ("k1", "k2"):
        announce(member, "Hi", key=key)
    for _time in range(2):
        hear(say_at_vonage(vonage, member, "Hi"))
    assert lines() == ["Hi", "Hi"]


def test_lines_in_the_same_words_that_were_announced_one_by_one_are_all_there(vonage: VonageTwin, member: Member) -> None:
    for key in ("k1", "k2"):
        announce(member, "Hi", key=key)
        hear(say_at_vonage(vonage, member, "Hi"))
    assert lines() == ["Hi", "Hi"]


def test_an_announcement_that_is_repeated_counts_once(vonage: VonageTwin, member: Member) -> None:
    for _time in range(2):
        announce(member, "Hi")
        hear(say_at_vonage(vonage, member, "Hi"))
    assert lines() == ["Hi"]


def test_a_line_that_is_at_vonage_twice_and_came_by_our_own_door_too_is_one_line(vonage: VonageTwin, member: Member) -> None:
    announce(member, "Hi")
    webhooks = [say_at_vonage(vonage, member, "Hi") for _time in range(2)]
    bring(member, "Hi")
    work()
    for webhook in webhooks:
        hear(webhook)
    assert lines() == ["Hi"]


def test_the_same_words_much_later_are_another_line_though_nobody_announced_them(vonage: VonageTwin, member: Member) -> None:
    announce(member, "Hi")
    hear(say_at_vonage(vonage, member, "Hi"))
    [told] = Member.objects.get(pk=member.pk).announced
    told["taken_at"] = (timezone.now() - timedelta(seconds=61)).isoformat()
    Member.objects.filter(pk=member.pk).update(announced=[told])
    hear(say_at_vonage(vonage, member, "Hi"))
    assert lines() == ["Hi", "Hi"]


def test_somebody_elses_announcement_says_nothing_of_this_line(vonage: VonageTwin, member: Member, agent: User) -> None:
    other = member_of(agent, member.conversation)
    work()
    announce(other, "Hi")
    hear(say_at_vonage(vonage, other, "Hi"))
    hear(say_at_vonage(vonage, member, "Hi"))
    assert lines() == ["Hi", "Hi"]


def test_each_line_is_about_the_order_that_it_was_announced_with(vonage: VonageTwin, member: Member) -> None:
    webhooks = [say_at_vonage(vonage, member, text) for text in ("One", "Two")]
    for number, text in ((1001, "One"), (1002, "Two")):
        conversations.announce(member, about=number, key=text, text=text)
    for webhook in webhooks:
        hear(webhook)
    assert [event.body.get("about") for event in Event.objects.filter(type="message")] == [1001, 1002]


def test_a_line_that_vonage_kept_waiting_and_then_did_is_one_line(vonage: VonageTwin, member: Member) -> None:
    announce(member, "Hi")
    bring(member, "Hi")
    work()  # it is not there yet, and is copied
    hear(say_at_vonage(vonage, member, "Hi"))
    assert (lines(), len(vonage.events(kind="message"))) == (["Hi"], 2)


@pytest.mark.parametrize(("key", "text"), [("", "Hi"), ("k" * 65, "Hi"), (1, "Hi"), ("k1", ""), ("k1", None), ("k1", "x" * 9000)], ids=str)
def test_what_is_no_announcement_is_refused(member: Member, key: object, text: object) -> None:
    with pytest.raises(RefusedError):
        conversations.announce(member, about=None, key=key, text=text)


def test_few_announcements_are_kept_and_none_for_long(member: Member) -> None:
    for number in range(30):
        announce(member, str(number), key=str(number))
    assert len(Member.objects.get(pk=member.pk).announced) == announced.MOST


def test_an_announcement_holds_no_words(member: Member) -> None:
    announce(member, "My secret")
    assert "secret" not in str(Member.objects.get(pk=member.pk).announced)


@THREADS
def test_both_doors_at_the_same_moment_are_one_line(vonage: VonageTwin, member: Member) -> None:
    told = [incoming.receive(say_at_vonage(vonage, member, text)) for text in ("1", "2", "3", "4")]
    at_once(8, lambda number: work() if number % 2 else bring(member, str(number // 2 + 1), key=f"k{number}"))
    work_again()
    assert (told, sorted(lines())) == ([True] * 4, ["1", "2", "3", "4"])


def test_the_api_takes_what_came_back(vonage: VonageTwin, member: Member, client: Client) -> None:
    conversation = Conversation.objects.get()
    event = order_told(member.user)
    enter(client, conversation, event.body["id"])
    hear(say_at_vonage(vonage, member, "Hi"))
    message = {"type": "message", "body": {"text": "Hi"}, "client_key": str(uuid.uuid4()), "vonage_after": 1}
    answer = client.post(f"/api/conversations/{conversation.public_id}/events/", message, content_type="application/json")
    assert (answer.status_code, answer.json()["client_key"], lines()) == (200, message["client_key"], ["Hi"])
