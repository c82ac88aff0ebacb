"""What the mail provider tells of mails: each event stored once, matched with its confirmation, and folded into its state.

An event may come before the answer to the call that sent its mail, or after an answer that was lost. It finds its confirmation by
message id, else by the idempotency key, which every mail carries as a tag, else by the tag `order-<number>`.

Openings and returned mails are told days later, so also after an erasure: then nothing is kept that names the person.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet, prefetch_related_objects
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.lookups import same_letters
from accounts.models import User
from accounts.storable import storable
from chat import statements
from orders import feed
from orders.delivery import state_of
from orders.feed_models import Happening
from orders.mail_models import MailEvent
from orders.models import OrderConfirmation

ORDER_TAG = re.compile(r"order-(\d{1,18})")
KEY_TAG = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SALT = "orders.deliveries"
UNNAMED = re.compile(r"unnamed-[0-9a-f]{64}")


@dataclass(frozen=True)
class Told:
    """One event as Sendinblue told it, cut to what we keep. A link that was followed is not kept: it holds the customer's key."""

    message_id: str
    type: str
    recipient: str
    occurred_at: datetime
    reason: str
    tags: tuple[str, ...]


def read(payload: Any) -> Told | None:
    """A webhook's JSON as an event; None where it is none. Raises nothing, whatever it is given."""
    if not isinstance(payload, Mapping) or not isinstance(payload.get("event"), str) or not _text(payload["event"], 40):
        return None
    return Told(
        message_id=_text(payload.get("message-id"), 198).strip("<>"),
        # "hardBounce" is what a webhook is registered for, "hard_bounce" what it tells.
        type=re.sub(r"(?<=[a-z])(?=[A-Z])", "_", _text(payload["event"], 40)).lower()[:40],
        recipient=_text(payload.get("email"), 254).lower(),
        occurred_at=_moment(payload),
        reason=_text(payload.get("reason"), 500),
        tags=_tags(payload),
    )


def record(told: Sequence[Told]) -> None:
    """Store what is new of the events, and bring the state of every mail that they are about up to date."""
    with transaction.atomic():
        owners = _owners(told)
        # Read once their confirmations are locked, for which an erasure waits, or made us wait.
        prefetch_related_objects(list(owners.values()), "order__customer")
        in_use = _in_use({event.recipient for event in told if event not in owners})
        MailEvent.objects.bulk_create([_row(event, owners.get(event), in_use) for event in _new(told)], ignore_conflicts=True)
        for confirmation, message_id in {owner: event.message_id for event, owner in owners.items()}.items():
            _fold(confirmation, message_id)


def forget(events: QuerySet[MailEvent]) -> None:
    """Take out of the events whom they went to and why they did not arrive; a repeat is still known as one."""
    for event in events:
        unnamed = _unnamed(event.message_id, event.recipient)
        same = MailEvent.objects.filter(message_id=event.message_id, type=event.type, recipient=unnamed, occurred_at=event.occurred_at)
        if same.exclude(pk=event.pk).exists():
            event.delete()
        else:
            MailEvent.objects.filter(pk=event.pk).update(recipient=unnamed, reason="")


def adopt(confirmation: OrderConfirmation) -> None:
    """Give a confirmation whose message id has just become known the events that were quicker."""
    message_id = confirmation.message_id.strip("<>")
    if message_id and statements.is_any(MailEvent, {"confirmation": None, "message_id": message_id}):
        _fold(confirmation, message_id)


def _row(event: Told, owner: OrderConfirmation | None, in_use: Collection[str]) -> MailEvent:
    """The event as we keep it: by name where it is about somebody who is our customer now."""
    row = MailEvent(confirmation=owner, message_id=event.message_id, type=event.type, occurred_at=event.occurred_at)
    if not owner.order.customer.is_erased if owner else event.recipient in in_use:
        row.recipient, row.reason = event.recipient, event.reason
    else:
        row.recipient = _unnamed(event.message_id, event.recipient)
    return row


def _unnamed(message_id: str, recipient: str) -> str:
    """What stands for a recipient: keyed, so that a table of addresses turns none back, and another one for each mail."""
    if UNNAMED.fullmatch(recipient):
        return recipient
    return f"unnamed-{salted_hmac(SALT, f'{message_id} {recipient}', algorithm='sha256').hexdigest()}"


