"""What the chat page needs, made from the record: for the first paint and for the scripts that take over."""

import re
from datetime import date
from itertools import groupby
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chat import away, conversations, folds, shapes
from chat.access import Party
from chat.entry import devices
from chat.models import Event, Member
from chat.phones import calls, numbers, story

GROUP_SECONDS = 60
SEQUENCE = re.compile(r"[0-9]{1,9}")
Context = dict[str, Any]


def conversation_page(request: HttpRequest, party: Party, number: int) -> Context:
    """The template's context: `page` (also for the scripts), `order`, `orders`, `days`, `older_url` (for a browser without scripts),
    `is_solved`, and for agents `entry`.
    """
    member = party.member()
    conversation = party.conversation
    newest = conversations.history(conversation)
    found = folds.orders(conversation)
    orders = [folds.worded(order) for order in found]
    before = event_number(request.GET.get("before", ""))
    shown = newest if before is None else conversations.history(conversation, before=before)
    page = {
        "me": {"username": party.user.username, "name": party.user.display_name, "role": party.role, "member": member.public_id},
        "conversation": {"id": conversation.public_id, "sequence": newest[-1].sequence if newest else 0},
        "customer": {"name": conversation.customer.display_name, "username": conversation.customer.username},
        "members": shapes.members(conversation),
        "events": shapes.events(newest, conversation),
        "has_older": bool(newest and newest[0].sequence > 1),
        "orders": found,
        "order_id": number,
        "urls": _urls(request, party, number),
        "csrf": get_token(request),
        "limits": {"text": conversations.LONGEST_TEXT},
        "transport": settings.CHAT_TRANSPORT,
        "vonage": client_sdk(),
        # Whoever holds the link sees no more of the number than its owner needs to know it by.
        "phone": numbers.masked(numbers.number(party.user.phone)) if party.role == "customer" else "",
        "shop": settings.SHOP_NAME,
        "away": away.notice(conversation, newest, found) if party.role == "customer" else None,
    }
    order = next((order for order in orders if order["id"] == number), None)
    older_url = f"{request.path}?before={shown[0].sequence}" if shown and shown[0].sequence > 1 else ""
    entry = devices.standing(conversation) if party.role == "agent" else None
    drawn = {"order": order, "orders": orders, "days": _days(shown, member, orders), "older_url": older_url}
    return drawn | {"page": page, "entry": entry, "is_solved": folds.is_solved(newest)}


def event_number(text: str) -> int | None:
    """What a form or an address calls an event by; None for anything else."""
    return int(text) if SEQUENCE.fullmatch(text) else None


def _urls(request: HttpRequest, party: Party, number: int) -> dict[str, str]:
    public_id = party.conversation.public_id
    speaker = f"?as={party.user.username}"
    urls = {
        "events": reverse("api:conversation-events", args=[public_id]) + speaker,
        "seen": reverse("api:conversation-seen", args=[public_id]) + speaker,
        "token": reverse("api:conversation-token", args=[public_id]) + speaker,
        "socket": f"/ws/conversations/{public_id}/{speaker}",
        "self": request.path,
        "inbox": reverse("inbox"),
        "language": reverse("chat-language", args=[party.user.username, public_id, number]),
        "new_link": reverse("new-link"),
    }
    if party.role == "agent":
        urls["solve"] = reverse("api:conversation-solve", args=[public_id]) + speaker
    if party.role == "customer":
        urls["present"] = reverse("api:conversation-present", args=[public_id]) + speaker
        if calls.offered():
            urls["calls"] = reverse("api:conversation-calls", args=[public_id]) + speaker
    return urls


