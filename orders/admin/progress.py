"""Orders that moved on, for operators: whether it shows in the conversation, why not, and one button to try again."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from chat.admin_outbox import OutboxAdmin, StateFilter
from orders.models import OrderStatusChange


@admin.register(OrderStatusChange)
class OrderStatusChangeAdmin(OutboxAdmin):
    """Each move of an order, and how far it got into the customer's conversation."""

    list_display = ("id", "order", "previous", "status", "state_words", "attempts", "next_attempt", "error_in_words", "created_at")
    list_filter = (StateFilter, "status", "created_at")
    list_select_related = ("order",)
    search_fields = ("order__number__exact", "error_code", "last_error")
    search_help_text = _("Order number, or words of an error")
