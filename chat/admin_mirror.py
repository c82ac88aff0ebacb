"""The copy at Vonage for operators: what it refuses and why, with one button to try again; what is copied; what came back."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin_read_only import ReadOnly
from chat import mirror
from chat.admin_conversation import ConversationColumn
from chat.admin_outbox import OutboxAdmin
from chat.mirrored import MirroredEvent, MirrorRefusal, WebhookReceipt


@admin.register(MirrorRefusal)
class MirrorRefusalAdmin(ReadOnly, admin.ModelAdmin[MirrorRefusal]):
    """What Vonage refused for good. Orders, mails and the chat itself go on without it."""

    list_display = ("what", "kind", "reason", "code", "created_at", "button")
    list_display_links = None
    list_select_related = ("conversation__customer",)
    # What concerns every conversation is the latest of its kind, and its button takes the others along.
    ordering = ("-pk",)
    show_full_result_count = False
    actions = ("try_again",)

    @admin.display(description=_("what has stopped"))
    def what(self, refusal: MirrorRefusal) -> str:
        """Whose copy has stopped."""
        if refusal.conversation is None:
            return gettext("every conversation")
        return gettext("the conversation with %(name)s") % {"name": refusal.conversation.customer.display_name}

    @admin.display(description="")
    def button(self, refusal: MirrorRefusal) -> SafeString:
        """Posts the list's own form elsewhere, because a form can't hold another."""
        url = reverse("admin:chat_mirrorrefusal_try_again", args=[refusal.pk])
        return format_html('<button type="submit" class="button nowrap" formaction="{}">{}</button>', url, _("Try again"))

    def get_urls(self) -> list[URLPattern]:
        """One more: the button's."""
        name = "chat_mirrorrefusal_try_again"
        return [path("<int:pk>/try-again/", self.admin_site.admin_view(self.try_one_again), name=name), *super().get_urls()]

    def try_one_again(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button: ask Vonage once more."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if self.has_try_permission(request):
            self.try_again(request, MirrorRefusal.objects.filter(pk=get_object_or_404(MirrorRefusal, pk=pk).pk))
        else:
            self.message_user(request, _("You may not start the copying again."), messages.ERROR)
        return redirect("admin:chat_mirrorrefusal_changelist")

    @admin.action(description=_("Try again"), permissions=["try"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[MirrorRefusal]) -> None:
        """Ask Vonage once more for all that the chosen refusals stopped."""
        due = sum(mirror.try_again(refusal) for refusal in queryset.select_related("conversation"))
        words = ngettext("%d event is sent to Vonage again.", "%d events are sent to Vonage again.", due) % due
        then = gettext("If it refuses once more, you will see it here.")
        self.message_user(request, f"{words} {then}")

    def has_try_permission(self, request: HttpRequest) -> bool:
        """Whoever may change refusals, which is what trying again does."""
        return request.user.has_perm("chat.change_mirrorrefusal")


@admin.register(MirroredEvent)
class MirroredEventAdmin(ConversationColumn, OutboxAdmin):
    """Each event's copy, and how far it got."""

    list_display = ("id", "talk_with", "event", "state_words", "attempts", "next_attempt", "error_in_words")
    list_select_related = ("event", "conversation__customer")
    search_fields = ("conversation__public_id__exact", "error_code", "last_error")
    search_help_text = _("Conversation id, or words of an error")


@admin.register(WebhookReceipt)
class WebhookReceiptAdmin(OutboxAdmin):
    """What Vonage's webhooks told us. The payload is not shown: what is worth keeping of it is in the conversation."""

    exclude = ("payload",)
    list_display = ("id", "type", "provider_conversation_id", "provider_event_id", "state_words", "attempts", "error_in_words")
    search_fields = ("provider_conversation_id__exact", "provider_event_id__exact", "error_code")
    search_help_text = _("Vonage's conversation id or event id")
