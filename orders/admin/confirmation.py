"""The outbox of confirmations for operators: look, and try again."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chat.admin_outbox import OutboxAdmin, StateFilter
from orders.models import OrderConfirmation


@admin.register(OrderConfirmation)
class OrderConfirmationAdmin(OutboxAdmin):
    """Each telling of an order: the proof that somebody was told, or the reason why not."""

    list_display = ("order_link", "version", "state_words", "attempts", "next_attempt", "error_in_words", "delivery")
    list_display_links = ("version",)
    list_filter = (StateFilter, "delivery", "created_at")
    list_select_related = ("order",)
    search_fields = ("order__number__exact", "message_id", "error_code", "last_error")
    search_help_text = _("Order number, message id or words of an error")

    @admin.display(description=_("order"), ordering="order_id")
    def order_link(self, row: OrderConfirmation) -> SafeString:
        """The order's number, leading to its page."""
        return format_html('<a href="{}">{}</a>', reverse("admin:orders_order_change", args=[row.order_id]), row.order_id)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whoever may tell a customer again may also try again."""
        return request.user.has_perm("orders.resend_confirmation")
