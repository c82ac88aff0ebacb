"""What an order looked like when its customer was told: the body of `custom:order-confirm-event`.

Vonage takes at most 4096 bytes of JSON as a custom event's body (https://developer.vonage.com/en/conversation/guides/custom-events),
so a long order leaves out its last lines and says how many; number and text always stay.
"""

import json
from itertools import accumulate
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from chat import formats
from chat.shapes import timestamp
from orders import money
from orders.models import Order, OrderLine

MOST_BYTES = 4096
LONGEST_TEXT_BYTES = 700


def text(order: Order) -> str:
    """The order in one sentence, in the customer's language: "You purchased 2 × Widget for €9.98. Thank you for your order!"."""
    with translation.override(order.customer.language):
        lines = list(order.lines.all())
        total = formats.money(order.total, order.currency)
        if not lines:
            return _("You placed an order. Thank you for your order!")
        named = pgettext("between articles", ", ").join(str(line) for line in lines[:3])
        if len(lines) > 3:
            named = ngettext("%(named)s and %(count)d more article", "%(named)s and %(count)d more articles", len(lines) - 3) % {
                "named": named,
                "count": len(lines) - 3,
            }
        return _("You purchased %(articles)s for %(total)s. Thank you for your order!") % {"articles": named, "total": total}


def confirm_body(order: Order) -> dict[str, Any]:
    """The event's body: {"id", "text", "version", "status", "currency", "total", "placed_at", "lines", "lines_left_out", "ship_to"}.

    `total` and prices are decimal strings, `placed_at` is UTC; as UTF-8 JSON it has at most 4096 bytes.
    """
    lines = [_line(line, order.currency) for line in order.lines.all()]
    body: dict[str, Any] = {
        "id": order.number,
        "text": _cut(text(order), LONGEST_TEXT_BYTES),
        "version": order.version,
        "status": order.status,
        "currency": order.currency,
        "total": money.plain(order.total, order.currency),
        "placed_at": timestamp(order.placed_at or order.created_at),
        "ship_to": ", ".join(part for part in (order.city, order.country) if part),
        "lines": [],
        "lines_left_out": len(lines),
    }
    body["lines"] = _fitting(lines, room=MOST_BYTES - size(body))
    body["lines_left_out"] = len(lines) - len(body["lines"])
    return body


def status_body(order: Order, *, status: str, previous: str) -> dict[str, Any]:
    """The body of `custom:order-status-event`: what changed, and the order's sum at that time."""
    return {
        "id": order.number,
        "version": order.version,
        "status": status,
        "previous": previous,
        "total": money.plain(order.total, order.currency),
        "currency": order.currency,
    }


def size(part: Any) -> int:
    """Bytes of `part` as Vonage counts them: UTF-8 JSON, written without spaces."""
    return len(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode())


def _line(line: OrderLine, currency: str) -> dict[str, Any]:
    return {
        "name": line.name,
        "sku": line.sku,
        "quantity": line.quantity,
        "unit_price": money.plain(line.unit_price, currency),
        "total": money.plain(line.total, currency),
    }


def _fitting(lines: list[dict[str, Any]], *, room: int) -> list[dict[str, Any]]:
    """The first lines, as many as fit into so many bytes with a comma after each."""
    used = accumulate(size(line) + 1 for line in lines)
    return [line for line, bytes_so_far in zip(lines, used, strict=True) if bytes_so_far <= room]


def _cut(words: str, most_bytes: int) -> str:
    """`words` within so many bytes as JSON writes them, never in the middle of a character."""
    if size(words) <= most_bytes:
        return words
    used = accumulate(size(character) - 2 for character in words)
    return "".join(character for character, bytes_so_far in zip(words, used, strict=True) if bytes_so_far <= most_bytes - 5) + "…"
