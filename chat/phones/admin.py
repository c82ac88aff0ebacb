"""Texts and calls for operators: how far each got, why it failed, and for texts one button to try again."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from chat.admin_mirror import OutboxAdmin
from chat.phones.models import CallReport, Notice, PhoneCall


@admin.register(Notice)
class NoticeAdmin(OutboxAdmin):
    """Texts to agents. One whose outcome is unknown is sent again only by a person."""

    list_display = ("pk", "conversation", "agent", "state_words", "delivery", "attempts", "error_in_words", "created_at")
    list_select_related = ("conversation", "agent")
    search_fields = ("conversation__public_id__exact", "agent__username", "error_code")
    search_help_text = _("Conversation id, agent, or the code of an error")


class Untouched(OutboxAdmin):
    """Rows that a second try would only double."""

    def has_retry_permission(self, request: object) -> bool:
        """Nobody: the customer asks again."""
        return False


@admin.register(PhoneCall)
class PhoneCallAdmin(Untouched):
    """Calls that customers asked for."""

    list_display = (
        "public_id",
        "conversation",
        "agent",
        "progress",
        "side",
        "talked_seconds",
        "state_words",
        "error_in_words",
        "created_at",
    )
    list_select_related = ("conversation", "agent")
    search_fields = ("public_id__exact", "conversation__public_id__exact", "number__exact", "error_code")
    search_help_text = _("Call id, conversation id or number (digits only)")


@admin.register(CallReport)
class CallReportAdmin(Untouched):
    """What Vonage told of each phone."""

    list_display = ("pk", "call", "side", "status", "seconds", "state_words", "error_in_words", "created_at")
    list_select_related = ("call",)
    search_fields = ("call__public_id__exact", "leg_id__exact", "provider_conversation_id__exact")
    search_help_text = _("Call id, or Vonage's id of a leg or its conversation")
