"""What an order looked like when its customer was told: the body of `custom:order-confirm-event`.

Vonage takes at most 4096 bytes of JSON as a custom event's body (https://developer.vonage.com/en/conversation/guides/custom-events),
so a long order leaves out its last lines and says how many; number and text always stay.
"""

import json
from datetime import datetime
from itertools import accumulate
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from chat import folds
from chat.shapes import timestamp
from orders import money
from orders.models import Order, OrderLine

MOST_BYTES = 4096
LONGEST_TEXT_BYTES = 700


def text(order: Order) -> str:
    """The order in one sentence, in the customer's language: "You purchased 2 × Widget for €9.98. Thank you for your order!"."""
    with translation.override(order.customer.language):
        told = {
            "text": _("You placed an order. Thank you for your order!"),
            "lines": [{"quantity": line.quantity, "name": line.name} for line in order.lines.all()],
            "total": order.total,
            "currency": order.currency,
        }
        return folds.sentence(told, role="customer", customer=order.customer.display_name)


def confirm_body(order: Order) -> dict[str, Any]:
    """The event's body: {"id", "text", "version", "status", "currency", "total", "placed_at", "lines", "lines_left_out", "ship_to"}.

    `total` and prices are decimal strings, `placed_at` is UTC; as UTF-8 JSON it has at most 4096 bytes.
    """
    body = {
        "id": order.number,
        "text": _cut(text(order), LONGEST_TEXT_BYTES),
        "version": order.version,
        "status": order.status,
        "currency": order.currency,
        "total": money.plain(order.total, order.currency),
        "placed_at": timestamp(order.placed_at or order.created_at),
        "ship_to": ", ".join(part for part in (order.city, order.country) if part),
    }
    return _with_lines(body, order)


def status_body(order: Order, *, status: str, previous: str, moved_at: datetime) -> dict[str, Any]:
    """The body of `custom:order-status-event`: what changed, and when (UTC), with the order's sum at that time and its lines.

    Lines and sum as in `confirm_body`; as UTF-8 JSON it has at most 4096 bytes, too.
    """
    body = {
        "id": order.number,
        "version": order.version,
        "status": status,
        "previous": previous,
        "moved_at": timestamp(moved_at),
        "total": money.plain(order.total, order.currency),
        "currency": order.currency,
    }
    return _with_lines(body, order)


def size(part: Any) -> int:
    """Bytes of `part` as Vonage counts them: UTF-8 JSON, written without spaces."""
    return len(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode())


def _with_lines(body: dict[str, Any], order: Order) -> dict[str, Any]:
    """The body with as many of the order's lines as there is room for, and how many that leaves out."""
    lines = [_line(line, order.currency) for line in order.lines.all()]
    fitting = _fitting(lines, room=MOST_BYTES - size(body | {"lines": [], "lines_left_out": len(lines)}))
    return body | {"lines": fitting, "lines_left_out": len(lines) - len(fitting)}


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
