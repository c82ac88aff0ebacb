"""A look at the record: conversations, who is in them, and what was said. Nothing can be changed here, because events never change."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chat.models import Conversation, Event, Member

LONGEST_WORDS = 120


class ReadOnly:
    """Whoever may view may view, and nobody may do more."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows come from the chat alone."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What was said was said."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A hole in the numbers would look like a lost message to every page."""
        return False


class MemberInline(ReadOnly, admin.TabularInline[Member, Conversation]):
    """Who is in the conversation, and how far they have read."""

    model = Member
    fields = readonly_fields = ("user", "state", "seen_sequence", "joined_at", "public_id", "provider_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        """With their names."""
        return super().get_queryset(request).select_related("user")


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, admin.ModelAdmin[Conversation]):
    """The newest first, as in the inbox."""

    list_display = ("customer", "sequence", "waiting_since", "last_event_at", "last_text", "public_id")
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
class EventAdmin(ReadOnly, admin.ModelAdmin[Event]):
    """One conversation's record, or everybody's newest."""

    list_display = ("sequence", "conversation", "type", "sender", "words", "created_at")
    list_filter = ("type", "created_at")
    list_select_related = ("conversation", "from_member__user")
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
