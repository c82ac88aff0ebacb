"""What comes back from Vonage by webhook: stored once by `receive`, folded into our record by the worker.

A message that somebody wrote at Vonage's side (the Client SDK) becomes an event of ours. An event that we copied there ourselves comes
back too: by its number, or by our own id in its body, it is known and adds nothing. While a message of ours with the same words is
still on its way, nobody can tell; then the webhook waits for that call's answer, which names the number.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from chat import announced, backends, conversations, mirror, outbox
from chat.backends import names
from chat.mirrored import MirroredEvent, UsedToken, WebhookReceipt
from chat.models import Conversation, Event, Member
from chat.outbox import BackendError, State, Work
from chat.sentences import said

JSON = dict[str, Any]
# A webhook can be faster than the reply to our own call that made the conversation or the member; after these it is a stranger's.
ATTEMPTS_TO_BE_KNOWN = 6
# What a slow Vonage does later than this after the repeat is not taken for the same any more.
LATEST_SECOND_COPY = timedelta(hours=1)
# Longer than a signature is taken at all (chat/backends/vonage_signatures.py).
USED_TOKENS_KEPT = timedelta(hours=1)
# `text` is what messages were called before v1.
MESSAGES = {"message", "text"}


class ReplayedError(Exception):
    """This signature was used before."""


def receive(payload: JSON, *, jti: str = "") -> bool:
    """Store one webhook; False where it tells nothing that we keep, or what we know already. Raises ReplayedError.

    `payload`: {"type", "id", "conversation_id" or "cid", "from"?, "body", "_embedded"?}, free of NUL and lone surrogates.
    Twice is once: the key is Vonage's conversation and number, and a `jti` counts once however often it comes.
    """
    kind, conversation_id, event_id = (text_of(payload, name) for name in ("type", "conversation_id", "id"))
    conversation_id = text_of(payload, "cid") or conversation_id
    is_kept = kind in MESSAGES or kind.startswith("custom:")
    if not (is_kept and conversation_id and event_id):
        return False
    with transaction.atomic():
        use(jti)
        values = {"type": kind, "payload": payload}
        _receipt, is_new = WebhookReceipt.objects.get_or_create(
            provider_conversation_id=conversation_id, provider_event_id=event_id, defaults=values
        )
    return is_new


@outbox.works_on(WebhookReceipt)
def fold(receipt: WebhookReceipt) -> Work:
    """Add one message to our record, or recognise it."""
    yield from ()  # nothing leaves the house here
    conversation = Conversation.objects.select_related("customer").filter(provider_id=receipt.provider_conversation_id).first()
    is_new_here = receipt.attempts < ATTEMPTS_TO_BE_KNOWN
    if conversation is None and is_new_here:
        raise BackendError("The conversation is not known yet.", code="unknown_conversation")
    with transaction.atomic():
        if conversation:
            # Its sender's browser may bring the same message through our own door at this moment: one after the other.
            Conversation.objects.select_for_update(no_key=True).get(pk=conversation.pk)
        reason = _settle(conversation, receipt) if conversation else said("The conversation is none of ours.")
        if reason:
            receipt.cancel(reason)
        WebhookReceipt.objects.filter(pk=receipt.pk).update(payload={})


def _settle(conversation: Conversation, receipt: WebhookReceipt) -> str:
    """Recognise it, or store it as an event of its sender; the reason where neither is done."""
    if _is_ours(conversation, receipt):
        return ""
    text = _body(receipt).get("text")
    if receipt.type not in MESSAGES:
        return said("Only messages are taken from outside.")
    if not isinstance(text, str) or not text.strip():
        return said("A message without text.")
    sender = _sender(conversation, receipt)
    if sender is None:
        is_permanent = receipt.attempts >= ATTEMPTS_TO_BE_KNOWN
        raise BackendError("Its sender is nobody of this conversation.", code="unknown_sender", permanent=is_permanent)
    if _is_on_its_way(conversation, sender, text.strip()):
        raise BackendError("A message of ours with the same words is on its way; its answer will tell.", code="waits_for_reply")
    return _add_once(conversation, sender, text.strip(), receipt)


def _add_once(conversation: Conversation, sender: Member, text: str, receipt: WebhookReceipt) -> str:
    """Store it as its sender's line, unless it is one that we have; the reason where it is."""
    told = announced.take(sender, text, at=receipt.created_at)
    if told is None and announced.is_repeat(sender, text, at=receipt.created_at):
        return said("The same line again: its sender's browser sent it once, and Vonage has it twice.")
    if told is None and _is_given_up_copy(conversation, sender, text, receipt):
        return ""
    if told is None and _is_second_copy(conversation, sender, text, at=receipt.created_at):
        return said("A second copy of a message of ours: Vonage did the work of a call that it had not answered.")
    _add(conversation, sender, text, number=receipt.provider_event_id, about=told["about"] if told else sender.about_next)
    return ""


