"""The filter of the order list."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from orders import journey
from orders.models import Order

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
