"""The outbox of confirmations for operators: look, and try again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from chat.outbox import State
from orders import journey
from orders.admin.filters import StateFilter
from orders.models import OrderConfirmation


@admin.register(OrderConfirmation)
class OrderConfirmationAdmin(admin.ModelAdmin[OrderConfirmation]):
    """Read-only: rows are written by orders and worked on by the worker."""

    list_display = ("order_link", "version", "state_words", "attempts", "next_attempt", "error_in_words", "delivery")
    list_display_links = ("version",)
    list_filter = (StateFilter, "delivery", "created_at")
    list_select_related = ("order",)
    list_per_page = 50
    search_fields = ("order__number__exact", "message_id", "error_code", "last_error")
    search_help_text = _("Order number, message id or words of an error")
    show_full_result_count = False
    ordering = ("-pk",)
    actions = ("retry_now",)

    @admin.display(description=_("order"), ordering="order_id")
    def order_link(self, row: OrderConfirmation) -> SafeString:
        """The order's number, leading to its page."""
        return format_html('<a href="{}">{}</a>', reverse("admin:orders_order_change", args=[row.order_id]), row.order_id)

    @admin.display(description=_("state"), ordering="state")
    def state_words(self, row: OrderConfirmation) -> str:
        """The state, and whether the mail may have left without our knowing."""
        return f"{row.get_state_display()}, {gettext('outcome unknown')}" if row.is_unknown else row.get_state_display()

    @admin.display(description=_("next attempt"), ordering="next_attempt_at")
    def next_attempt(self, row: OrderConfirmation) -> str:
        """Only a waiting row has one."""
        return journey.moment(row.next_attempt_at) if row.state == State.WAITING else "–"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Named for what it shows."""
        return super().changelist_view(request, {"title": gettext("Confirmations")} | (extra_context or {}))

    @admin.action(description=_("Retry now"), permissions=["retry"])
    def retry_now(self, request: HttpRequest, queryset: QuerySet[OrderConfirmation]) -> None:
        """Make failed and waiting rows due at once."""
        rows = list(queryset)
        changed = sum(row.retry_now() for row in rows)
        left = len(rows) - changed
        if changed:
            words = ngettext("%d confirmation is tried again now.", "%d confirmations are tried again now.", changed)
            self.message_user(request, words % changed, messages.SUCCESS)
        if left:
            words = ngettext(
                "%d was left alone: it is done, cancelled or being worked on.",
                "%d were left alone: they are done, cancelled or being worked on.",
                left,
            )
            self.message_user(request, words % left, messages.WARNING)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whoever may tell a customer again may also try again."""
        return request.user.has_perm("orders.resend_confirmation")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The signal adds them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: OrderConfirmation | None = None) -> bool:
        """The worker changes them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: OrderConfirmation | None = None) -> bool:
        """They are the proof that somebody was told."""
        return False