def client_sdk() -> dict[str, str] | None:
    """What the page's Client SDK is made of, where it is wanted. (The token and the ids at Vonage are asked for: chat/api/token.py.)"""
    if settings.CHAT_TRANSPORT != "client-sdk":
        return None
    api_host, socket_url = settings.VONAGE_API_HOST, settings.VONAGE_WS_URL
    region = re.fullmatch(r"\w+://ws-(\w+)\.vonage\.com", socket_url)
    if region and api_host == "api.nexmo.com":
        # A server may ask any region through the common name; a browser's two addresses belong together.
        api_host = f"api-{region[1]}.vonage.com"
    return {
        "script": settings.VONAGE_CLIENT_SDK_URL,
        "integrity": settings.VONAGE_CLIENT_SDK_INTEGRITY,
        "apiUrl": f"https://{api_host}",
        "websocketUrl": socket_url,
    }


def _days(events: list[Event], me: Member, orders: list[folds.Fold]) -> list[Context]:
    """Events for a page without scripts: by day of the active time zone, in rows of one sender within a minute."""
    rows: list[Context] = []
    by_number = {order["id"]: order for order in orders}
    pinned: Context | None = None
    for event in _with_calls_as_they_are(events):
        rows.append(_event_row(event, me, rows[-1] if rows else None))
        if event.type == "message":
            # Said once, and again where the order or its state was another.
            pin = _pin(event, by_number)
            rows[-1]["pin"] = pin if pin != pinned else None
            pinned = pin
    by_day = groupby((row for row in rows if row["kind"] != "system"), key=lambda row: row["day"])
    return [{"date": day, "rows": list(of_day)} for day, of_day in by_day]


def _pin(event: Event, orders: dict[int, folds.Fold]) -> Context | None:
    """Which order a message is about: {"number", "status" (when written), "then", "now" (in words; empty where nothing has changed)}."""
    number, then = event.body.get("about"), event.body.get("about_order")
    order = orders.get(number) if isinstance(number, int) else None
    if order is None or then is None:
        return {"number": number} if number else None
    is_changed = [then[name] != order[name] for name in ("status", "total")]
    now = _(order["status"]) + (f", {order['total_text']}" if is_changed[1] else "")
    was = f"{_(then['status'])}, {folds.money(then['total'], then['currency'])}"
    return {"number": number, "status": then["status"], "then": was, "now": now if any(is_changed) else ""}


def _with_calls_as_they_are(events: list[Event]) -> list[Event]:
    """The events with each call told once, where it began, as it is now."""
    latest = {event.body.get("id"): event.body for event in events if event.type == calls.CALL_EVENT}
    shown: list[Event] = []
    for event in events:
        if event.type == calls.CALL_EVENT:
            body = latest.pop(event.body.get("id"), None)
            if body is None:
                continue
            event.body = body
        shown.append(event)
    return shown


def _event_row(event: Event, me: Member, previous: Context | None) -> Context:
    kinds = {
        "message": "message",
        folds.ORDER_CONFIRMED: "order",
        folds.ORDER_STATUS: "status",
        "member:joined": "joined",
        calls.CALL_EVENT: "call",
        conversations.SOLVED: "solved",
    }
    sender = event.from_member
    day: date = timezone.localtime(event.created_at).date()
    row: Context = {
        "event": event,
        "kind": kinds.get(event.type, "system"),
        "mine": sender is not None and sender.pk == me.pk,
        "name": sender.user.display_name if sender else "",
        "time": event.created_at,
        "day": day,
        "text": str(event.body.get("text", "")),
        "order": folds.worded(dict(event.body)) if event.type in {folds.ORDER_CONFIRMED, folds.ORDER_STATUS} else None,
    }
    reader = {"role": "customer" if me.is_customer else "agent", "customer": me.conversation.customer.display_name}
    if row["kind"] == "call":
        row |= story.in_words(event.body, **reader)
    elif row["kind"] == "order":
        # The event's own text was written in the customer's language of that day; the reader may read another one.
        row["text"] = folds.sentence(event.body, **reader)
    row["starts_group"] = not (previous and _continues(previous, row))
    return row


def _continues(previous: Context, row: Context) -> bool:
    same_sender = previous["event"].from_member_id == row["event"].from_member_id
    close = (row["time"] - previous["time"]).total_seconds() < GROUP_SECONDS
    return bool(same_sender and close and previous["kind"] == row["kind"] == "message" and previous["day"] == row["day"])
