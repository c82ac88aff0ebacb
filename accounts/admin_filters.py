"""Filters of the admin's lists."""

from typing import Any

from django.contrib import admin


class OfTheNewest(admin.AllValuesFieldListFilter):
    """Offers the values that the newest rows have, and the chosen one: to tell every value there is, a database reads every row."""

    LOOKED_THROUGH = 1000

    def __init__(self, field: Any, request: Any, params: Any, model: Any, model_admin: Any, field_path: str) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        newest = model_admin.get_queryset(request).order_by("-pk").values_list(field.name, flat=True)
        offered = sorted({*newest[: self.LOOKED_THROUGH], *(self.lookup_val or [])})
        self.lookup_choices = offered  # type: ignore[assignment] # any iterable will do
