"""Two who write at once wait for each other only where they must, and never in a circle."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from accounts.models import User
from chat import record
from chat.conversations import open_for
from chat.models import Conversation, Member
from chat.record import Draft
from tests.accounts.threads import THREADS, at_once


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
