"""Orders as the API takes them in and gives them out."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError as InvalidError
from rest_framework import serializers

from accounts.models import User
from chat import links
from orders import money
from orders.models import Order, OrderConfirmation, OrderLine, Status
from orders.placing import place

MOST_LINES = 500
ADDRESS = {
    "name": "ship_to_name",
    "street": "street",
    "postal_code": "postal_code",
    "city": "city",
    "region": "region",
    "country": "country",
}


class LineSerializer(serializers.ModelSerializer[OrderLine]):
    """One article. `unit_price` is a decimal string in the order's currency."""

    class Meta:
        model = OrderLine
        fields = ["name", "sku", "quantity", "unit_price"]
        extra_kwargs = {"quantity": {"max_value": 1_000_000}}

    def to_representation(self, instance: OrderLine) -> dict[str, Any]:
        """Prices with the currency's digits, and the line's sum."""
        currency = instance.order.currency
        shown = super().to_representation(instance)
        return shown | {"unit_price": money.plain(instance.unit_price, currency), "total": money.plain(instance.total, currency)}


class AddressSerializer(serializers.ModelSerializer[Order]):
    """Where the order goes; every part may be empty."""

    name = serializers.CharField(source="ship_to_name", max_length=150, required=False, allow_blank=True)

    class Meta:
        model = Order
        fields = list(ADDRESS)


class ConfirmationSerializer(serializers.ModelSerializer[OrderConfirmation]):
    """How far the customer was told."""

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


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order with its lines. `customer` is a username; `status` is `placed` (told at once) or `draft` when it is made."""

    customer = serializers.SlugRelatedField(
        slug_field="username",
        queryset=User.objects.filter(is_active=True),
        error_messages={"does_not_exist": "There is no customer {value}. Make the customer first."},
    )
    lines = LineSerializer(many=True)
    shipping_address = AddressSerializer(source="*", required=False)
    total = serializers.SerializerMethodField()
    confirmation = serializers.SerializerMethodField()
    conversation_id = serializers.SerializerMethodField()
    chat_url = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = [
            "number",
            "external_id",
            "customer",
            "status",
            "currency",
            "lines",
            "total",
            "shipping_address",
            "data",
            "version",
            "created_at",
            "placed_at",
            "confirmation",
            "conversation_id",
            "chat_url",
        ]
        read_only_fields = ["number", "version", "created_at", "placed_at"]

    def get_total(self, order: Order) -> str:
        """The sum as a decimal string."""
        return money.plain(order.total, order.currency)

    def get_confirmation(self, order: Order) -> dict[str, Any] | None:
        """The latest version's confirmation; null while the order is a draft."""
        latest = max(order.confirmations.all(), key=lambda row: row.version, default=None)
        return ConfirmationSerializer(latest).data if latest else None

    def get_conversation_id(self, order: Order) -> str | None:
        """The customer's conversation, once there is one."""
        conversation = getattr(order.customer, "conversation", None)
        return conversation.public_id if conversation else None

    def get_chat_url(self, order: Order) -> str | None:
        """The link that the customer's mail carries: whoever has it is the customer."""
        conversation = getattr(order.customer, "conversation", None)
        return links.url_for(conversation, order.number) if conversation else None

    def validate_lines(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """At least one article, and not a phone book of them."""
        if not lines:
            raise serializers.ValidationError("An order has at least one line.", code="empty")
        if len(lines) > MOST_LINES:
            raise serializers.ValidationError(f"An order has at most {MOST_LINES} lines.", code="too_many")
        return lines

    def validate_data(self, data: Any) -> dict[str, Any]:
        """An object, so that every client finds its keys."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("Write a JSON object.", code="not_an_object")
        return data

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Prices have the currency's digits; the status may follow the stored one."""
        currency = attrs.get("currency") or (self.instance.currency if self.instance else money.DEFAULT_CURRENCY)
        errors = [_digits_error(line["unit_price"], currency) for line in attrs.get("lines", [])]
        if any(errors):
            raise serializers.ValidationError({"lines": errors})
        status = attrs.get("status", self.instance.status if self.instance else Status.PLACED)
        try:
            Order(pk=self.instance.pk if self.instance else None, status=status).clean()
        except InvalidError as error:
            raise serializers.ValidationError(serializers.as_serializer_error(error)) from None
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Order:
        """Store the order and its lines together."""
        creator = self.context["creator"] if "creator" in self.context else self.context["request"].user
        return place(validated_data.pop("customer"), validated_data.pop("lines"), created_by=creator, **validated_data)


def _digits_error(amount: Decimal, currency: str) -> dict[str, Any]:
    try:
        money.check_digits(amount, currency)
    except InvalidError as error:
        return {"unit_price": serializers.as_serializer_error(error)["non_field_errors"]}
    return {}
