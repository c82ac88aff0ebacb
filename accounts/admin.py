"""People and keys in the admin."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.admin import APIKeyModelAdmin
from rest_framework_api_key.models import APIKey as PackagedApiKey

from accounts.models import ApiKey, User

# The package registers a key model of its own; ours belongs to a client.
admin.site.unregister(PackagedApiKey)


@admin.register(User)
class PersonAdmin(UserAdmin[User]):
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
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "name", "email", "phone", "usable_password", "password1", "password2")}),
    )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[User], search_term: str) -> tuple[QuerySet[User], bool]:
        """An order's customer is looked for among the active people only."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        return (found.filter(is_active=True) if "autocomplete" in request.path else found), may_repeat


@admin.register(ApiKey)
class ApiKeyAdmin(APIKeyModelAdmin):
    """A key is shown once, when it is made."""

    list_display = ("prefix", "user", "name", "created", "expiry_date", "revoked")
    autocomplete_fields = ("user",)
