"""A conversation is found by the number of an order."""

from typing import Any

from django.db.models import QuerySet

from chat import finding
from orders.models import Order


@finding.finds_customers
def customers_by_number(words: str) -> "QuerySet[Any, int] | None":
    """Whose order has that number."""
    number = finding.number(words)
    return None if number is None else Order.objects.filter(pk=number).values_list("customer_id", flat=True)
