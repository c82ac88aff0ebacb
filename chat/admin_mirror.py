"""The copy at Vonage for operators: what it refuses and why, with one button to try again; what is copied; what came back."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from chat import mirror
from chat.models import MirroredEvent, MirrorRefusal, WebhookReceipt
from chat.outbox import OutboxRow


class WorkersOwn:
    """Rows that the worker writes: whoever may view may view."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """They come with what happens in the chat."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """There is nothing to type."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A deleted row would be done twice or never."""
        return False


@admin.register(MirrorRefusal)
class MirrorRefusalAdmin(WorkersOwn, admin.ModelAdmin[MirrorRefusal]):
    """What Vonage refused for good. Orders, mails and the chat itself go on without it."""

    list_display = ("what", "kind", "reason", "code", "created_at", "button")
    list_display_links = None
    list_select_related = ("conversation__customer",)
    # What concerns every conversation is the latest of its kind, and its button takes the others along.
    ordering = ("-pk",)
    show_full_result_count = False
    actions = ("try_again",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Named for what it shows."""
        return super().changelist_view(request, {"title": gettext("Refused by provider")} | (extra_context or {}))

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


class OutboxAdmin(WorkersOwn, admin.ModelAdmin[OutboxRow]):
    """Rows of the outbox: look, and try again."""

    list_filter = ("state", "created_at")
    list_per_page = 50
    show_full_result_count = False
    ordering = ("-pk",)
    actions = ("retry_now",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Named for what it shows."""
        return super().changelist_view(request, {"title": str(self.opts.verbose_name_plural).capitalize()} | (extra_context or {}))

    @admin.display(description=_("state"), ordering="state")
    def state_words(self, row: OutboxRow) -> str:
        """The state in an operator's words."""
        if row.error_code == MirroredEvent.REFUSED:
            return gettext("refused by provider")
        return f"{row.get_state_display()}, {gettext('outcome unknown')}" if row.is_unknown else row.get_state_display()

    @admin.action(description=_("Retry now"), permissions=["retry"])
    def retry_now(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> None:
        """Make failed and waiting rows due at once."""
        changed = sum(row.retry_now() for row in queryset)
        self.message_user(request, ngettext("%d row is tried again now.", "%d rows are tried again now.", changed) % changed)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whoever may change this kind of row."""
        return request.user.has_perm(f"chat.change_{self.opts.model_name}")


@admin.register(MirroredEvent)
class MirroredEventAdmin(OutboxAdmin):
    """Each event's copy, and how far it got."""

    list_display = ("pk", "conversation", "event", "state_words", "attempts", "next_attempt_at", "error_in_words")
    list_select_related = ("event", "conversation")
    search_fields = ("conversation__public_id__exact", "error_code", "last_error")
    search_help_text = _("Conversation id, or words of an error")


@admin.register(WebhookReceipt)
class WebhookReceiptAdmin(OutboxAdmin):
    """What Vonage's webhooks told us. The payload is not shown: what is worth keeping of it is in the conversation."""

    exclude = ("payload",)
    list_display = ("pk", "type", "provider_conversation_id", "provider_event_id", "state_words", "attempts", "error_in_words")
    search_fields = ("provider_conversation_id__exact", "provider_event_id__exact", "error_code")
    search_help_text = _("Vonage's conversation id or event id")
