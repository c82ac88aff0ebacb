"""The chat's part of what a customer takes away or has erased."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts import privacy
from accounts.models import User
from accounts.privacy import Counts, Erasure, Row
from accounts.reading import Reading
from accounts.takeaway import moment
from accounts.traces import GONE, Terms, Trace
from chat import links
from chat.backends import names
from chat.entry.models import AddressNotice, LinkRequest, LinkUse, MailedAnswer, MailedCode, MailedLink
from chat.mirrored import MirroredEvent, WebhookReceipt
from chat.models import Conversation, Event
from chat.outbox import State, clock
from chat.phones.models import Notice, PhoneCall, StoredLeg, StoredText
from chat.privacy import deletions
from chat.privacy.models import Deletion, Thing

ERASED = "The customer's data were erased."
KINDS = {
    "conversation": _("Conversation"),
    "message": _("Messages"),
    "event": _("What else the conversation tells"),
    "link": _("Links that were opened"),
    "mailed link": _("Mailed links"),
    "mailed code": _("Mailed codes"),
    "mailed answer": _("Mails of unseen answers"),
    "call": _("Calls"),
}


def cancel(rows: Any) -> int:
    """End waiting rows of the outbox, also those in a worker's hand: what it writes afterwards changes nothing."""
    waiting = rows.filter(state=State.WAITING)
    ended = waiting.update(state=State.CANCELLED, lease_token=None, finished_at=clock(), last_error=ERASED, error_code="erased")
    rows.exclude(error_code="erased").exclude(last_error="").update(last_error="")
    return int(ended)


def _export(customer: User) -> Iterator[tuple[str, Row]]:
    conversation = Conversation.objects.filter(customer=customer).first()
    if conversation is None:
        return
    yield "conversation", {"id": conversation.public_id, "at_vonage": conversation.provider_id, "since": moment(conversation.created_at)}
    for event in conversation.events.select_related("from_member__user").order_by("sequence").iterator():
        sender = event.from_member.user.display_name if event.from_member else None
        told: Row = {"number": event.sequence, "at": moment(event.created_at), "type": event.type, "from": sender, "body": event.body}
        yield ("message" if event.type == "message" else "event"), told
    for use in LinkUse.objects.filter(link__conversation=conversation).select_related("link").order_by("pk"):
        yield "link", {"at": moment(use.at), "act": use.act, "order": use.link.subject, "device": use.device_id}
    for link in MailedLink.objects.filter(link__conversation=conversation).order_by("pk"):
        yield "mailed link", {"at": moment(link.finished_at or link.created_at), "state": link.state}
    for code in MailedCode.objects.filter(device__conversation=conversation).order_by("pk"):
        yield "mailed code", {"at": moment(code.created_at), "used_at": moment(code.used_at), "device": code.device_id}
    for row in conversation.mailed_answers.filter(state=State.DONE).order_by("pk"):
        yield "mailed answer", {"at": moment(row.finished_at), "up_to": row.sequence}
    for call in conversation.calls.order_by("pk"):
        told = {"at": moment(call.created_at), "number": call.number, "progress": call.progress, "seconds": call.talked_seconds}
        yield "call", told


def _erase(erasure: Erasure) -> Counts:
    customer = erasure.customer
    notices = AddressNotice.objects.filter(person=customer)
    untold = cancel(notices)
    notices.update(address="")
    conversation = Conversation.objects.select_for_update(no_key=False).filter(customer=customer).first()
    if conversation is None:
        _forget_at_vonage(customer, Thing.VONAGE_USER, customer.provider_id)
        return {"waiting work cancelled": untold}
    ended = untold + sum(cancel(kind.objects.filter(conversation=conversation)) for kind in (MirroredEvent, Notice, PhoneCall))
    ended += _shut_the_door(conversation, erasure.terms)
    ended += _forget_copies(conversation)
    _forget_numbers(erasure, conversation)
    events = list(conversation.events.select_related("from_member"))
    for event in events:
        event.body, event.provider_id = _without_the_person(event, erasure), None
    Event.objects.bulk_update(events, ["body", "provider_id"], batch_size=200)
    conversation.last_text, conversation.provider_id = "", None
    conversation.waiting_since = conversation.untold_since = None
    conversation.save(update_fields=["last_text", "waiting_since", "untold_since", "provider_id"])
    conversation.members.update(provider_id=None, announced=[])
    return {"events": len(events), "waiting work cancelled": ended}


