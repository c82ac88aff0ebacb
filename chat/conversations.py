"""The only way into a conversation: open it, join it, add to it, read it.

Vonage ended In-App Messaging on 2026-04-30, so the tables here are the record; where Vonage is configured, it is a mirror of them.
"""

import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from chat import announced, record, shapes
from chat.hub import INBOX, Hint, hub

# The doors know this module alone.
from chat.messages import HIGHEST_NUMBER as HIGHEST_NUMBER
from chat.messages import JOINED, check_text
from chat.messages import LONGEST_KEY as LONGEST_KEY
from chat.messages import LONGEST_TEXT as LONGEST_TEXT
from chat.messages import SOLVED as SOLVED
from chat.messages import RefusedError as RefusedError
from chat.messages import body_of as body_of
from chat.messages import check_about as check_about
from chat.messages import check_key as check_key
from chat.models import JSON, Conversation, Event, Member
from chat.phones import waiting
from chat.record import FROM_VONAGE as FROM_VONAGE

PAGE = 50
LONGEST_PAGE = 200


def open_for(customer: User) -> Conversation:
    """The customer's one lasting conversation, made on first use; safe from several processes at once."""
    found = Conversation.objects.filter(customer=customer).first()
    if found:
        return found
    with transaction.atomic():
        try:
            with transaction.atomic():
                conversation = Conversation.objects.create(customer=customer)
        except IntegrityError:
            return Conversation.objects.get(customer=customer)
        join(conversation, customer)
    return conversation


def join(conversation: Conversation, user: User) -> Member:
    """The user's membership, made (and told to the others as `member:joined`) on first use."""
    member = Member.objects.filter(conversation=conversation, user=user).first()
    if member:
        return member
    with transaction.atomic():
        member, is_new = Member.objects.get_or_create(conversation=conversation, user=user)
        if is_new:
            conversation.sequence = _store(joining(member)).event.sequence
    return member


def joining(member: Member) -> record.Draft:
    """What the others read when a member joins: {"user": {"id", "name", "display_name"}, "role": "customer" or "agent"}. One joins once."""
    person = {"id": member.user.public_id, "name": member.user.username, "display_name": member.user.display_name}
    body: JSON = {"user": person, "role": "customer" if member.is_customer else "agent"}
    return record.Draft(member.conversation_id, JOINED, body, sender=member, key=f"joined:{member.public_id}")


def add_event(
    conversation: Conversation,
    kind: str,
    body: JSON,
    *,
    sender: Member | None = None,
    key: str | None = None,
    provider_id: str | None = None,
) -> Event:
    """Store one event under the conversation's next number; with a `key` that the sender used before, answer the stored one.

    `provider_id`: the event came from Vonage under this id; all others are copied there, where Vonage is configured.
    Raises RefusedError (`key_reused`) where the key stands for another event.
    """
    stored = _store(record.Draft(conversation.pk, kind, body, sender=sender, key=key, provider_id=provider_id))
    conversation.sequence = stored.event.sequence
    return stored.event


def message(
    sender: Member,
    text: object,
    *,
    key: object = None,
    about: object = None,
    vonage_after: int | None = None,
    based_on: int | None = None,
) -> record.Draft:
    """What a person wants to say, checked; not stored yet. Raises RefusedError for what can't be taken.

    `about`: the number of the order it is about. `vonage_after`, `based_on`: as in `chat/record.py`.
    """
    check_text(text)
    check_about(about)
    if key is not None:
        check_key(key)
    body: JSON = {"message_type": "text", "text": str(text).strip()}
    if about is not None:
        body["about"] = about
    key = str(uuid.uuid4() if key is None else key)
    return record.Draft(
        sender.conversation_id,
        "message",
        body,
        sender=sender,
        key=key,
        vonage_after=vonage_after,
        based_on=based_on,
        is_paced=True,
    )


def send(sender: Member, text: object, **more: Any) -> record.Stored:
    """Store a person's message; `more` as in `message`. Raises what that does, `key_reused`, `too_fast`, `written_since`."""
    return _store(message(sender, text, **more))


def send_text(sender: Member, text: object, **more: Any) -> Event:
    """The same; the event alone."""
    return send(sender, text, **more).event


