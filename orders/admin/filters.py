"""Filters of the order list and of the list of confirmations."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.outbox import State
from orders import journey
from orders.models import Order, OrderConfirmation

Choices = list[tuple[str, Any]]


class ToldFilter(admin.SimpleListFilter):
    """Orders by how their latest confirmation stands."""

    title = _("customer told")
    parameter_name = "told"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """In the order in which a clerk cares."""
        return list(journey.TOLD_STATES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """Those of the chosen state."""
        value = self.value()
        return journey.by_told(queryset, value) if value in journey.TOLD_STATES else queryset


class StateFilter(admin.SimpleListFilter):
    """Confirmations as an operator looks at them."""

    title = _("state")
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """From the one to worry about to the one to forget."""
        return [
            ("failed", _("failed")),
            ("unknown", _("outcome unknown")),
            ("due", _("due")),
            ("waiting", _("waiting")),
            ("done", _("done")),
            ("cancelled", _("cancelled")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OrderConfirmation]) -> QuerySet[OrderConfirmation]:
        """`due` is work for now, `waiting` is work for later."""
        value = self.value()
        if value == "due":
            return queryset.filter(state=State.WAITING, next_attempt_at__lte=timezone.now())
        if value == "waiting":
            return queryset.filter(state=State.WAITING, next_attempt_at__gt=timezone.now())
        if value == "unknown":
            return queryset.filter(is_unknown=True)
        return queryset.filter(state=value) if value else queryset
