"""What a page shows, computed from the conversation's events alone.

The chat knows two kinds of events that name an order, by their type and body; it has never heard of the app that writes them.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from chat import formats, shapes
from chat.messages import SOLVED
from chat.models import Conversation, Event

ORDER_CONFIRMED = "custom:order-confirm-event"
ORDER_STATUS = "custom:order-status-event"
MOST_ORDERS = 200
ARTICLES_NAMED = 3
MOVES = ("status", "version", "moved_at")
SUMS = ("total", "currency", "lines", "lines_left_out")

Fold = dict[str, Any]


def is_solved(events: Iterable[Event]) -> bool:
    """Whether an agent has said so after the last message of these, which are in order."""
    said = [event.type for event in events if event.type in {"message", SOLVED}]
    return said[-1:] == [SOLVED]


def orders(conversation: Conversation) -> list[Fold]:
    """The orders that this conversation's events tell of, newest first, each in its latest state.

    Each: {"id", "text", "version", "status", "currency", "total", "placed_at", "lines", "lines_left_out", "ship_to"}, and "moved_at", since
    when it stands so, where its status has changed.
    """
    told = conversation.events.filter(type__in=[ORDER_CONFIRMED, ORDER_STATUS]).order_by("-sequence")[: MOST_ORDERS * 2]
    return orders_from(reversed(told))


def orders_from(events: Iterable[Event]) -> list[Fold]:
    """The same fold over events that are at hand, in order."""
    found: dict[int, Fold] = {}
    for event in events:
        body = event.body
        number = body.get("id")
        if type(number) is not int:
            continue
        if event.type == ORDER_CONFIRMED:
            found[number] = found.get(number, {}) | body
        elif event.type == ORDER_STATUS and number in found:
            # Events of before they said so themselves were written as soon as the order moved.
            found[number] |= {"moved_at": shapes.timestamp(event.created_at)} | changed_by(event.type, body)
    return sorted(found.values(), key=lambda order: -order["id"])


def changed_by(kind: str, body: Fold) -> Fold:
    """What an event that names an order says of it: all of it, or, by its status, what has moved on.

    A sum comes with the lines that make it up or not at all, so that they never disagree.
    """
    if kind == ORDER_CONFIRMED:
        return body
    names = (*MOVES, *SUMS) if "lines" in body else MOVES
    return {name: body[name] for name in names if name in body}


def worded(order: Fold) -> Fold:
    """The order in words for people: `total_text`, `placed_at_date`, `moved_at_date`; `total_text` and `unit_price_text` of each line."""
    currency = str(order.get("currency", ""))
    lines = [
        line | {"total_text": money(line.get("total"), currency), "unit_price_text": money(line.get("unit_price"), currency)}
        for line in order.get("lines", [])
    ]
    moments = {f"{name}_date": _moment(order.get(name)) for name in ("placed_at", "moved_at")}
    return order | {"total_text": money(order.get("total"), currency), "lines": lines} | moments


def _moment(told: object) -> datetime | None:
    return datetime.fromisoformat(told) if isinstance(told, str) else None


def sentence(order: Fold, *, role: str, customer: str) -> str:
    """A told order in one sentence, in the active language, for the party of that role; its own text where it names no articles."""
    lines, left_out = order.get("lines") or [], order.get("lines_left_out") or 0
    if not lines:
        return str(order.get("text", ""))
    named = pgettext("between articles", "; ").join(f"{line.get('quantity')} × {line.get('name')}" for line in lines[:ARTICLES_NAMED])
    more = max(len(lines) - ARTICLES_NAMED, 0) + left_out
    if more:
        facts = {"named": named, "count": more}
        named = ngettext("%(named)s and %(count)d more article", "%(named)s and %(count)d more articles", more) % facts
    by_customer = _("You purchased %(articles)s for %(total)s. Thank you for your order!")
    words = by_customer if role == "customer" else _("%(name)s purchased %(articles)s for %(total)s.")
    total = money(order.get("total"), str(order.get("currency", "")))
    return words % {"name": customer, "articles": named, "total": total}


def money(amount: object, currency: str) -> str:
    """An event's sum for people; one that is no number stays as it is."""
    try:
        return formats.money(Decimal(str(amount)), currency) if currency else str(amount)
    except InvalidOperation:
        return str(amount)
