"""The chat's part of what a customer takes away or has erased."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q

from accounts import privacy
from accounts.models import User
from accounts.privacy import Counts, Erasure, Row
from accounts.takeaway import moment
from accounts.traces import GONE, Terms, Trace
from chat import links
from chat.entry.models import AddressNotice, LinkRequest, LinkUse, MailedAnswer, MailedCode, MailedLink
from chat.models import Conversation, Event, MirroredEvent, WebhookReceipt
from chat.outbox import State, clock
from chat.phones.models import Notice, PhoneCall, StoredLeg, StoredText
from chat.privacy import deletions
from chat.privacy.models import Deletion, Thing

ERASED = "The customer's data were erased."


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
    if customer.provider_id:
        deletions.ask(customer, Thing.VONAGE_USER, customer.provider_id)
    notices = AddressNotice.objects.filter(person=customer)
    untold = cancel(notices)
    notices.update(address="")
    conversation = Conversation.objects.select_for_update(no_key=False).filter(customer=customer).first()
    if conversation is None:
        return {"waiting work cancelled": untold}
    ended = untold + sum(cancel(kind.objects.filter(conversation=conversation)) for kind in (MirroredEvent, Notice, PhoneCall))
    ended += _shut_the_door(conversation, erasure.terms)
    ended += _forget_at_vonage(conversation)
    _forget_numbers(erasure, conversation)
    events = list(conversation.events.select_related("from_member"))
    for event in events:
        event.body, event.provider_id = _without_the_person(event, erasure), None
    Event.objects.bulk_update(events, ["body", "provider_id"], batch_size=200)
    conversation.last_text, conversation.provider_id = "", None
    conversation.waiting_since = conversation.untold_since = None
    conversation.save(update_fields=["last_text", "waiting_since", "untold_since", "provider_id"])
    conversation.members.update(provider_id=None)
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


def _forget_at_vonage(conversation: Conversation) -> int:
    if not conversation.provider_id:
        return 0
    deletions.ask(conversation.customer, Thing.VONAGE_CONVERSATION, conversation.provider_id)
    receipts = WebhookReceipt.objects.filter(provider_conversation_id=conversation.provider_id)
    receipts.update(payload={})
    return cancel(receipts)


def _forget_numbers(erasure: Erasure, conversation: Conversation) -> None:
    numbers = set(conversation.calls.values_list("number", flat=True)) - {""}
    StoredLeg.objects.filter(Q(number__in=numbers)).update(number="")
    conversation.calls.update(number="")
    for text in StoredText.objects.all().iterator():
        if erasure.terms.pattern.search(text.text):
            StoredText.objects.filter(pk=text.pk).update(text=erasure.terms.scrub(text.text))


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


privacy.register(privacy.Part(_export, _erase, _needed, marks=_marks))
