"""A look at the record: conversations, who is in them, and what was said. Nothing can be changed here, because events never change."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin_filters import OfTheNewest
from accounts.admin_read_only import ReadOnly
from chat.admin_conversation import ConversationColumn
from chat.models import Conversation, Event, Member

LONGEST_WORDS = 120


class MemberInline(ReadOnly, admin.TabularInline[Member, Conversation]):
    """Who is in the conversation, and how far they have read."""

    model = Member
    fields = readonly_fields = ("user", "state", "seen_sequence", "seen_at", "joined_at", "public_id", "provider_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        """With their names."""
        return super().get_queryset(request).select_related("user")


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, admin.ModelAdmin[Conversation]):
    """The newest first, as in the inbox."""

    list_display = ("customer", "sequence", "waiting_since", "last_event_at", "last_text")
    list_filter = (("waiting_since", admin.EmptyFieldListFilter), "last_event_at")
    list_per_page = 50
    search_fields = ("public_id", "provider_id", "customer__name", "customer__username", "customer__email", "customer__phone")
    search_help_text = _("Conversation id, or the customer's name, mail address or phone")
    show_full_result_count = False
    ordering = ("-last_event_at", "-pk")
    inlines = (MemberInline,)
    fields = readonly_fields = (
        "customer",
        "public_id",
        "provider_id",
        "events_link",
        "sequence",
        "waiting_since",
        "last_event_at",
        "last_text",
        "created_at",
    )

    @admin.display(description=_("record"))
    def events_link(self, conversation: Conversation) -> SafeString:
        """All events, on a list of their own: there may be thousands."""
        url = f"{reverse('admin:chat_event_changelist')}?conversation__id__exact={conversation.pk}"
        return format_html('<a href="{}">{}</a>', url, _("All events"))


@admin.register(Event)
class EventAdmin(ConversationColumn, ReadOnly, admin.ModelAdmin[Event]):
    """One conversation's record, or everybody's newest."""

    list_display = ("sequence", "talk_with", "type", "sender", "words", "created_at")
    list_filter = (("type", OfTheNewest), "created_at")
    list_select_related = ("conversation__customer", "from_member__user")
    list_per_page = 50
    search_fields = ("conversation__public_id", "provider_id__exact", "client_key__exact")
    search_help_text = _("Conversation id, Vonage's event id or client key")
    show_full_result_count = False
    ordering = ("-pk",)

    @admin.display(description=_("from"))
    def sender(self, event: Event) -> str:
        """A person, or the system."""
        return event.from_member.user.display_name if event.from_member else str(_("system"))

    @admin.display(description=_("text"))
    def words(self, event: Event) -> str:
        """The beginning of what a person would read."""
        text = str(event.body.get("text", ""))
        return text if len(text) <= LONGEST_WORDS else text[: LONGEST_WORDS - 1] + "…"
