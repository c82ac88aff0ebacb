"""How an order comes to be: in one transaction with its lines, so that nobody is told of half an order."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.models import User
from chat import statements
from orders.models import Order, OrderLine

# The original guide's fixed order: "You purchased a widget for $4.99!"
SAMPLE_LINES: list[dict[str, Any]] = [{"name": "Widget", "sku": "WIDGET-1", "quantity": 1, "unit_price": Decimal("4.99")}]
SAMPLE_CURRENCY = "USD"


def place(customer: User, lines: Iterable[dict[str, Any]], *, created_by: User | None = None, **fields: Any) -> Order:
    """Store an order with its lines; `fields` are the order's own. Its customer is told unless `status` is draft."""
    with transaction.atomic():
        order = Order.objects.create(customer=customer, created_by=created_by, **fields)
        rows = [OrderLine(order=order, **line) for line in lines]
        statements.run(statements.insert(rows))
    keep(order, "lines", rows)
    return order


def keep(order: Order, name: str, rows: list[Any]) -> None:
    """Let `all()` answer what was just written without reading it back; Django has no public way to say so."""
    written = getattr(order, name).all()
    written._result_cache = rows
    order.__dict__.setdefault("_prefetched_objects_cache", {})[name] = written


def place_sample(customer: User, *, created_by: User | None = None) -> Order:
    """The original guide's order, for a customer of whom nothing else is known."""
    return place(customer, SAMPLE_LINES, created_by=created_by, currency=SAMPLE_CURRENCY)
