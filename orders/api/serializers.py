"""Orders as the API takes them in and gives them out."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from django.core.exceptions import ValidationError as InvalidError
from django.db import IntegrityError, transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from accounts.api.schema import answer
from accounts.api.serializers import Prepared, name_of
from accounts.lookups import row_of
from accounts.models import User
from chat import links
from chat.models import Conversation
from orders import free_data, money
from orders.api import examples
from orders.api.parts import AddressSerializer, ConfirmationSerializer, CustomerField, FreeData, LineSerializer
from orders.models import Order, Status

Form = TypeVar("Form", bound=serializers.ModelSerializer[Any])

MOST_LINES = 500


class TakenError(serializers.ValidationError):
    """The same client gave the `external_id` to another order."""

    def __init__(self) -> None:
        super().__init__(_taken())


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
        ),
        answer(examples.ORDER, "the order"),
    ]
)
class OrderSerializer(Prepared[Order]):
    """An order with its lines. `customer` is a username; `status` is `placed` (told at once) or `draft` when it is made.

    What was ordered, by whom and in which currency stays as it is: `customer`, `currency` and `lines` can't be changed.

    Moves of `status`: draft → placed, cancelled; placed → confirmed, shipped, delivered, cancelled;
    confirmed → shipped, delivered, cancelled; shipped → delivered, refunded; delivered → refunded; cancelled → refunded.
    Any other is a 400 `bad_move`.
    """

    customer = CustomerField(slug_field="username", queryset=User.customers())
    lines = LineSerializer(many=True)
    shipping_address = AddressSerializer(source="*", required=False)
    # Named like the serializer's own attribute, which the metaclass leaves alone.
    data = FreeData(required=False)  # type: ignore[assignment]
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
            "updated_at",
            "confirmation",
            "conversation_id",
            "chat_url",
        ]
        read_only_fields = ["number", "version", "created_at", "placed_at", "updated_at"]

    def to_internal_value(self, data: Any) -> Any:
        """Refuse a change of what stays; the stored value sent again is no change."""
        if self.instance is not None and isinstance(data, dict):
            stays: dict[str, Callable[[Any], bool]] = {"customer": self._is_for, "currency": self._is_in, "lines": self._has_lines}
            errors = {name: [_stays()] for name, is_same in stays.items() if name in data and not is_same(data[name])}
            if errors:
                raise serializers.ValidationError(errors)
            data = {name: value for name, value in data.items() if name not in stays}
        return super().to_internal_value(data)

    def _is_for(self, given: Any) -> bool:
        """Whether that is the stored customer, however the name is written."""
        return isinstance(given, str) and self.instance is not None and name_of(given) == self.instance.customer.username

    def _is_in(self, given: Any) -> bool:
        """Whether that is the stored currency."""
        return isinstance(given, str) and self.instance is not None and given.strip() == self.instance.currency

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

    @extend_schema_field(ConfirmationSerializer(allow_null=True))
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
        if order.created_by_id is None:
            return False
        return Order.objects.exclude(pk=order.pk).filter(Order.has_external_id(external_id), created_by=order.created_by_id).exists()

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


def external_id_in(given: Any) -> str:
    """The shop's own id as it would be stored; empty where there is none, or one that is refused."""
    try:
        sent = given.get("external_id", "") if isinstance(given, Mapping) else ""
        return str(_shared(OrderSerializer).fields["external_id"].run_validation(sent))
    except serializers.ValidationError:
        return ""


def as_json(order: Order) -> dict[str, Any]:
    """The order as the API gives it out."""
    return dict(_shared(OrderSerializer).to_representation(order))


def _shared(form: Callable[[], Form]) -> Form:
    """A serializer that is handed what it works on and keeps nothing of it, so that all threads share it: building one costs more."""
    shared: Form = _of_language(form, get_language())
    return shared


@cache
def _of_language(form: Callable[[], Form], language: str | None) -> Form:
    """One for each language: DRF words the limits of a field once, in the language of whoever hits on one first."""
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
