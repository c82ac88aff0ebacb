"""An answer that the customer has not seen after two minutes comes to them by mail: once, and nothing that they have seen."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts import privacy
from accounts.models import User
from chat import conversations
from chat.coordinator import drain
from chat.entry import answers
from chat.entry.models import MailedAnswer
from chat.models import Conversation, Event, Member
from chat.outbox import State
from orders.mail_models import StoredMail
from orders.models import Order
from ordersupport import pruning
from tests.accounts.threads import THREADS, at_once
from tests.chat.test_new_link import lose_the_answer
from tests.opening import come_in
from tests.orders.brevo_side import sendinblue


@pytest.fixture
def talk(order: Order, agent: User) -> Conversation:
    """Alice asked, and nobody has answered yet."""
    conversation = conversations.open_for(order.customer)
    write(conversation, conversation.customer, "Where is it?")
    conversations.join(conversation, agent)
    return conversation


def write(conversation: Conversation, person: User, text: str, **more: Any) -> Event:
    """A line of theirs."""
    return conversations.send_text(conversations.join(conversation, person), text, **more)


def later(**passed: float) -> None:
    """As if everything had happened so much earlier; and the worker works."""
    time = timedelta(**passed)
    for conversation in Conversation.objects.exclude(untold_since=None):
        Conversation.objects.filter(pk=conversation.pk).update(untold_since=(conversation.untold_since or timezone.now()) - time)
    for row in MailedAnswer.objects.all():
        times = {name: getattr(row, name) for name in ("created_at", "next_attempt_at", "finished_at", "tried_at")}
        MailedAnswer.objects.filter(pk=row.pk).update(**{name: value and value - time for name, value in times.items()})
    drain()


def see(conversation: Conversation, person: User) -> None:
    """Everything so far was before their eyes."""
    conversation.refresh_from_db()
    member = Member.objects.select_related("conversation").get(conversation=conversation, user=person)
    conversations.see(member, conversation.sequence)


def mailed() -> list[str]:
    """The texts of the mails, the oldest first."""
    return [mail.text for mail in StoredMail.objects.order_by("pk")]


def test_an_unseen_answer_is_mailed_after_two_minutes(order: Order, talk: Conversation, agent: User) -> None:
    write(talk, agent, "It is on its way.")
    later(seconds=115)
    before = mailed()
    later(seconds=10)
    [mail] = StoredMail.objects.all()
    assert (before, "It is on its way." in mail.text, "Ada Agent has answered you" in mail.text) == ([], True, True)
    assert (mail.subject, mail.to) == (f"We have answered you about order {order.number}", "Alice Martin <alice@example.com>")


def test_the_mails_link_opens_the_chat_at_the_answer(talk: Conversation, agent: User) -> None:
    write(talk, agent, "It is on its way.")
    later(minutes=3)
    link = StoredMail.objects.get().params["url"].removeprefix("http://localhost:3000")
    assert "It is on its way." in come_in(Client(), link).content.decode()


def test_what_was_mailed_long_ago_is_not_mailed_again_once_the_traces_of_it_are_old(talk: Conversation, agent: User) -> None:
    write(talk, agent, "It is on its way.")
    later(minutes=3)
    later(days=4000)
    pruning.prune()
    write(talk, agent, "Has it come?")
    later(minutes=3)
    assert ["It is on its way." in text for text in mailed()] == [True, False]


def test_what_the_customer_has_seen_is_not_mailed(talk: Conversation, agent: User) -> None:
    write(talk, agent, "It is on its way.")
    see(talk, talk.customer)
    later(minutes=3)
    talk.refresh_from_db()
    assert (mailed(), MailedAnswer.objects.count(), talk.untold_since) == ([], 0, None)


def test_whoever_writes_has_seen_what_is_above(talk: Conversation, agent: User) -> None:
    write(talk, agent, "It is on its way.")
    write(talk, talk.customer, "Thank you.")
    talk.refresh_from_db()
    assert talk.untold_since is None


def test_whoever_writes_without_an_answer_before_their_eyes_gets_its_mail(talk: Conversation, agent: User) -> None:
    answer = write(talk, agent, "It is on its way.")
    write(talk, talk.customer, "And the other order?", based_on=answer.sequence - 1)
    later(minutes=3)
    assert ["It is on its way." in text for text in mailed()] == [True]


def test_whoever_writes_with_an_answer_before_their_eyes_gets_no_mail(talk: Conversation, agent: User) -> None:
    answer = write(talk, agent, "It is on its way.")
    write(talk, talk.customer, "Thank you.", based_on=answer.sequence)
    later(minutes=3)
    assert mailed() == []


def test_a_mail_holds_all_that_is_unseen_and_nothing_else(talk: Conversation, agent: User) -> None:
    write(talk, agent, "I look.")
    see(talk, talk.customer)
    write(talk, agent, "It is on its way.")
    write(talk, agent, "It comes on Friday.")
    later(minutes=3)
    [text] = mailed()
    assert [words in text for words in ("I look.", "Where is it?", "It is on its way.", "It comes on Friday.")] == [
        False,
        False,
        True,
        True,
    ]


def test_a_second_mail_comes_an_hour_later_with_what_is_new(talk: Conversation, agent: User) -> None:
    write(talk, agent, "It is on its way.")
    later(minutes=3)
    write(talk, agent, "It comes on Friday.")
    later(minutes=50)
    within_the_hour = len(mailed())
    later(minutes=11)
    _first, second = mailed()
    assert (within_the_hour, "It comes on Friday." in second, "It is on its way." in second) == (1, True, False)


def test_nothing_new_makes_no_second_mail(talk: Conversation, agent: User) -> None:
    write(talk, agent, "It is on its way.")
    later(minutes=3)
    Conversation.objects.update(untold_since=timezone.now())
    later(hours=2)
    assert (len(mailed()), MailedAnswer.objects.count()) == (1, 1)


def test_seen_while_the_row_waited_ends_without_a_mail(talk: Conversation, agent: User) -> None:
    write(talk, agent, "It is on its way.")
    Conversation.objects.update(untold_since=timezone.now() - timedelta(minutes=3))
    answers.look()
    see(talk, talk.customer)
    drain()
    row = MailedAnswer.objects.get()
    assert (mailed(), row.state, row.last_error) == ([], State.CANCELLED, "The customer has seen the answer in the chat.")


@pytest.mark.parametrize("lacks", [{"email": ""}, {"is_active": False}])
def test_who_can_not_be_mailed_is_not(talk: Conversation, agent: User, lacks: dict[str, Any]) -> None:
    User.objects.filter(pk=talk.customer_id).update(**lacks)
    write(talk, agent, "It is on its way.")
    later(minutes=3)
    talk.refresh_from_db()
    assert (MailedAnswer.objects.count(), talk.untold_since) == (0, None)


def test_an_answer_to_an_address_that_no_server_takes_names_its_own_button(talk: Conversation, agent: User) -> None:
    User.objects.filter(pk=talk.customer_id).update(email="älice@example.com")
    write(talk, agent, "It is on its way.")
    later(minutes=3)
    words = "The mail address älice@example.com has letters that mail servers refuse. Correct it, then press “Retry now”."
    assert MailedAnswer.objects.get().last_error == words


def test_without_an_order_there_is_no_mail(bob: User, agent: User) -> None:
    conversation = conversations.open_for(bob)
    write(conversation, agent, "Welcome.")
    later(minutes=3)
    assert MailedAnswer.objects.count() == 0


def test_the_mail_is_beside_the_order_that_was_written_about_last(
    order: Order, talk: Conversation, agent: User, place: Callable[..., Order]
) -> None:
    place(talk.customer)
    drain()
    StoredMail.objects.all().delete()
    write(talk, talk.customer, "And the first one?", about=order.number)
    write(talk, agent, "It is on its way.")
    later(minutes=3)
    assert StoredMail.objects.get().params["order_id"] == order.number


def test_an_order_that_nobody_told_is_not_linked(order: Order, talk: Conversation, agent: User) -> None:
    write(talk, talk.customer, "And that one?", about=99999999)
    write(talk, agent, "Which one?")
    later(minutes=3)
    assert StoredMail.objects.get().params["order_id"] == order.number


def test_long_answers_and_many_are_cut_and_what_was_typed_is_text(talk: Conversation, agent: User) -> None:
    for number in range(12):
        write(talk, agent, f"<b>{number}</b> " + "x" * 2000)
    later(minutes=3)
    mail = StoredMail.objects.get()
    quoted = [number for number in range(12) if f"&lt;b&gt;{number}&lt;/b&gt; x" in mail.html]
    assert (quoted, "<b>11</b>" in mail.html, "2 earlier answers are in the chat." in mail.text) == (list(range(2, 12)), False, True)
    assert ("x" * 990 in mail.text, "x" * 1001 in mail.text) == (True, False)


def test_a_long_answer_is_not_cut_within_an_emoji(talk: Conversation, agent: User) -> None:
    family = "\U0001f469\u200d\U0001f467"
    write(talk, agent, "x" * 996 + family + "and so on")
    later(minutes=3)
    text = StoredMail.objects.get().text
    assert "x" * 996 + "…" in text


def test_the_mail_is_in_the_customers_language_and_time(order: Order, talk: Conversation, agent: User) -> None:
    User.objects.filter(pk=talk.customer_id).update(language="zh-hans", time_zone="Asia/Shanghai")
    event = write(talk, agent, "已经发货。")
    Event.objects.filter(pk=event.pk).update(created_at="2026-11-22T20:15:00Z")
    later(minutes=3)
    mail = StoredMail.objects.get()
    assert (mail.subject, "2026年11月23日 04:15" in mail.text) == (f"我们已回复您关于订单 {order.number} 的咨询", True)


def test_an_erased_customer_is_not_mailed(talk: Conversation, agent: User) -> None:
    write(talk, agent, "It is on its way.")
    Conversation.objects.update(untold_since=timezone.now() - timedelta(minutes=3))
    answers.look()
    write(talk, agent, "It comes on Friday.")
    privacy.erase(talk.customer, by=None)
    talk.refresh_from_db()
    later(hours=2)
    assert (mailed(), MailedAnswer.objects.get().state, talk.untold_since) == ([], State.CANCELLED, None)


def test_what_the_customer_takes_away_tells_of_the_mail(talk: Conversation, agent: User) -> None:
    told = write(talk, agent, "It is on its way.").sequence
    later(minutes=3)
    file = privacy.export(talk.customer, by=None).decode()
    assert ("mailed answer" in file, f'"up_to": {told}' in file) == (True, True)


# --- Exactly once ------------------------------------------------------------------------------------------------------


def test_a_mail_whose_answer_was_lost_is_repeated_under_its_key(talk: Conversation, agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
    write(talk, agent, "It is on its way.")
    lose_the_answer(monkeypatch)
    later(minutes=3)
    in_doubt = MailedAnswer.objects.get()
    monkeypatch.undo()
    later(minutes=5)
    assert (in_doubt.state, in_doubt.is_unknown) == (State.WAITING, True)
    assert (MailedAnswer.objects.get().state, len(mailed())) == (State.DONE, 1)


def test_while_one_waits_for_its_provider_nothing_overtakes_it(talk: Conversation, agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
    write(talk, agent, "It is on its way.")
    lose_the_answer(monkeypatch)
    later(minutes=3)
    write(talk, agent, "It comes on Friday.")
    later(hours=2)
    assert MailedAnswer.objects.count() == 1


@pytest.mark.parametrize(("fault", "calls"), [("lost_reply", 1), ("close", 2)])
def test_after_a_longer_doubt_the_provider_is_asked_first(
    talk: Conversation, agent: User, settings: Settings, fault: str, calls: int
) -> None:
    with sendinblue(settings) as brevo:
        write(talk, agent, "It is on its way.")
        brevo.faults.set("brevo.send_mail", {"fault": fault, "times": 1})
        later(minutes=3)
        # As it does after a while.
        brevo.keys.clear()
        later(minutes=20)
        assert brevo.log.counts() == {"brevo.send_mail": calls, "brevo.list_mails": 1}
        assert (MailedAnswer.objects.get().state, len(brevo.mails)) == (State.DONE, 1)


def test_where_nobody_can_tell_a_person_decides(talk: Conversation, agent: User, settings: Settings) -> None:
    with sendinblue(settings) as brevo:
        write(talk, agent, "It is on its way.")
        brevo.faults.set("brevo.send_mail", {"fault": "lost_reply", "times": 1})
        later(minutes=3)
        brevo.keys.clear()
        brevo.faults.set("brevo.list_mails", {"fault": "status", "status": 400, "times": 1})
        later(minutes=20)
        row = MailedAnswer.objects.get()
        left_open = (row.state, row.error_code, row.is_unknown, len(brevo.mails))
        row.retry_now()
        drain()
        assert (left_open, len(brevo.mails)) == ((State.FAILED, "outcome_unknown", True, 1), 2)


def test_a_row_that_was_tried_again_after_another_mail_told_of_it_sends_nothing(talk: Conversation, agent: User) -> None:
    old = write(talk, agent, "It is on its way.").sequence
    failed = MailedAnswer.objects.create(conversation=talk, sequence=old, state=State.FAILED, finished_at=timezone.now())
    write(talk, agent, "It comes on Friday.")
    later(minutes=70)
    both = mailed()[0]
    MailedAnswer.objects.filter(pk=failed.pk).update(state=State.WAITING)
    drain()
    failed.refresh_from_db()
    assert ("It is on its way." in both, len(mailed()), failed.last_error) == (True, 1, "Another mail has told of the answer.")


@THREADS
def test_two_workers_at_once_make_one_mail(alice: User, agent: User, place: Callable[..., Order]) -> None:
    place(alice)
    drain()
    conversation = conversations.open_for(alice)
    write(conversation, agent, "It is on its way.")
    Conversation.objects.update(untold_since=timezone.now() - timedelta(minutes=3))
    at_once(4, lambda _number: answers.look())
    assert MailedAnswer.objects.count() == 1


def test_a_message_notes_it_with_what_it_writes_anyway(talk: Conversation, agent: User) -> None:
    with CaptureQueriesContext(connection) as asked:
        write(talk, agent, "It is on its way.")
    written = [query["sql"] for query in asked if 'UPDATE "chat_conversation"' in query["sql"]]
    assert (len(written), "untold_since" in written[0], "mailedanswer" in str(list(asked))) == (1, True, False)


def test_a_look_that_finds_nothing_only_reads(talk: Conversation, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        answers.look()
