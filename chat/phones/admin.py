"""Texts and calls for operators: how far each got, why it failed, and one button to try again."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from chat.admin_conversation import ConversationColumn
from chat.admin_outbox import OutboxAdmin
from chat.phones.models import CallReport, Notice, PhoneCall


@admin.register(Notice)
class NoticeAdmin(ConversationColumn, OutboxAdmin):
    """Texts to agents. One whose outcome is unknown is sent again only by a person."""

    list_display = ("id", "talk_with", "agent", "state_words", "delivery", "attempts", "error_in_words", "created_at")
    list_select_related = ("conversation__customer", "agent")
    search_fields = ("conversation__public_id__exact", "agent__username", "error_code")
    search_help_text = _("Conversation id, agent, or the code of an error")


@admin.register(PhoneCall)
class PhoneCallAdmin(ConversationColumn, OutboxAdmin):
    """Calls that customers asked for."""

    not_retried_because = _("A call is not placed again: two phones would ring at a moment that nobody chose. The customer asks once more.")
    list_display = (
        "public_id",
        "talk_with",
        "agent",
        "progress",
        "side",
        "talked_seconds",
        "state_words",
        "error_in_words",
        "created_at",
    )
    list_select_related = ("conversation__customer", "agent")
    search_fields = ("public_id__exact", "conversation__public_id__exact", "number__exact", "error_code")
    search_help_text = _("Call id, conversation id or number (digits only)")


@admin.register(CallReport)
class CallReportAdmin(OutboxAdmin):
    """What Vonage told of each phone. Reading it once more changes nothing that was read already."""

    list_display = ("id", "call", "side", "status", "seconds", "state_words", "error_in_words", "created_at")
    list_select_related = ("call",)
    search_fields = ("call__public_id__exact", "leg_id__exact", "provider_conversation_id__exact")
    search_help_text = _("Call id, or Vonage's id of a leg or its conversation")
