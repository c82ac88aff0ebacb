"""What staff with the permission do with a customer's data as a whole: hand it over, or erase it."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import callers, privacy, traces
from accounts.models import User

PLACES_NAMED = 10


class PrivacyActions(UserAdmin[User]):
    """Two actions on the list of people; each is written down in the audit log."""

    @admin.action(description=_("Export everything about this customer"), permissions=["export"])
    def export_everything(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """One file for one person."""
        if queryset.count() != 1:
            self.message_user(request, gettext("Choose one customer: each gets a file of their own."), messages.WARNING)
            return None
        customer = queryset.get()
        try:
            file = privacy.export(customer, by=callers.user_of(request))
        except privacy.NotACustomerError as error:
            self.message_user(request, str(error), messages.ERROR)
            return None
        headers = {"Content-Disposition": f'attachment; filename="{customer.public_id}.html"', "Cache-Control": "no-store"}
        return HttpResponse(file, content_type="text/html; charset=utf-8", headers=headers)

    @admin.action(description=_("Erase these customers…"), permissions=["erase"])
    def erase(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """First a page that says what it means; then it is done, and what is left is searched for."""
        if request.POST.get("confirmed") != "yes":
            return render(request, "admin/accounts/user/erase.html", self._page(request, queryset))
        for customer in queryset:
            try:
                terms, _done = privacy.erase(customer, by=callers.user_of(request))
            except privacy.NotACustomerError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                self._tell(request, customer.public_id, privacy.left(terms))
        return None

    def has_export_permission(self, request: HttpRequest) -> bool:
        """A permission of its own."""
        return request.user.has_perm("accounts.export_customer")

    def has_erase_permission(self, request: HttpRequest) -> bool:
        """A permission of its own."""
        return request.user.has_perm("accounts.erase_customer")

    def _page(self, request: HttpRequest, queryset: QuerySet[User]) -> dict[str, Any]:
        people = list(queryset)
        context = {"title": gettext("Erase customers"), "people": people, "opts": self.opts}
        return {**self.admin_site.each_context(request), **context}

    def _tell(self, request: HttpRequest, public_id: str, found: list[traces.Trace]) -> None:
        tables, files = traces.searched()
        if not found:
            words = gettext("%(id)s is erased. Name, mail address and phone number stand nowhere in %(tables)d tables and %(files)d files.")
            self.message_user(request, words % {"id": public_id, "tables": tables, "files": files}, messages.SUCCESS)
            return
        places = ", ".join(str(trace) for trace in found[:PLACES_NAMED])
        words = gettext("%(id)s is erased, but %(count)d places still name them. Look at: %(places)s")
        self.message_user(request, words % {"id": public_id, "count": len(found), "places": places}, messages.WARNING)
