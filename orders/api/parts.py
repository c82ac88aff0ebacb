"""What an order of the API is made of: its lines, its address, its customer, and how far they were told."""

from typing import Any

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import Prepared, customer_named
from accounts.models import User
from orders import free_data, money
from orders.models import Order, OrderConfirmation, OrderLine

ADDRESS = {
    "name": "ship_to_name",
    "street": "street",
    "postal_code": "postal_code",
    "city": "city",
    "region": "region",
    "country": "country",
}


class LineSerializer(Prepared[OrderLine]):
    """One article. `unit_price`, and their sum `total`, are decimal strings in the order's currency."""

    total = serializers.SerializerMethodField()

    class Meta:
        model = OrderLine
        fields = ["name", "sku", "quantity", "unit_price", "total"]
        extra_kwargs = {"quantity": {"max_value": 1_000_000}}

    def to_representation(self, instance: OrderLine) -> dict[str, Any]:
        """Prices with the currency's digits."""
        return super().to_representation(instance) | {"unit_price": money.plain(instance.unit_price, instance.order.currency)}

    def get_total(self, line: OrderLine) -> str:
        """With the currency's digits, too."""
        return money.plain(line.total, line.order.currency)


class AddressSerializer(Prepared[Order]):
    """Where the order goes; every part may be empty."""

    name = serializers.CharField(source="ship_to_name", max_length=150, required=False, allow_blank=True)

    class Meta:
        model = Order
        fields = list(ADDRESS)


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {},
        "description": f"Anything the shop wants to keep with the order: at most {free_data.MOST_BYTES:,} bytes as JSON.",
    }
)
class FreeData(serializers.JSONField):
    """The shop's own object (`orders/free_data.py`)."""


class ConfirmationSerializer(Prepared[OrderConfirmation]):
    """How far the customer was told of this version. `state` is `waiting` until the mail was sent, then `done`; `failed` where it was given
    up; `cancelled` where nobody is to be told any more. `explain/` says it in words.
    """

    class Meta:
        model = OrderConfirmation
        fields = [
            "version",
            "state",
            "attempts",
            "conversation_opened_at",
            "event_added_at",
            "mail_sent_at",
            "message_id",
            "last_error",
            "error_code",
        ]
        read_only_fields = fields


class CustomerField(serializers.SlugRelatedField[User]):
    """A customer by their username."""

    default_error_messages = {"does_not_exist": gettext_lazy("There is no such customer. Make the customer first.")}

    def to_internal_value(self, data: object) -> User:
        """The customer."""
        if not isinstance(data, str):
            self.fail("invalid")
        found = customer_named(data)
        if found is None:
            self.fail("does_not_exist")
        return found