def _shut_the_door(conversation: Conversation, terms: Terms) -> int:
    """Nobody comes in by an old link, and no mail that helps in leaves any more."""
    links.revoke_all(conversation)
    asked = LinkRequest.objects.none()
    for address in terms.addresses:
        asked |= LinkRequest.objects.filter(address__iexact=address)
    ended = cancel(MailedLink.objects.filter(link__conversation=conversation)) + cancel(asked)
    asked.update(address="")
    ended += cancel(MailedAnswer.objects.filter(conversation=conversation))
    return ended + cancel(MailedCode.objects.filter(device__conversation=conversation))


def _forget_copies(conversation: Conversation) -> int:
    customer = conversation.customer
    # Whatever was tried may have worked without our hearing of it.
    was_tried = MirroredEvent.objects.filter(conversation=conversation, attempts__gt=0).exists()
    _forget_at_vonage(customer, Thing.VONAGE_USER, customer.provider_id, name=names.of_user(customer) if was_tried else "")
    _forget_at_vonage(customer, Thing.VONAGE_CONVERSATION, conversation.provider_id, name=conversation.name if was_tried else "")
    if not conversation.provider_id:
        return 0
    receipts = WebhookReceipt.objects.filter(provider_conversation_id=conversation.provider_id)
    receipts.update(payload={})
    return cancel(receipts)


def _forget_at_vonage(customer: User, what: Thing, provider_id: str | None, *, name: str = "") -> None:
    if provider_id:
        deletions.ask(customer, what, provider_id)
    elif name:
        deletions.ask_by_name(customer, what, name)


def _forget_numbers(erasure: Erasure, conversation: Conversation) -> None:
    numbers = set(conversation.calls.values_list("number", flat=True)) - {""}
    StoredLeg.objects.filter(Q(number__in=numbers)).update(number="")
    conversation.calls.update(number="")
    for text in StoredText.objects.filter(pk__in=_texts_that_name(erasure)):
        StoredText.objects.filter(pk=text.pk).update(text=erasure.terms.scrub(text.text))


def _texts_that_name(erasure: Erasure) -> set[int]:
    """The keys of the embedded side's texts that name the person."""
    pattern = erasure.terms.pattern

    def names(text: str) -> bool:
        return bool(pattern.search(text))

    return erasure.reading.keys(StoredText, ("text",), question=frozenset(erasure.terms.words), fits=names)


def _without_the_person(event: Event, erasure: Erasure) -> dict[str, object]:
    """A message says nothing any more, whoever wrote it; an order keeps its numbers and totals; a person keeps their id."""
    body: dict[str, Any] = erasure.terms.scrub(event.body)
    if event.type == "message":
        body = {**body, "text": GONE}
    if event.type == "member:joined" and event.from_member and event.from_member.user_id == erasure.customer.pk:
        body = {**body, "user": {"id": erasure.customer.public_id, "name": GONE, "display_name": GONE}}
    return {name: value for name, value in body.items() if name not in {"ship_to", "number", "phone"}}


def _needed() -> set[Trace]:
    return {Trace("chat.Deletion.identifier", str(row.pk)) for row in Deletion.objects.filter(state__in=[State.WAITING, State.FAILED])}


def _marks(customer: User) -> Iterator[str]:
    """By the id of their conversation."""
    yield from Conversation.objects.filter(customer=customer).values_list("public_id", flat=True)


def _former(customer: User, reading: Reading) -> Iterator[str]:
    """Addresses that are still to be told of a later one."""
    yield from AddressNotice.objects.filter(person=customer).values_list("address", flat=True)


privacy.register(privacy.Part(_export, KINDS, _erase, _needed, look=_texts_that_name, former=_former, marks=_marks))
