"""A process of the product's own kind that a chaos run asks by lines of JSON: who is there, place an order by the ORM, what is left.

{"do": "place", ...} -> {"number": 1001}, or {"error": "OperationalError"}: then nobody knows, and the same line is sent again.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersupport.settings")
django.setup()

from django.db import Error as DatabaseError  # noqa: E402 - only after setup
from django.db import IntegrityError, connection, transaction  # noqa: E402
from django.db.models import F, Q, Sum  # noqa: E402

from accounts.models import ApiKey, User  # noqa: E402
from chat import outbox  # noqa: E402
from chat.models import Event  # noqa: E402
from chat.outbox import State  # noqa: E402
from orders.models import Order, OrderConfirmation  # noqa: E402
from orders.placing import place as place_order  # noqa: E402

JSON = dict[str, Any]


def prepare(customers: list[str]) -> JSON:
    """Make the customers and two clients: one with an API key, one for the ORM."""
    User.objects.bulk_create(User(username=name, email=f"{name}@example.com", name=name.title()) for name in customers)
    shop = User.objects.create_superuser("shop")
    User.objects.create_superuser("batch")
    return {"key": ApiKey.objects.create_key(user=shop, name="shop")[1]}


def place(external_id: str, customer: str, quantity: int) -> JSON:
    """Place one order as a batch job would; the same id again finds the order that was placed already."""
    batch, buyer = User.objects.get(username="batch"), User.objects.get(username=customer)
    lines = [{"name": "Widget", "sku": "W-1", "quantity": quantity, "unit_price": Decimal("4.99")}]
    try:
        order = place_order(buyer, lines, created_by=batch, external_id=external_id)
    except IntegrityError:
        order = Order.objects.get(created_by=batch, external_id=external_id)
    return {"number": order.number}


def move(number: int, status: str) -> JSON:
    """Move one order on; the same move again changes nothing."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(number=number)
        order.status = status
        order.save()
    return {}


def left() -> JSON:
    """How many rows of the outbox have not ended, and how many of them a worker (alive or dead) holds."""
    now = outbox.clock()
    held = Q(lease_token__isnull=False, next_attempt_at__gt=now)
    waiting = {str(model._meta.model_name): model._base_manager.filter(state=State.WAITING) for model in outbox.rules()}
    counts = {name: rows.count() for name, rows in waiting.items()}
    return {"open": sum(counts.values()), "held": sum(rows.filter(held).count() for rows in waiting.values()), "kinds": counts}


def audit() -> JSON:
    """Everything that our own database says."""
    told = Event.objects.filter(type="custom:order-confirm-event").values_list("body__id", "body__version")
    moves = Event.objects.filter(type="custom:order-status-event").order_by("conversation", "sequence")
    rows = OrderConfirmation.objects.order_by("pk")
    fields = ("order_id", "version", "state", "attempts", "is_unknown", "error_code", "idempotency_key")
    confirmations = [dict(zip(fields, values, strict=True)) for values in rows.values_list(*fields)]
    return {
        "orders": {number: str(external_id) for number, external_id in Order.objects.values_list("number", "external_id")},
        "saved_at": {number: saved.timestamp() for number, saved in Order.objects.values_list("number", "created_at")},
        "confirmations": [row | {"idempotency_key": str(row["idempotency_key"])} for row in confirmations],
        "events": [[*key, count] for key, count in Counter(told).items()],
        "moves": [list(move) for move in moves.values_list("body__id", "body__status")],
        "gaps": _gaps(),
        "rows": {str(model._meta.model_name): _of_kind(model) for model in outbox.rules()},
    }


def _gaps() -> int:
    """Conversations whose events are not numbered 1, 2, 3 … up to the conversation's own count."""
    numbers: dict[int, list[int]] = {}
    for conversation, sequence in Event.objects.order_by("conversation", "sequence").values_list("conversation", "sequence"):
        numbers.setdefault(conversation, []).append(sequence)
    last = dict(Event.objects.values_list("conversation", F("conversation__sequence")))
    return sum(found != list(range(1, last[conversation] + 1)) for conversation, found in numbers.items())


def _of_kind(model: type[outbox.OutboxRow]) -> JSON:
    rows = model._base_manager.all()
    return {
        "states": dict(Counter(rows.values_list("state", flat=True))),
        "unknown": rows.filter(is_unknown=True).exclude(state=State.DONE).count(),
        "attempts": rows.aggregate(sum=Sum("attempts"))["sum"] or 0,
        "most": rows.order_by("-attempts").values_list("attempts", flat=True).first() or 0,
        "errors": dict(Counter(rows.exclude(error_code="").exclude(state=State.DONE).values_list("error_code", flat=True))),
    }


ACTS: dict[str, Callable[..., JSON]] = {"prepare": prepare, "place": place, "move": move, "left": left, "audit": audit}


def main() -> None:
    """Answer each line of standard input by one line."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = ACTS[asked.pop("do")](**asked)
        except DatabaseError as error:
            connection.close()
            answer = {"error": type(error).__name__}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
