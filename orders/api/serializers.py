"""Orders as the API takes them in and gives them out."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from django.core.exceptions import ValidationError as InvalidError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from accounts.api.serializers import Prepared, named
from accounts.lookups import row_of
from accounts.models import User
from chat import links
from chat.models import Conversation
from orders import free_data, money
from orders.models import Order, OrderConfirmation, OrderLine, Status

Form = TypeVar("Form", bound=serializers.ModelSerializer[Any])

MOST_LINES = 500
ADDRESS = {
    "name": "ship_to_name",
    "street": "street",
    "postal_code": "postal_code",
    "city": "city",
    "region": "region",
    "country": "country",
}


class TakenError(serializers.ValidationError):
    """The same client gave the `external_id` to another order."""

    def __init__(self) -> None:
        super().__init__(_taken())


class LineSerializer(Prepared[OrderLine]):
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


class AddressSerializer(Prepared[Order]):
    """Where the order goes; every part may be empty."""

    name = serializers.CharField(source="ship_to_name", max_length=150, required=False, allow_blank=True)

    class Meta:
        model = Order
        fields = list(ADDRESS)


class ConfirmationSerializer(Prepared[OrderConfirmation]):
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


class CustomerField(serializers.SlugRelatedField[User]):
    """A customer by their username."""

    default_error_messages = {"does_not_exist": gettext_lazy("There is no such customer. Make the customer first.")}

    def to_internal_value(self, data: object) -> User:
        """The customer; nobody is told of orders of people who were switched off."""
        if not isinstance(data, str):
            self.fail("invalid")
        found = named(data)
        if found is None or not found.is_active:
            self.fail("does_not_exist")
        return found


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "an order of a web shop",
            value={
                "external_id": "W-2026-1017",
                "customer": "anna",
                "currency": "EUR",
                "lines": [{"name": "Blue mug", "sku": "MUG-1", "quantity": 2, "unit_price": "12.50"}],
                "shipping_address": {"name": "Anna Berg", "street": "Way 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
                "data": {"gift": True},
            },
            request_only=True,
        )
    ]
)
class OrderSerializer(Prepared[Order]):
    """An order with its lines. `customer` is a username; `status` is `placed` (told at once) or `draft` when it is made.

    What was ordered, by whom and in which currency stays as it is: `customer`, `currency` and `lines` can't be changed.
    """

    customer = CustomerField(slug_field="username", queryset=User.objects.all())
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

    def to_internal_value(self, data: Any) -> Any:
        """Refuse a change of what stays; the stored value sent again is no change."""
        if self.instance is not None and isinstance(data, dict):
            same = {"customer": self.instance.customer.username, "currency": self.instance.currency}
            fixed = [name for name in ("customer", "currency", "lines") if name in data]
            errors = {name: [_stays()] for name in fixed if name in same and data[name] != same[name]}
            if "lines" in data and not self._has_lines(data["lines"]):
                errors["lines"] = [_stays()]
            if errors:
                raise serializers.ValidationError(errors)
            data = {name: value for name, value in data.items() if name not in fixed}
        return super().to_internal_value(data)

    def _has_lines(self, given: Any) -> bool:
        """Whether these are the stored lines, however their prices are written."""
        form = LineSerializer(data=given, many=True)
        if not isinstance(given, list) or self.instance is None or not form.is_valid():
            return False
        stored = [(line.name, line.sku, line.quantity, line.unit_price) for line in self.instance.lines.all()]
        return stored == [(line["name"], line.get("sku", ""), line.get("quantity", 1), line["unit_price"]) for line in form.validated_data]

    def get_total(self, order: Order) -> str:
        """The sum as a decimal string."""
        return money.plain(order.total, order.currency)

    def get_confirmation(self, order: Order) -> dict[str, Any] | None:
        """The latest version's confirmation; null while the order is a draft."""
        latest = max(order.confirmations.all(), key=lambda row: row.version, default=None)
        return _shared(ConfirmationSerializer).to_representation(latest) if latest else None

    def get_conversation_id(self, order: Order) -> str | None:
        """The customer's conversation, once there is one."""
        conversation = _conversation(order)
        return conversation.public_id if conversation else None

    def get_chat_url(self, order: Order) -> str | None:
        """The customer's page, without the key that the link in their mail has: it opens for who came by that."""
        conversation = _conversation(order)
        return links.page_for(conversation, order.number) if conversation else None

    def validate_lines(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """At least one article, and not a phone book of them."""
        if not lines:
            raise serializers.ValidationError(_("An order has at least one line."), code="empty")
        if len(lines) > MOST_LINES:
            raise serializers.ValidationError(_("An order has at most %d lines.") % MOST_LINES, code="too_many")
        return lines

    def validate_data(self, data: Any) -> dict[str, Any]:
        """An object, so that every client finds its keys."""
        try:
            free_data.check(data)
        except InvalidError as error:
            raise serializers.ValidationError(serializers.as_serializer_error(error)["non_field_errors"]) from None
        return dict(data)

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
        # A new one's id was looked for before (`orders/api/intake.py`).
        if self.instance is not None and self._is_taken(self.instance, attrs.get("external_id", "")):
            raise TakenError
        return attrs

    def _is_taken(self, order: Order, external_id: str) -> bool:
        """Whether the same client gave the id to another order."""
        if not external_id or order.created_by_id is None:
            return False
        return Order.objects.exclude(pk=order.pk).filter(created_by=order.created_by_id, external_id=external_id).exists()

    def update(self, instance: Order, validated_data: dict[str, Any]) -> Order:
        """Store the changes; where another took the `external_id` since they were validated, say so."""
        try:
            with transaction.atomic():
                return super().update(instance, validated_data)
        except IntegrityError:
            if not self._is_taken(instance, validated_data.get("external_id", "")):
                raise
            raise TakenError from None


def checked(given: Any) -> dict[str, Any]:
    """What a new order is made of. Raises ValidationError."""
    return dict(_shared(OrderSerializer).run_validation({} if given is None else given))


def as_json(order: Order) -> dict[str, Any]:
    """The order as the API gives it out."""
    return dict(_shared(OrderSerializer).to_representation(order))


@cache
def _shared(form: Callable[[], Form]) -> Form:
    """One serializer that is handed what it works on and keeps nothing of it, so that all threads share it: building one costs more."""
    return form()


def _conversation(order: Order) -> Conversation | None:
    """The customer's, if there is one."""
    known = User.conversation
    if not known.is_cached(order.customer):
        known.related.set_cached_value(order.customer, row_of(Conversation, "customer", order.customer_id))
    return getattr(order.customer, "conversation", None)


def _stays() -> ErrorDetail:
    return ErrorDetail(_("This stays as it was ordered. Cancel the order and make a new one."), code="read_only")


def _taken() -> dict[str, list[ErrorDetail]]:
    return {"external_id": [ErrorDetail(_("You gave this id to another order."), code="unique")]}


def _digits_error(amount: Decimal, currency: str) -> dict[str, Any]:
    try:
        money.check_digits(amount, currency)
    except InvalidError as error:
        return {"unit_price": serializers.as_serializer_error(error)["non_field_errors"]}
    return {}