def _is_ours(conversation: Conversation, receipt: WebhookReceipt) -> bool:
    """Whether we wrote it ourselves, or have it already."""
    if conversation.events.filter(provider_id=receipt.provider_event_id).exists():
        return True
    name = backends.mirror().own_id(receipt.type, _body(receipt))
    event = next((event for event in _named(conversation, name) if names.of_event(event, conversation) == name), None)
    if event:
        mirror.note_event_id(event, receipt.provider_event_id)
    return event is not None


def _named(conversation: Conversation, name: str | None) -> list[Event]:
    number = (name or "").rpartition("/")[2]
    return list(conversation.events.filter(sequence=int(number))) if number.isdecimal() and len(number) < 19 else []


def _add(conversation: Conversation, sender: Member, text: str, *, number: str, about: int | None) -> None:
    body: dict[str, object] = {"message_type": "text", "text": text} | ({"about": about} if about else {})
    if sender.about_next:
        conversations.announce(sender, about=None)
    conversations.add_event(
        conversation, "message", body, sender=sender, key=f"{conversations.FROM_VONAGE}{number}"[:64], provider_id=number
    )


def _is_on_its_way(conversation: Conversation, sender: Member, text: str) -> bool:
    """Whether a copy of the same words by the same person has been sent, by us or by their browser, and its number is not known yet."""
    waiting = MirroredEvent.objects.filter(conversation=conversation, state=State.WAITING, event__provider_id=None)
    sent = waiting.filter(Q(attempts__gt=0) | Q(may_be_there=True))
    return _of_words(sent, sender, text) is not None


def _is_given_up_copy(conversation: Conversation, sender: Member, text: str, receipt: WebhookReceipt) -> bool:
    """Whether it is a copy of ours that may have been made when its row ended. Then the row is done after all."""
    ended = MirroredEvent.objects.filter(
        conversation=conversation, state__in=[State.FAILED, State.CANCELLED], finished_at__gt=receipt.created_at - mirror.LATEST_COPY
    )
    row = _of_words(ended.filter(Q(is_unknown=True) | Q(doubtful_calls__gt=0), event__provider_id=None), sender, text)
    if row:
        mirror.end_doubt(row, receipt.provider_event_id)
    return row is not None


def _is_second_copy(conversation: Conversation, sender: Member, text: str, *, at: datetime) -> bool:
    """Whether it is what a call of ours did late, which was repeated meanwhile. Each such call stands for one webhook."""
    doubtful = MirroredEvent.objects.filter(conversation=conversation, doubtful_calls__gt=0, finished_at__gt=at - LATEST_SECOND_COPY)
    row = _of_words(doubtful, sender, text)
    if row:
        MirroredEvent.objects.filter(pk=row.pk).update(doubtful_calls=F("doubtful_calls") - 1)
    return row is not None


def _of_words(rows: QuerySet[MirroredEvent], sender: Member, text: str) -> MirroredEvent | None:
    """The oldest of these copies that is of this message."""
    mine = rows.filter(event__type="message", event__from_member=sender).select_related("event").order_by("pk")
    return next((row for row in mine if row.event.body.get("text") == text), None)


def _sender(conversation: Conversation, receipt: WebhookReceipt) -> Member | None:
    """The member that Vonage names: by member id, else by the user it embeds. Only the customer and agents are ever members."""
    payload = receipt.payload
    member = conversation.members.filter(provider_id=text_of(payload, "from") or None).exclude(provider_id=None).first()
    if member:
        return member
    person = _person(payload)
    if person is None or not (person.pk == conversation.customer_id or person.is_agent):
        return None
    return conversations.join(conversation, person)


def _person(payload: JSON) -> User | None:
    embedded = payload.get("_embedded")
    named = embedded.get("from_user") if isinstance(embedded, dict) else None
    if not isinstance(named, dict):
        return None
    known = User.objects.filter(provider_id=text_of(named, "id") or None, is_active=True).exclude(provider_id=None).first()
    return known or User.objects.filter(public_id=names.public_id(text_of(named, "name")), is_active=True).first()


def _body(receipt: WebhookReceipt) -> JSON:
    body = receipt.payload.get("body")
    return body if isinstance(body, dict) else {}


def text_of(values: JSON, name: str) -> str:
    """A text or a number as text; "" for anything else and for what is longer than an id."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value) if len(str(value)) <= 100 else ""


def use(jti: str) -> None:
    """Take a signature's `jti` ("" where there is none) once. Raises ReplayedError."""
    if not jti:
        return
    UsedToken.objects.filter(used_at__lt=timezone.now() - USED_TOKENS_KEPT).delete()
    try:
        with transaction.atomic():
            UsedToken.objects.create(jti=jti)
    except IntegrityError:
        raise ReplayedError from None
