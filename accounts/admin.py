"""People and keys in the admin."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.admin import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDevice

from accounts import addresses, rights, second_factor
from accounts.admin_privacy import PrivacyActions
from accounts.models import AuditEntry, User

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

    list_display = ("username", "name", "email", "phone", "on_duty", "language", "is_staff", "date_joined")
    list_filter = ("is_staff", "is_active", "on_duty", "groups", "language")
    search_fields = ("username", "name", "email", "phone")
    ordering = ("-date_joined",)
    readonly_fields = ("public_id", "provider_id", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "name", "email", "phone", "password")}),
        (_("Language and time"), {"fields": ("language", "time_zone")}),
        (_("Roles"), {"fields": ("is_active", "on_duty", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Ids"), {"classes": ("collapse",), "fields": ("public_id", "provider_id", "last_login", "date_joined")}),
    )
    actions = ("reset_second_factor", "export_everything", "erase")
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "name", "email", "phone", "usable_password", "password1", "password2")}),
    )

    @admin.action(description=_("Remove the second factor (lost phone)"), permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Their next log-in sets up a new app."""
        by = request.user if isinstance(request.user, User) else None
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
        """Their data and their password: not of staff, nor of people with more permissions than one's own."""
        return super().has_change_permission(request, obj) and (obj is None or rights.may_change(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """As for changing."""
        return super().has_delete_permission(request, obj) and (obj is None or rights.may_change(request.user, obj))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Another mail address is told to the one before."""
        super().save_model(request, obj, form, change)
        if change and "email" in form.changed_data:
            addresses.changed(obj, before=form.initial["email"], by=request.user if isinstance(request.user, User) else None)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Nothing about second factors where nobody has one."""
        actions = super().get_actions(request)
        return actions if settings.TWO_FACTOR else {name: act for name, act in actions.items() if name != "reset_second_factor"}

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[User], search_term: str) -> tuple[QuerySet[User], bool]:
        """An order's customer is looked for among the active people only."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        return (found.filter(is_active=True) if "autocomplete" in request.path else found), may_repeat


@admin.register(AuditEntry)
class AuditAdmin(admin.ModelAdmin[AuditEntry]):
    """The audit log, to be read only."""

    list_display = ("at", "who", "act", "subject", "details")
    list_display_links = None
    list_filter = ("action", "at")
    list_select_related = ("actor",)
    search_fields = ("subject", "actor__username", "actor_id_then")
    search_help_text = _("Id of a person, a conversation or an order; or who did it")
    date_hierarchy = "at"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Named for what it shows."""
        return super().changelist_view(request, {"title": gettext("Audit log")} | (extra_context or {}))

    @admin.display(description=_("who"))
    def who(self, entry: AuditEntry) -> str:
        """The person; their id where they are gone; a command where nobody was logged in."""
        return str(entry.actor or entry.actor_id_then or gettext("a command on the server"))

    @admin.display(description=_("act"), ordering="action")
    def act(self, entry: AuditEntry) -> str:
        """The action in words."""
        return str(dict(AuditEntry.Action.choices).get(entry.action, entry.action))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Entries come with the acts."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """What was written down stays."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Old entries end by the clock alone."""
        return False