def _new(told: Sequence[Told]) -> list[Told]:
    """Those of the events that are not kept yet, by name or without: they may have come before their confirmation or an erasure did."""
    names = {event: {event.recipient, _unnamed(event.message_id, event.recipient)} for event in told}
    rows = MailEvent.objects.filter(message_id__in={event.message_id for event in told}, recipient__in=set().union(*names.values()))
    kept = set(rows.values_list("message_id", "type", "recipient", "occurred_at"))
    return [event for event in told if not kept & {(event.message_id, event.type, name, event.occurred_at) for name in names[event]}]


def _in_use(addresses: Collection[str]) -> set[str]:
    """Those of the addresses that are the shop's own or an active person's, whom this locks: an erasure waits, and finds what we keep."""
    ours = settings.SENDINBLUE_TO_EMAIL.lower()
    active = User.objects.select_for_update(no_key=True).filter(is_active=True)
    return {address for address in addresses if address and (address == ours or active.filter(same_letters("email", address)))}


def _owners(told: Sequence[Told]) -> dict[Told, OrderConfirmation]:
    """The confirmation that each event is about, locked; an event about none is left out."""
    ids = {event.message_id for event in told if event.message_id}
    keys = {tag for event in told for tag in event.tags if KEY_TAG.fullmatch(tag)}
    known = Q(message_id__in=[*ids, *(f"<{message_id}>" for message_id in ids)]) | Q(idempotency_key__in=keys)
    found = list(OrderConfirmation.objects.select_for_update(no_key=True).filter(known).order_by("pk"))
    by_name = {str(row.idempotency_key): row for row in found} | {row.message_id.strip("<>"): row for row in found if row.message_id}
    owners = {}
    for event in told:
        names = [name for name in (event.message_id, *event.tags) if name in by_name]
        owner = by_name[names[0]] if names else _only_unnamed(event)
        if owner:
            owners[event] = owner
    return owners


def _only_unnamed(event: Told) -> OrderConfirmation | None:
    """The one confirmation of the order named by a tag whose mail may have left and whose message id is not known; else none."""
    numbers = [int(found[1]) for tag in event.tags if (found := ORDER_TAG.fullmatch(tag))]
    rows = OrderConfirmation.objects.select_for_update(no_key=True).filter(order_id__in=numbers, message_id="")
    left = list(rows.filter(Q(mail_tried_at__isnull=False) | Q(mail_sent_at__isnull=False))[:2]) if numbers else []
    return left[0] if len(left) == 1 else None


def _fold(confirmation: OrderConfirmation, message_id: str) -> None:
    if message_id:
        MailEvent.objects.filter(confirmation=None, message_id=message_id).update(confirmation=confirmation)
    delivery = state_of(confirmation.mail_events.values_list("type", "occurred_at"))
    if delivery != confirmation.delivery:
        # A state may come back; how many events the mail has by now tells one time from another, and a repeat adds none.
        key = f"{confirmation.pk}:{delivery}:{confirmation.mail_events.count()}"
        feed.add(Happening.MAIL_STATE_CHANGED, confirmation.order, key=key, version=confirmation.version, delivery=delivery)
    changes = {"delivery": delivery}
    if message_id and not confirmation.message_id:
        changes["message_id"] = f"<{message_id}>"
    OrderConfirmation.objects.filter(pk=confirmation.pk).update(**changes)


def _text(value: Any, longest: int) -> str:
    """Words that every database takes: no lone surrogates, no NUL."""
    words = str(value) if isinstance(value, str | int) else ""
    return storable(words).strip()[:longest]


def _moment(payload: Mapping[str, Any]) -> datetime:
    """When it happened, to the second. Sendinblue documents `ts_epoch` in milliseconds and shows it in seconds."""
    for name in ("ts_event", "ts_epoch", "ts"):
        try:
            seconds = float(payload.get(name) or 0)
            if seconds > 0:
                return datetime.fromtimestamp(int(seconds / 1000 if seconds > 1e11 else seconds), UTC)
        except (TypeError, ValueError, OverflowError, OSError):
            continue
    return timezone.now()


def _tags(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """`tags` is a list, `tag` the same list as JSON text, or one tag."""
    tags = payload.get("tags") or payload.get("tag")
    if isinstance(tags, str):
        try:
            tags = json.loads(tags)
        except (ValueError, RecursionError):
            tags = [tags]
    return tuple(_text(tag, 100) for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()
