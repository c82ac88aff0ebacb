"""Two who write at once wait for each other only where they must, and never in a circle."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from accounts.models import User
from chat import record
from chat.conversations import open_for
from chat.models import Conversation, Member
from chat.record import Draft
from tests.accounts.threads import THREADS, at_once
from tests.running import wait_for


def add_an_event(conversation: Conversation) -> None:
    """Under a lock on the conversation, for its numbers have no gap."""
    record.store([Draft(conversation.pk, "custom:test", {})])


def note_its_number_at_vonage(conversation: Conversation) -> None:
    """As the mirror does when it has opened it there."""
    Conversation.objects.filter(pk=conversation.pk).update(provider_id=f"CON-{conversation.pk}")


def note_the_customers_number_at_vonage(conversation: Conversation) -> None:
    """As the mirror does when it has made the user there."""
    User.objects.filter(pk=conversation.customer_id).update(provider_id=f"USR-{conversation.pk}")


@THREADS
@pytest.mark.parametrize("write", [add_an_event, note_its_number_at_vonage, note_the_customers_number_at_vonage])
def test_whoever_points_to_a_conversation_waits_for_nobody_who_writes_in_it(
    alice: User, bob: User, agent: User, write: Callable[[Conversation], None]
) -> None:
    if connection.vendor == "sqlite":
        # One writes at a time: there is no circle to wait in.
        assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
        return
    both = [open_for(alice), open_for(bob)]
    have_written = threading.Barrier(2)

    def one(who: int) -> None:
        own, other = both[who], both[1 - who]
        with transaction.atomic():
            write(own)
            have_written.wait(10)
            Member.objects.create(conversation=other, user=agent)
            Member.objects.create(conversation=own, user=other.customer)

    at_once(2, one)
    assert Member.objects.filter(conversation__in=both).count() == 6


@THREADS
def test_events_whose_transaction_ended_in_a_circle_are_stored_all_the_same(alice: User, bob: User) -> None:
    if connection.vendor == "sqlite":
        return
    first, second = open_for(alice), open_for(bob)
    is_held = threading.Barrier(2)

    def one(who: int) -> list[object]:
        if who:
            with transaction.atomic(), looking_for_a_circle_after(60):
                Conversation.objects.select_for_update().get(pk=second.pk)
                is_held.wait(10)
                wait_for(lambda: someone_waits_for_a_lock(), "the other one to wait for us")
                Conversation.objects.select_for_update().get(pk=first.pk)
            return []
        is_held.wait(10)
        # Who looks first finds the circle, and is the one that PostgreSQL ends; by then it must be closed.
        with looking_for_a_circle_after(4):
            return list(record.store([Draft(first.pk, "custom:test", {}), Draft(second.pk, "custom:test", {})]))

    [stored, _nothing] = at_once(2, one)
    assert [type(outcome) for outcome in stored] == [record.Stored] * 2


@contextmanager
def looking_for_a_circle_after(seconds: int) -> Iterator[None]:
    """How long this connection waits for a lock before PostgreSQL looks whether that will ever end; without these words it is a second."""
    with connection.cursor() as cursor:
        cursor.execute("SET deadlock_timeout = %s", [f"{seconds}s"])
        yield
        cursor.execute("RESET deadlock_timeout")


def someone_waits_for_a_lock() -> bool:
    """Asked of PostgreSQL on a connection that is in the middle of a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])