def solve(agent: Member, *, key: object = None, sequence: int | None = None) -> record.Stored:
    """Tell both sides that it is solved, which ends the waiting until the customer writes again.

    Where nothing was said since it was solved, the event that told so. `sequence`: the last event that the agent has before their eyes.
    Raises RefusedError: `agents_only`, `bad_key`, `key_reused`, or `written_since`, where the customer wrote what the agent has not seen.
    """
    if agent.is_customer:
        raise RefusedError(_("Only we can mark a conversation as solved."), code="agents_only")
    if key is not None:
        check_key(key)
    key = str(uuid.uuid4() if key is None else key)
    draft = record.Draft(agent.conversation_id, SOLVED, {"state": "solved"}, sender=agent, key=key)
    with transaction.atomic():
        # One after the other: two agents at once tell it once, and nobody writes between our look and our word.
        conversation = Conversation.objects.select_for_update(no_key=True).get(pk=agent.conversation_id)
        told = record.known(conversation, draft) or _word_that_it_is_solved(conversation)
        if told:
            return record.Stored(told, is_new=False)
        words = conversation.events.filter(type="message", from_member__user=conversation.customer_id)
        if sequence is not None and words.filter(sequence__gt=sequence).exists():
            raise RefusedError(_("The customer has written since. Read that first."), code="written_since", field="sequence")
        return _store(draft)


def _word_that_it_is_solved(conversation: Conversation) -> Event | None:
    """The event that told so, if nobody has said anything since."""
    said = conversation.events.filter(type__in=["message", SOLVED]).select_related("from_member__user")
    last = said.order_by("-sequence").first()
    return last if last and last.type == SOLVED else None


def announce(member: Member, *, about: int | None, key: object = None, text: object = None) -> None:
    """Keep which order the member's next message through Vonage is about; there, a message can't say.

    With its key and text: that it will come once (`chat/announced.py`). Raises RefusedError where these can't be taken.
    """
    Member.objects.filter(pk=member.pk).update(about_next=about)
    if key is not None:
        check_key(key)
        check_text(text)
        announced.announce(member, about=about, key=str(key), text=str(text))


def arrive(member: Member) -> None:
    """The customer is here, as a person and not as a mail scanner (docs/chat-protocol.md): the agents on duty are told, once."""
    if member.is_customer:
        with transaction.atomic():
            # One arrival after the other, so that each sees what the others wrote.
            waiting.begin(Conversation.objects.select_for_update(no_key=True).get(pk=member.conversation_id))


def see(member: Member, sequence: int) -> bool:
    """Move the member's "seen" mark forward; False where it stood there or further already."""
    sequence = min(sequence, member.conversation.sequence)
    now = timezone.now()
    read_at = Case(When(Exists(_passed(member, sequence)), then=Value(now)), default=F("seen_at"))
    moved = Member.objects.filter(pk=member.pk, seen_sequence__lt=sequence).update(seen_sequence=sequence, seen_at=read_at)
    if moved:
        member.seen_sequence = sequence
        public_id = member.conversation.public_id
        hint = Hint(kind="seen", member=member.public_id, sequence=sequence, at=shapes.timestamp(now))
        transaction.on_commit(lambda: hub.publish(public_id, hint))
        if not member.is_customer:
            # Their own inbox counts what they have not seen.
            theirs = Hint(kind="seen", conversation=public_id, user=member.user_id)
            transaction.on_commit(lambda: hub.publish(INBOX, theirs))
    return bool(moved)


def _passed(member: Member, sequence: int) -> QuerySet[Event]:
    """The other side's messages that the mark of an outer member passes on its way to that number."""
    passed = Event.objects.filter(conversation=member.conversation_id, type="message", sequence__gt=OuterRef("seen_sequence"))
    customers = Q(from_member__user=member.conversation.customer_id)
    return passed.filter(~customers if member.is_customer else customers, sequence__lte=sequence)


def history(conversation: Conversation, *, after: int | None = None, before: int | None = None, limit: int = PAGE) -> list[Event]:
    """A page of events in order: those right after a number, right before one, or the newest."""
    events = conversation.events.select_related("from_member__user")
    if after is not None:
        return list(events.filter(sequence__gt=after).order_by("sequence")[:limit])
    if before is not None:
        events = events.filter(sequence__lt=before)
    return list(events.order_by("-sequence")[:limit])[::-1]


def _store(draft: record.Draft) -> record.Stored:
    [outcome] = record.store([draft])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
