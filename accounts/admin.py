"""People and keys in the admin."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.admin import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDevice

from accounts import addresses, callers, rights, second_factor
from accounts.admin_privacy import PrivacyActions
from accounts.admin_read_only import ReadOnly
from accounts.forms import CustomerForm
from accounts.models import API_CLIENTS_GROUP, AuditEntry, User

# The packages' own pages show the secrets.
admin.site.unregister([StaticDevice, TOTPDevice])
admin.site.unregister(Group)

# Who may write these could make themselves a superuser.
ROLES = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    """What a group may, superusers say: whoever is in one could give themselves more."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers only."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Superusers only."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Superusers only."""
        return bool(request.user.is_superuser)


@admin.register(User)
class PersonAdmin(PrivacyActions):
    """Customers, agents and staff in one list; the role is read from their permissions."""

    list_display = ("username", "name", "email", "on_duty", "is_staff", "date_joined")
    list_filter = ("is_staff", "is_active", "on_duty", "groups", "language")
    search_fields = ("username", "name", "email", "phone")
    # The newest first. By `date_joined`, of which there is no index, all people would be sorted for each page.
    ordering = ("-pk",)
    readonly_fields = ("public_id", "provider_id", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "name", "email", "phone", "password")}),
        (_("Language and time"), {"fields": ("language", "time_zone")}),
        (_("Roles"), {"fields": ("is_active", "on_duty", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Ids"), {"classes": ("collapse",), "fields": ("public_id", "provider_id", "last_login", "date_joined")}),
    )
    actions = ("reset_second_factor", "export_everything", "erase")
    add_form_template = "admin/accounts/user/add_form.html"
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "name", "email", "phone", "usable_password", "password1", "password2")}),
    )

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A customer, unless the address asks for somebody who logs in."""
        title = gettext("Add somebody with a log-in") if logs_in(request) else gettext("Add customer")
        return super().add_view(request, form_url, {"title": title, "logs_in": logs_in(request)} | (extra_context or {}))

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        """A customer is asked for no password."""
        if obj is None and not logs_in(request):
            kwargs["form"] = CustomerForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """The fields of that form."""
        if obj is None and not logs_in(request):
            return [(None, {"classes": ("wide",), "fields": CustomerForm.Meta.fields})]
        return super().get_fieldsets(request, obj)

    @admin.action(description=_("Remove the second factor (lost phone)"), permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Their next log-in sets up a new app."""
        by = callers.user_of(request)
        people = [person for person in queryset if rights.may_change(request.user, person)]
        if len(people) < len(queryset):
            refused = gettext("Only superusers do this for staff, and for people who have more permissions than you.")
            self.message_user(request, refused, messages.WARNING)
        gone = sum(second_factor.reset(person, by=by) for person in people)
        words = ngettext(
            "%d person sets up a new second factor at the next log-in.", "%d people set up a new one at the next log-in.", gone
        )
        self.message_user(request, words % gone)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Roles are given by superusers."""
        return self.readonly_fields if request.user.is_superuser else (*self.readonly_fields, *ROLES)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Their data and their password: not of staff, nor of people with more permissions than one's own, nor of who was erased."""
        may = super().has_change_permission(request, obj)
        return may and (obj is None or (rights.may_change(request.user, obj) and not obj.is_erased))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> User | None:
        """A save waits for an erasure under way, and then finds who was erased. (A new password's page has no transaction.)"""
        person = super().get_object(request, object_id, from_field)
        if person and request.method == "POST" and connection.in_atomic_block:
            return User.objects.select_for_update(no_key=True).filter(pk=person.pk).first()
        return person

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """As for changing."""
        return super().has_delete_permission(request, obj) and (obj is None or rights.may_change(request.user, obj))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Another mail address is told to the one before."""
        super().save_model(request, obj, form, change)
        if change and "email" in form.changed_data:
            addresses.changed(obj, before=form.initial["email"], by=callers.user_of(request))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Nothing about second factors where nobody has one."""
        actions = super().get_actions(request)
        return actions if settings.TWO_FACTOR else {name: act for name, act in actions.items() if name != "reset_second_factor"}

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[User], search_term: str) -> tuple[QuerySet[User], bool]:
        """Only active people are offered: for an order customers, for a key programs."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if "autocomplete" not in request.path:
            return found, may_repeat
        if request.GET.get("model_name") == "apikey":
            found = found.filter(groups__name=API_CLIENTS_GROUP)
        elif request.GET.get("field_name") == "customer":
            # Of those found; as a subquery, the database would first list every customer.
            found &= User.customers()
        return found.filter(is_active=True), may_repeat


def logs_in(request: HttpRequest) -> bool:
    """Whether the person who is added gets a username and a password: agents, staff and programs."""
    return "log_in" in request.GET


@admin.register(AuditEntry)
class AuditAdmin(ReadOnly, admin.ModelAdmin[AuditEntry]):
    """The audit log. Old entries end by the clock alone."""

    list_display = ("at", "who", "act", "subject", "details")
    list_display_links = None
    list_filter = ("action", "at")
    list_select_related = ("actor",)
    search_fields = ("subject", "actor__username", "actor_id_then")
    search_help_text = _("Id of a person, a conversation or an order; or who did it")
    date_hierarchy = "at"

    @admin.display(description=_("who"))
    def who(self, entry: AuditEntry) -> str:
        """The person; their id where they are gone; a command where nobody was logged in."""
        return str(entry.actor or entry.actor_id_then or gettext("a command on the server"))

    @admin.display(description=_("act"), ordering="action")
    def act(self, entry: AuditEntry) -> str:
        """The action in words."""
        return str(dict(AuditEntry.Action.choices).get(entry.action, entry.action))
