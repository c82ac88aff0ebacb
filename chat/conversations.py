"""The only way into a conversation: open it, join it, add to it, read it.

Vonage ended In-App Messaging on 2026-04-30, so the tables here are the record; where Vonage is configured, it is a mirror of them.
"""

import uuid

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from chat import backends, metrics
from chat.hub import INBOX, Hint, hub
from chat.models import JSON, Conversation, Event, Member, MirroredEvent
from chat.phones import waiting

LONGEST_TEXT = 8000
LONGEST_KEY = 64
HIGHEST_NUMBER = 2**53 - 1  # JavaScript counts no further
# The client key of a message that came by Vonage's webhook is this and its number there.
FROM_VONAGE = "vonage:"
PAGE = 50
LONGEST_PAGE = 200


class RefusedError(Exception):
    """A message that can't be taken: `code` for programs, the text for people, `field` for forms."""

    def __init__(self, message: str, *, code: str, field: str = "body.text", retry: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.retry = retry


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
            role = "customer" if member.is_customer else "agent"
            person = {"id": user.public_id, "name": user.username, "display_name": user.display_name}
            add_event(conversation, "member:joined", {"user": person, "role": role}, sender=member, key=f"joined:{member.public_id}")
    return member


def add_event(
    conversation: Conversation,
    kind: str,
    body: JSON,
    *,
    sender: Member | None = None,
    key: str | None = None,
    provider_id: str | None = None,
    vonage_after: int | None = None,
) -> Event:
    """Store one event under the conversation's next number; with a `key` that the sender used before, answer the stored one.

    Numbers are gap-free because they are given inside the transaction, under a lock on the conversation's row.
    `provider_id`: the event came from Vonage under this id; all others are copied there, where Vonage is configured.
    `vonage_after`: the sender's browser may have sent it there itself, when our last event had this number; if its webhook was faster
    than the browser, what came of that is the answer.
    Raises RefusedError (`key_reused`) where the key stands for another event.
    """
    with transaction.atomic():
        locked = Conversation.objects.select_for_update().get(pk=conversation.pk)
        stored = locked.events.filter(from_member=sender, client_key=key).first() if key else None
        stored = stored or _came_back(locked, sender, body, key=key, after=vonage_after)
        if stored:
            return _same(stored, kind, body)
        now = timezone.now()
        event = Event.objects.create(
            conversation=locked,
            sequence=locked.sequence + 1,
            type=kind,
            from_member=sender,
            body=body,
            client_key=key,
            provider_id=provider_id,
            created_at=now,
        )
        if provider_id is None and backends.mirror().wants(kind):
            MirroredEvent.objects.create(event=event, conversation=locked, may_be_there=vonage_after is not None)
        _note(locked, event, sender)
    conversation.sequence = event.sequence
    return event


def send_text(sender: Member, text: str, *, key: str | None = None, about: int | None = None, vonage_after: int | None = None) -> Event:
    """Store a person's message (`vonage_after` as in `add_event`). Raises RefusedError for what can't be taken."""
    check_text(text)
    if key is not None:
        check_key(key)
    check_about(about)
    body: JSON = {"message_type": "text", "text": text.strip()}
    if about is not None:
        body["about"] = about
    event = add_event(sender.conversation, "message", body, sender=sender, key=key or str(uuid.uuid4()), vonage_after=vonage_after)
    if vonage_after is not None:
        announce(sender, about=None)
    see(sender, event.sequence)
    return event


def check_key(key: object) -> None:
    """Raise RefusedError unless `key` can be a client's own key of a message."""
    if not isinstance(key, str) or not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise RefusedError(_("A client key has 1 to 64 printable characters."), code="bad_key", field="client_key")


def check_about(about: object) -> None:
    """Raise RefusedError unless `about` is None or can be an order's number."""
    if about is not None and (type(about) is not int or not 0 < about <= HIGHEST_NUMBER):
        raise RefusedError(_("Name the order that the message is about by its number."), code="bad_about", field="body.about")


def announce(member: Member, *, about: int | None) -> None:
    """Keep which order the member's next message through Vonage is about; there, a message can't say."""
    Member.objects.filter(pk=member.pk).update(about_next=about)


def check_text(text: object) -> None:
    """Raise RefusedError unless `text` can be stored on every engine and read by a person."""
    if not isinstance(text, str):
        raise RefusedError(_("The message must be text."), code="bad_type")
    if not text.strip():
        raise RefusedError(_("Write a message first."), code="empty")
    if len(text) > LONGEST_TEXT:
        raise RefusedError(_("The message is too long. It may have %d characters.") % LONGEST_TEXT, code="too_long")
    # PostgreSQL stores no NUL, and a lone surrogate is no character at all.
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise RefusedError(_("The message holds characters that can't be sent."), code="bad_text")


def arrive(member: Member) -> None:
    """The customer is here, as a person and not as a mail scanner (docs/chat-protocol.md): the agents on duty are told, once."""
    if member.is_customer:
        with transaction.atomic():
            # One arrival after the other, so that each sees what the others wrote.
            waiting.begin(Conversation.objects.select_for_update().get(pk=member.conversation_id))


def see(member: Member, sequence: int) -> bool:
    """Move the member's "seen" mark forward; False where it stood there or further already."""
    sequence = min(sequence, member.conversation.sequence)
    moved = Member.objects.filter(pk=member.pk, seen_sequence__lt=sequence).update(seen_sequence=sequence)
    if moved:
        member.seen_sequence = sequence
        public_id = member.conversation.public_id
        hint = Hint(kind="seen", member=member.public_id, sequence=sequence)
        transaction.on_commit(lambda: hub.publish(public_id, hint))
    return bool(moved)


def history(conversation: Conversation, *, after: int | None = None, before: int | None = None, limit: int = PAGE) -> list[Event]:
    """A page of events in order: those right after a number, right before one, or the newest."""
    events = conversation.events.select_related("from_member__user")
    if after is not None:
        return list(events.filter(sequence__gt=after).order_by("sequence")[:limit])
    if before is not None:
        events = events.filter(sequence__lt=before)
    return list(events.order_by("-sequence")[:limit])[::-1]


def _came_back(conversation: Conversation, sender: Member | None, body: JSON, *, key: str | None, after: int | None) -> Event | None:
    """The sender's message that Vonage's webhook brought, told by its words; from now on it has the sender's own key."""
    if after is None:
        return None
    newer = conversation.events.filter(from_member=sender, type="message", sequence__gt=after, client_key__startswith=FROM_VONAGE)
    event = next((event for event in newer.order_by("sequence") if event.body.get("text") == body.get("text")), None)
    if event:
        event.client_key = key
        event.save(update_fields=["client_key"])
    return event


def _same(stored: Event, kind: str, body: JSON) -> Event:
    # Which order a message through Vonage is about is told beside it, and may get lost.
    beside = {"about"} if stored.provider_id else set()
    old, new = ({name: said[name] for name in said if name not in beside} for said in (stored.body, body))
    if stored.type != kind or (kind == "message" and old != new):
        raise RefusedError(_("This client key was used for another message."), code="key_reused", field="client_key")
    return stored


def _note(conversation: Conversation, event: Event, sender: Member | None) -> None:
    """Keep what the inbox shows on the conversation's own row, and hint the listeners once the event is committed."""
    conversation.sequence = event.sequence
    conversation.last_event_at = event.created_at
    if event.type == "message" and sender:
        conversation.last_text = str(event.body.get("text", ""))[:200]
        from_customer = sender.user_id == conversation.customer_id
        conversation.waiting_since = (conversation.waiting_since or event.created_at) if from_customer else None
        if from_customer:
            waiting.begin(conversation)
    conversation.save(update_fields=["sequence", "last_event_at", "last_text", "waiting_since"])
    hint = Hint(kind="events", conversation=conversation.public_id, sequence=event.sequence)

    def tell() -> None:
        metrics.EVENTS.labels(event.type.partition(":")[0]).inc()
        hub.publish(conversation.public_id, hint)
        hub.publish(INBOX, hint)

    transaction.on_commit(tell)
