"""API keys in the admin: made, looked at, replaced and ended. A key itself is shown once."""

from typing import Any, ClassVar

import rest_framework_api_key.admin  # noqa: F401 - registers the package's own model, which is unregistered below
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.models import APIKey as PackagedApiKey

from accounts import audit, keys, rights
from accounts.models import API_CLIENTS_GROUP, ApiKey, AuditEntry, Scope, User

# The package registers a key model of its own; ours belongs to a client.
admin.site.unregister(PackagedApiKey)


class KeyForm(forms.ModelForm[ApiKey]):
    """Scopes as boxes: nobody writes JSON to give a right."""

    scopes = forms.MultipleChoiceField(
        label=_("May"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple, initial=[Scope.ORDERS_READ, Scope.ORDERS_WRITE]
    )
    maker: ClassVar[User | AnonymousUser]

    def clean_user(self) -> User:
        """Whoever holds a key may what its client may."""
        client: User = self.cleaned_data["user"]
        if not rights.has_all_rights_of(self.maker, client):
            words = _("This client has more permissions than you. Ask a superuser to make its key.")
            raise forms.ValidationError(words, code="beyond_your_rights")
        if not client.groups.filter(name=API_CLIENTS_GROUP).exists():
            words = _("%(name)s is no API client. Put them into the group “API clients” first; a customer or an agent needs no key.")
            raise forms.ValidationError(words, code="no_client", params={"name": client.display_name})
        return client


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin[ApiKey]):
    """The newest first, and whether each is still in use."""

    form = KeyForm
    list_display = ("prefix", "user", "name", "may", "created", "last_used_at", "expiry_date", "revoked")
    list_filter = ("revoked", "created", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username", "user__name")
    search_help_text = _("First eight characters of the key, its name or its client")
    autocomplete_fields = ("user",)
    fields = ("user", "name", "scopes", "expiry_date", "revoked", "prefix", "last_used_at")
    actions = ("rotate", "revoke")

    @admin.display(description=_("may"))
    def may(self, key: ApiKey) -> str:
        """In the form's words."""
        words = dict(Scope.choices)
        return "; ".join(str(words.get(scope, scope)) for scope in key.scopes)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """Of a key that is not there yet nothing can be told."""
        return self.fields if obj else ("user", "name", "scopes", "expiry_date")

    def get_form(self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Django makes a class for each request, so this one's maker is its own."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.maker = request.user
        return form

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Not of a client with more permissions; revoking, in the list, is for everybody who may change keys."""
        return super().has_change_permission(request, obj) and (obj is None or rights.has_all_rights_of(request.user, obj.user))

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """A key never changes hands: whose it was would no longer be told by what it did. One that was revoked stays so."""
        fixed = ("prefix", "last_used_at", *(["user"] if obj else []))
        return (*fixed, "name", "revoked", "expiry_date") if obj and obj.revoked else fixed

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """A new key is shown now or never."""
        was_revoked = change and "revoked" in form.changed_data
        if change:
            super().save_model(request, obj, form, change)
        else:
            key = ApiKey.objects.assign_key(obj)
            obj.save()
            self._show(request, obj, key)
        if not change or was_revoked:
            self._record(request, AuditEntry.Action.KEY_REVOKED if change else AuditEntry.Action.KEY_MADE, obj)
        elif form.changed_data:
            self._record(request, AuditEntry.Action.KEY_CHANGED, obj, fields=", ".join(form.changed_data))

    def delete_model(self, request: HttpRequest, obj: ApiKey) -> None:
        """A key that is gone is still in the audit log."""
        self._record(request, AuditEntry.Action.KEY_DELETED, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Those chosen in the list."""
        for key in queryset:
            self._record(request, AuditEntry.Action.KEY_DELETED, key)
        super().delete_queryset(request, queryset)

    @admin.action(description=_("Replace (the old key works for 24 more hours)"), permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """A new key for the same client, and a day to bring it where it is used."""
        for old in queryset:
            if not self.has_change_permission(request, old):
                words = gettext("The client of key %s has more permissions than you. Ask a superuser to replace it.")
                self.message_user(request, words % old.prefix, messages.WARNING)
                continue
            try:
                new, key = keys.rotate(old)
            except keys.EndedError:
                self.message_user(request, gettext("%s has ended already. Add a new key instead.") % old.prefix, messages.WARNING)
                continue
            self._show(request, new, key)
            self._record(request, AuditEntry.Action.KEY_MADE, new)

    @admin.action(description=_("Revoke at once"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """For a key that somebody else may know."""
        ended = [key for key in queryset if keys.revoke(key)]
        for key in ended:
            self._record(request, AuditEntry.Action.KEY_REVOKED, key)
        if ended:
            words = ngettext("%d key is revoked and no longer works.", "%d keys are revoked and no longer work.", len(ended))
            self.message_user(request, words % len(ended), messages.SUCCESS)

    def _show(self, request: HttpRequest, row: ApiKey, key: str) -> None:
        words = format_html(
            gettext("The new key of {} is {} Keep it somewhere safe now: it is never shown again."),
            row.user.username,
            format_html("<code>{}</code>", key),
        )
        self.message_user(request, words, messages.WARNING)

    def _record(self, request: HttpRequest, action: str, key: ApiKey, **details: str) -> None:
        # By its prefix: the primary key holds the hash.
        audit.record(request.user, action, f"accounts.apikey {key.prefix}", **details)
