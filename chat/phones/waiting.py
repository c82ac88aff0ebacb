"""That a customer waits: who is to be told of it, and when that begins anew.

A waiting episode begins when a customer arrives (as a person, docs/chat-protocol.md) or writes and nobody has answered since; an agent's
message, or their word that it is solved, ends it. So the number of that event names the episode, and a constraint makes each agent be
told of it once.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from chat import backends, outbox
from chat.messages import SOLVED
from chat.models import Conversation, Event
from chat.phones import numbers
from chat.phones.models import Notice
from chat.wakes import wake

# Who answered this recently is probably still there, and is given a moment to see the next line before a text calls them.
AROUND = timedelta(minutes=5)
GRACE = timedelta(seconds=10)


def begin(conversation: Conversation) -> None:
    """Write a row for each agent on duty who has none in this episode; call it in the transaction that makes the customer wait."""
    if not backends.phones().can_text:
        return
    agents = numbers.on_duty()
    if not agents:
        return
    answer = last_answer(conversation)
    episode = answer.sequence if answer else 0
    told = set(Notice.objects.filter(conversation=conversation, episode=episode).values_list("agent_id", flat=True))
    due = outbox.clock() + (GRACE if answer and is_around(answer) else timedelta())
    rows = [
        Notice(conversation=conversation, agent=agent, episode=episode, next_attempt_at=due) for agent in agents if agent.pk not in told
    ]
    if rows:
        # Two doors may get here at once: the constraint, not the look above, makes it once.
        Notice.objects.bulk_create(rows, ignore_conflicts=True)
        transaction.on_commit(wake)


def last_answer(conversation: Conversation) -> Event | None:
    """The last message that anybody but the customer wrote, or their word that it is solved."""
    answers = conversation.events.filter(type__in=["message", SOLVED], from_member__isnull=False)
    return answers.exclude(from_member__user=conversation.customer_id).order_by("-sequence").first()


def is_around(answer: Event) -> bool:
    """Whether its writer has probably not gone away yet."""
    return timezone.now() - answer.created_at < AROUND
