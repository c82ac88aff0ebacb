"""Outgoing webhooks in the admin: who is told of events, what became of each telling, and once more where it failed."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import audit, callers
from accounts.models import AuditEntry
from chat.admin_outbox import OutboxAdmin
from chat.outbox import OutboxRow
from chat.sentences import in_words
from orders import outgoing
from orders.backends import endpoints
from orders.feed_models import Happening
from orders.webhook_models import WebhookDelivery, WebhookEndpoint


class EndpointForm(forms.ModelForm[WebhookEndpoint]):
    """Events as boxes; an address is refused where nothing may be sent."""

    types = forms.MultipleChoiceField(
        label=_("Events"),
        choices=Happening.choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("None chosen means all of them."),
    )

    def clean_url(self) -> str:
        """Only where a webhook may go."""
        url: str = self.cleaned_data["url"]
        if refused := endpoints.refusal(url):
            raise forms.ValidationError(in_words(refused), code="address_refused")
        return url


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(admin.ModelAdmin[WebhookEndpoint]):
    """Addresses, and whether they take what they are told."""

    form = EndpointForm
    list_display = ("url", "is_active", "why_off", "failing_since", "created_by", "created_at")
    list_filter = ("is_active",)
    list_select_related = ("created_by",)
    search_fields = ("url", "public_id")
    fields = ("url", "types", "is_active", "why_off", "failing_since", "created_by", "created_at")
    readonly_fields = ("why_off", "failing_since", "created_by", "created_at")
    actions = ("replace_secret",)

    def get_fields(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> tuple[str, ...]:
        """Of one that is not there yet nothing can be told."""
        return self.fields if obj else ("url", "types")

    @admin.display(description=_("why it was switched off"))
    def why_off(self, endpoint: WebhookEndpoint) -> str:
        """In the reader's language."""
        return in_words(endpoint.off_reason)

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        """A new one's secret is shown now; switching one on forgets why it was off."""
        if not change:
            obj.created_by = callers.user_of(request)
        if obj.is_active:
            obj.off_reason, obj.failing_since = "", None
        super().save_model(request, obj, form, change)
        if not change:
            self._show(request, obj, outgoing.shown_secret(obj))

    @admin.action(description=_("Replace the secret (the old one signs for 24 more hours)"), permissions=["change"])
    def replace_secret(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """For a secret that somebody else may know, or has had for long."""
        for endpoint in queryset:
            self._show(request, endpoint, outgoing.replace_secret(endpoint))
            audit.record(request.user, AuditEntry.Action.WEBHOOK_SECRET_REPLACED, endpoint)

    def _show(self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> None:
        words = format_html(
            gettext("The secret of {} is {} The receiver checks each delivery's signature by it."),
            endpoint.url,
            format_html("<code>{}</code>", secret),
        )
        self.message_user(request, words, messages.WARNING)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(OutboxAdmin):
    """Each telling, how far it got, and one button to send it again. What was sent is not shown: the feed has it."""

    list_display = ("id", "endpoint", "event", "state_words", "status_code", "attempts", "next_attempt", "finished_at", "error_in_words")
    list_select_related = ("endpoint", "event")
    search_fields = ("public_id__exact", "error_code", "last_error")
    search_help_text = _("Delivery id, or words of an error")
    actions = ("send_again",)

    @admin.action(description=_("Send again, whatever became of it"), permissions=["retry"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> None:
        """Under the same delivery id, so that a receiver that has it knows so."""
        rows = [row for row in queryset if isinstance(row, WebhookDelivery)]
        left = [row for row in rows if not row.send_again()]
        if count := len(rows) - len(left):
            self.message_user(request, ngettext("%d delivery is sent again now.", "%d deliveries are sent again now.", count) % count)
        off = sum(not row.endpoint.is_active for row in left)
        if off:
            words = ngettext(
                "%d was left alone: its webhook is switched off. Switch it on first.",
                "%d were left alone: their webhooks are switched off. Switch them on first.",
                off,
            )
            self.message_user(request, words % off, messages.WARNING)
        if under_way := len(left) - off:
            words = ngettext(
                "%d was left alone: it is being sent at this moment.",
                "%d were left alone: they are being sent at this moment.",
                under_way,
            )
            self.message_user(request, words % under_way, messages.WARNING)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whoever may change webhooks."""
        return request.user.has_perm("orders.change_webhookendpoint")
