"""Which orders and customers a list shows, and in which order."""

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request

from accounts.api.pagination import in_utc
from accounts.lookups import same_letters
from accounts.models import User
from orders import journey
from orders.models import Order, Status


class _MomentField(filters.IsoDateTimeFilter.field_class):
    """A time that a database can keep."""

    def to_python(self, value: Any) -> datetime | None:
        time: datetime | None = super().to_python(value)
        try:
            return time and in_utc(time)
        except ValueError as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error


class Moment(filters.IsoDateTimeFilter):
    """A time, ISO 8601."""

    field_class = _MomentField


# For the API's document, which is in English.
TOLD = (
    "How the latest telling stands: `done`, `waiting` and `failed` are the state of its confirmation; `unknown`: the mail provider's "
    "answer was lost; `returned`: the mail was sent and came back; `changed`: the mail was sent, and the articles or the currency were "
    "changed since; `nobody`: nobody is to be told, as of a draft. Cancelled orders are not among `failed`, `returned` and "
    "`changed`, nor among `unknown` once we ask no more: nobody is told of them again."
)


class OrderFilter(filters.FilterSet):
    """`status` may be given several times. Times are ISO 8601; `…_from` is part of the range, `…_before` is not."""

    status = filters.MultipleChoiceFilter(choices=Status.choices)
    customer = filters.CharFilter(field_name="customer__username", max_length=150)
    external_id = filters.CharFilter(method="by_external_id", max_length=100)
    told = filters.ChoiceFilter(choices=list(journey.TOLD_STATES.items()), method="by_told", help_text=TOLD)
    placed_from = Moment(field_name="placed_at", lookup_expr="gte")
    placed_before = Moment(field_name="placed_at", lookup_expr="lt")
    changed_from = Moment(field_name="updated_at", lookup_expr="gte")

    class Meta:
        model = Order
        fields: list[str] = []

    def by_external_id(self, orders: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        """Every client's order of that id, as there may be some."""
        return orders.filter(Order.has_external_id(value))

    def by_told(self, orders: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        """How the latest telling stands, as in the admin's list."""
        return journey.by_told(orders, value)


class CustomerFilter(filters.FilterSet):
    """Customers by what a shop knows of them."""

    username = filters.CharFilter(max_length=150)
    email = filters.CharFilter(method="by_email", max_length=254)

    class Meta:
        model = User
        fields: list[str] = []

    def by_email(self, customers: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        """In capitals or not."""
        return customers.filter(same_letters(name, value))


class Ordering(OrderingFilter):
    """`?ordering=` with a name of the view's `ordering_fields`; another one is refused, because a list in another order misleads."""

    def remove_invalid_fields(self, queryset: QuerySet[Any], fields: Any, view: Any, request: Request) -> list[str]:
        """The fields, of which there is one: pages by cursor follow a single column."""
        allowed = {sign + name for name in view.ordering_fields for sign in ("", "-")}
        if len(fields) != 1 or fields[0] not in allowed:
            detail = _("Write one of: %(names)s.") % {"names": ", ".join(sorted(allowed))}
            raise ValidationError({"ordering": [detail]}, code="invalid_choice")
        return list(fields)
