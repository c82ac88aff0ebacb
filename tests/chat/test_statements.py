"""What each message costs the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from chat import conversations, statements
from chat.models import Conversation, Event, Member


@pytest.fixture
def alices(alice: User) -> Member:
    """Alice in her conversation, which stands at 1."""
    return conversations.join(conversations.open_for(alice), alice)


@contextmanager
def trips() -> Iterator[list[str]]:
    """What goes to the database during the block."""
    sent: list[str] = []

    def note(execute: Any, sql: str, *more: Any) -> Any:
        sent.append(sql)
        return execute(sql, *more)

    with connection.execute_wrapper(note):
        yield sent


def test_a_message_goes_to_postgresql_in_two_trips(alices: Member) -> None:
    with transaction.atomic(), trips() as sent:
        conversations.send(alices, "Hello")
    sent = [sql for sql in sent if "SAVEPOINT" not in sql]
    # To look, under a lock, and to write: the event, the feed, the conversation and the writer.
    assert (len(sent), "; ".join(sent).count(";")) == (2 if connection.vendor == "postgresql" else 6, 5)


def test_many_rows_are_written_at_once_each_with_its_own(alice: User, bob: User) -> None:
    first, second = conversations.open_for(alice), conversations.open_for(bob)
    moment = datetime(2026, 11, 22, 9, 48, 35, 123456, tzinfo=UTC)
    columns = ("sequence", "last_event_at", "last_text", "waiting_since")
    new = [(first.pk, 7, moment, "50 % of ; it's", None), (second.pk, 8, None, "", None)]
    with trips() as sent:
        statements.run(statements.update(Conversation, columns, new))
    [found] = statements.run(statements.read(Conversation, ("id", *columns), [second.pk, first.pk]))
    assert len(sent) == 1
    assert [tuple(getattr(row, name) for name in ("pk", *columns)) for row in found.values()] == new


def test_new_rows_learn_their_keys(alices: Member) -> None:
    events = [Event(conversation=alices.conversation, sequence=number, type="custom:test", body={"n": number}) for number in (8, 9)]
    statements.run(statements.insert(events))
    assert [Event.objects.get(pk=event.pk).body for event in events] == [{"n": 8}, {"n": 9}]


def test_nothing_to_do_is_no_trip(alices: Member) -> None:
    with trips() as sent:
        done = statements.run(
            statements.read(Member, ("id",), []), statements.insert([]), statements.update(Member, ("seen_sequence",), [])
        )
    assert (done, sent) == ([{}, None, None], [])


def test_where_one_of_several_fails_nothing_of_them_is_kept(alices: Member) -> None:
    taken = Event(conversation=alices.conversation, sequence=1, type="custom:test")
    steps = [statements.update(Member, ("seen_sequence",), [(alices.pk, 5)]), statements.insert([taken])]
    with pytest.raises(IntegrityError), transaction.atomic():
        statements.run(*steps)
    alices.refresh_from_db()
    assert alices.seen_sequence == 0
