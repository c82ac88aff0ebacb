"""What comes back from Vonage by webhook: stored once by `receive`, folded into our record by the worker.

A message that somebody wrote at Vonage's side (the Client SDK) becomes an event of ours. An event that we copied there ourselves comes
back too: by its number, or by our own id in its body, it is known and adds nothing. While a message of ours with the same words is
still on its way, nobody can tell; then the webhook waits for that call's answer, which names the number.
"""

from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from chat import backends, conversations, mirror, outbox
from chat.backends import names
from chat.models import Conversation, Event, Member, MirroredEvent, UsedToken, WebhookReceipt
from chat.outbox import BackendError, State, Work
from chat.sentences import said

JSON = dict[str, Any]
# A webhook can be faster than the reply to our own call that made the conversation or the member; after these it is a stranger's.
ATTEMPTS_TO_BE_KNOWN = 6
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
    _add(conversation, sender, text.strip(), number=receipt.provider_event_id)
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


def _add(conversation: Conversation, sender: Member, text: str, *, number: str) -> None:
    body: dict[str, object] = {"message_type": "text", "text": text}
    if sender.about_next:
        body["about"] = sender.about_next
        conversations.announce(sender, about=None)
    conversations.add_event(
        conversation, "message", body, sender=sender, key=f"{conversations.FROM_VONAGE}{number}"[:64], provider_id=number
    )


def _is_on_its_way(conversation: Conversation, sender: Member, text: str) -> bool:
    """Whether a copy of the same words by the same person has been sent, by us or by their browser, and its number is not known yet."""
    waiting = MirroredEvent.objects.filter(conversation=conversation, state=State.WAITING, event__provider_id=None)
    sent = waiting.filter(Q(attempts__gt=0) | Q(may_be_there=True))
    mine = sent.filter(event__type="message", event__from_member=sender).select_related("event")
    return any(row.event.body.get("text") == text for row in mine)


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
