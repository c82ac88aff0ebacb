"""The admin's menu and first page: what people work with stands before what the workers write. And addresses that somebody made up."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

# By app, whose name is the section's; every other list is one of records.
WORK = {
    "orders": ("orders.order",),
    "chat": ("chat.conversation", "chat.event", "chat.accesslink"),
    "accounts": ("accounts.user", "auth.group", "accounts.apikey", "orders.webhookendpoint"),
}
Section = dict[str, Any]
View = Callable[..., HttpResponseBase]


class Site(admin.AdminSite):
    """The admin as Django's, but for the order of its lists, and for a 400 where Django's own questions to the database would be a 500."""

    def admin_view(self, view: View, cacheable: bool = False) -> View:  # type: ignore[override]  # the stubs want the very same type back
        """Refuse what no list links to: NUL, which PostgreSQL can't take, and numbers that no database has."""

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if any("\x00" in value for _name, values in request.GET.lists() for value in values):
                raise BadRequest("NUL in the address")
            try:
                return view(request, *args, **kwargs)
            except (OverflowError, DataError) as error:
                if request.method not in {"GET", "HEAD"}:
                    raise
                raise BadRequest("a number in the address") from error

        return super().admin_view(guarded, cacheable)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Section]:
        """Sections with the lists that this person may see; with an app's label, that app's lists as ever."""
        found: list[Section] = super().get_app_list(request, app_label)
        if app_label:
            return found
        lists = {one["model"]._meta.label_lower: one for app in found for one in app["models"]}
        sections = [_section(label, [lists.pop(name) for name in names if name in lists]) for label, names in WORK.items()]
        rest = sorted(lists.values(), key=lambda one: str(one["name"]))
        records = {"name": _("Outbox and records"), "app_label": "records", "app_url": f"{reverse('admin:index')}#records", "models": rest}
        return [section for section in (*sections, records) if section["models"]]


def _section(label: str, lists: list[Section]) -> Section:
    url = reverse("admin:app_list", kwargs={"app_label": label})
    return {"name": apps.get_app_config(label).verbose_name, "app_label": label, "app_url": url, "models": lists}
