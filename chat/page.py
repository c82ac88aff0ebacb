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
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from chat import addresses, away, conversations, desk, folds, shapes
from chat.access import Party
from chat.entry import devices
from chat.models import Conversation, Event, Member
from chat.phones import calls, numbers, story

GROUP_SECONDS = 60
SEQUENCE = re.compile(r"[0-9]{1,9}")
Context = dict[str, Any]


def conversation_page(request: HttpRequest, party: Party, number: int) -> Context:
    """The template's context: `page` (also for the scripts), `order`, `orders`, `days`, `older_url` (for a browser without scripts),
    `is_solved`, `answering` (who wrote to the customer last), and for agents `entry` and `others`, how many
    other customers wait.
    """
    member = party.member()
    conversation = party.conversation
    newest = conversations.history(conversation)
    found = folds.orders(conversation)
    orders = [folds.worded(order) for order in found]
    before = event_number(request.GET.get("before", ""))
    shown = newest if before is None else conversations.history(conversation, before=before)
    people = _people(conversation)
    page = {
        "me": {"username": party.user.username, "name": party.user.display_name, "role": party.role, "member": member.public_id},
        "conversation": {"id": conversation.public_id, "sequence": newest[-1].sequence if newest else 0},
        "customer": {"name": conversation.customer.display_name, "username": conversation.customer.username},
        "members": [shapes.member(one, conversation) for one in people],
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
    days = _days(shown, member, orders)
    if before is None:
        _tell_fate(days, people, member)
    drawn = {"order": order, "orders": orders, "days": days, "older_url": older_url}
    said = {"is_solved": folds.is_solved(newest), "answering": _answering(newest, conversation)}
    return drawn | _beside(party) | said | {"page": page}


def _beside(party: Party) -> Context:
    """What agents alone see: how the customer's link fares, and how many others wait."""
    if party.role != "agent":
        return {"entry": None, "others": 0}
    return {"entry": devices.standing(party.conversation), "others": desk.others(party.conversation)}


def _answering(events: list[Event], conversation: Conversation) -> str:
    """The name of the agent who wrote last; "" where none did."""
    senders = (event.from_member for event in reversed(events) if event.type == "message")
    return next((sender.user.display_name for sender in senders if sender and sender.user_id != conversation.customer_id), "")


def as_customer(conversation: Conversation, number: int) -> Context | None:
    """What the customer sees beside this order, for somebody else to look at (`chat/as_customer.html`); None before they are in.

    Nobody joins by it, nothing counts as seen, and it names no address at which anything could be done.
    """
    member = conversation.members.filter(user=conversation.customer_id).first()
    if member is None:
        return None
    member.conversation = conversation
    newest, found = conversations.history(conversation), folds.orders(conversation)
    orders = [folds.worded(order) for order in found]
    page = {
        "me": {"role": "customer"},
        "customer": {"name": conversation.customer.display_name},
        "order_id": number,
        "urls": {},
        "shop": settings.SHOP_NAME,
        "away": away.notice(conversation, newest, found),
    }
    order = next((order for order in orders if order["id"] == number), None)
    days = _days(newest, member, orders)
    _tell_fate(days, _people(conversation), member)
    return {"page": page, "order": order, "orders": orders, "days": days}


def _people(conversation: Conversation) -> list[Member]:
    """Everybody in it, the customer first."""
    return list(conversation.members.select_related("user").order_by("pk"))


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
        urls |= {"conversations": reverse("api:conversations"), "inbox_socket": "/ws/inbox/"}
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
    return [{"date": day, "days_ago": (timezone.localdate() - day).days, "rows": list(of_day)} for day, of_day in by_day]


def _tell_fate(days: list[Context], people: list[Member], me: Member) -> None:
    """Under the reader's last message: "Sent", or "Seen" and, where that is known, when (`seenAtOf` in stream.js)."""
    messages = [row for day in days for row in day["rows"] if row["kind"] == "message"]
    last = next((row for row in reversed(messages) if row["mine"]), None)
    if last is None:
        return
    readers = [one for one in people if one.is_customer != me.is_customer and one.seen_sequence >= last["event"].sequence]
    ours = [row["event"].sequence for row in messages if row["side"] in {"mine", "ours"}]
    # The moment of a mark is that of the last message it passed.
    known = [one.seen_at for one in readers if one.seen_at and not any(last["event"].sequence < it <= one.seen_sequence for it in ours)]
    if known:
        seen_at = timezone.localtime(min(known))
        moment = date_format(seen_at, "H:i" if seen_at.date() == last["day"] else "DATETIME_FORMAT")
        last["fate"] = _("Seen {time}").format(time=moment)
    else:
        last["fate"] = _("Seen") if readers else _("Sent")


def _pin(event: Event, orders: dict[int, folds.Fold]) -> Context | None:
    """Which order a message is about: {"number", "status" (when written), "then", "now" (in words; empty where nothing has changed)}."""
    number, then = event.body.get("about"), event.body.get("about_order")
    order = orders.get(number) if isinstance(number, int) else None
    if order is None or then is None:
        return {"number": number} if number else None
    is_changed = [then[name] != order[name] for name in ("status", "total")]
    whole = _("{state}, {total}")
    now = whole.format(state=_(order["status"]), total=order["total_text"]) if is_changed[1] else _(order["status"])
    was = whole.format(state=_(then["status"]), total=folds.money(then["total"], then["currency"]))
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
    side = _side(sender, me)
    day: date = timezone.localtime(event.created_at).date()
    row: Context = {
        "event": event,
        "kind": kinds.get(event.type, "system"),
        "mine": side == "mine",
        "side": side,
        "name": sender.user.display_name if sender else "",
        "time": event.created_at,
        "day": day,
        "text": str(event.body.get("text", "")),
        "order": folds.worded(dict(event.body)) if event.type in {folds.ORDER_CONFIRMED, folds.ORDER_STATUS} else None,
    }
    if row["kind"] == "joined" and sender and sender.user_id == me.conversation.customer_id:
        # Their order made them a member, perhaps long before they come; and they need not be told that they are here.
        row["kind"] = "system"
    reader = {"role": "customer" if me.is_customer else "agent", "customer": me.conversation.customer.display_name}
    if row["kind"] == "call":
        row |= story.in_words(event.body, **reader)
    elif row["kind"] == "message":
        row["linked"] = addresses.linked(row["text"])
    elif row["kind"] == "order":
        # The event's own text was written in the customer's language of that day; the reader may read another one.
        # On a page, a number stays with what it counts.
        row["text"] = folds.sentence(event.body, **reader).replace(" × ", "\u00a0×\u00a0")
    row["starts_group"] = not (previous and _continues(previous, row))
    return row


def _side(sender: Member | None, me: Member) -> str:
    """Whose words they are to the reader: "mine", an agent's colleague's ("ours"), or "theirs"."""
    if sender is not None and sender.pk == me.pk:
        return "mine"
    is_ours = sender is not None and not me.is_customer and sender.user_id != me.conversation.customer_id
    return "ours" if is_ours else "theirs"


def _continues(previous: Context, row: Context) -> bool:
    same_sender = previous["event"].from_member_id == row["event"].from_member_id
    close = (row["time"] - previous["time"]).total_seconds() < GROUP_SECONDS
    return bool(same_sender and close and previous["kind"] == row["kind"] == "message" and previous["day"] == row["day"])
