"""Customers' links for staff: who has which, what became of it, and the acts that end or replace it. The key itself is never shown here."""

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import audit, callers
from accounts.admin_read_only import ReadOnly
from accounts.models import AuditEntry
from chat import links
from chat.admin_conversation import ConversationColumn
from chat.admin_outbox import OutboxAdmin
from chat.entry import mails
from chat.entry.models import AccessLink, AddressNotice, Device, LinkRequest, LinkUse, MailedAnswer, MailedCode, MailedLink


class DeviceInline(ReadOnly, admin.TabularInline[Device, AccessLink]):
    """The browsers whose last link this is."""

    model = Device
    fields = readonly_fields = ("created_at", "opened_at", "confirmed_at")


class LinkUseInline(ReadOnly, admin.TabularInline[LinkUse, AccessLink]):
    """What people did with it."""

    model = LinkUse
    fields = readonly_fields = ("at", "act", "device")


@admin.register(AccessLink)
class AccessLinkAdmin(ReadOnly, admin.ModelAdmin[AccessLink]):
    """The newest first."""

    list_display = ("id", "customer", "subject", "standing", "created_at", "issued_by")
    list_filter = (("opened_at", admin.EmptyFieldListFilter), ("revoked_at", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("conversation__customer", "issued_by")
    list_per_page = 50
    search_fields = ("subject__exact", "conversation__public_id__exact", "conversation__customer__name", "conversation__customer__username")
    search_help_text = _("Order number, conversation id, or the customer's name")
    show_full_result_count = False
    ordering = ("-pk",)
    fields = readonly_fields = (
        "customer",
        "conversation",
        "subject",
        "created_at",
        "expires_at",
        "fetched_at",
        "opened_at",
        "revoked_at",
        "issued_by",
    )
    inlines = (DeviceInline, LinkUseInline)
    actions = ("revoke", "rotate")

    @admin.display(description=_("customer"), ordering="conversation__customer__name")
    def customer(self, link: AccessLink) -> str:
        """For whom it is."""
        return link.conversation.customer.display_name

    @admin.display(description=_("how it stands"))
    def standing(self, link: AccessLink) -> str:
        """What became of it last."""
        if link.revoked_at:
            return gettext("revoked")
        if not link.is_open:
            return gettext("ended")
        if link.opened_at:
            return gettext("opened")
        return gettext("fetched, not opened") if link.fetched_at else gettext("not opened yet")

    @admin.action(description=_("Revoke: shut out everybody who came by it"), permissions=["end"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[AccessLink]) -> None:
        """End the chosen links, and what came by them."""
        ended = sum(_end(request, link, AuditEntry.Action.LINK_REVOKED) for link in queryset.select_related("conversation"))
        self.message_user(request, ngettext("%d link is revoked.", "%d links are revoked.", ended) % ended, messages.SUCCESS)

    @admin.action(description=_("Replace: revoke it and mail the customer a new one"), permissions=["end"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[AccessLink]) -> None:
        """End the chosen links; each customer gets one new link for each order."""
        issuer = callers.user_of(request)
        orders = {}
        with transaction.atomic():
            for link in queryset.select_related("conversation"):
                _end(request, link, AuditEntry.Action.LINK_ROTATED)
                orders[link.conversation_id, link.subject] = link.conversation
            for (_pk, subject), conversation in orders.items():
                mails.mail_link(conversation, subject, issued_by=issuer)
        count = len(orders)
        self.message_user(request, ngettext("%d new link is mailed.", "%d new links are mailed.", count) % count, messages.SUCCESS)

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Whoever may change links."""
        return request.user.has_perm("chat.change_accesslink")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever may end them may look at them first."""
        return super().has_view_permission(request, obj) or self.has_end_permission(request)  # type: ignore[arg-type]


@admin.register(MailedLink)
class MailedLinkAdmin(OutboxAdmin):
    """Links that went out by a mail of their own."""

    list_display = ("id", "link", "state_words", "attempts", "error_in_words", "created_at")
    list_select_related = ("link",)
    search_fields = ("link__subject__exact", "error_code")
    search_help_text = _("Order number, or the code of an error")


@admin.register(AddressNotice)
class AddressNoticeAdmin(OutboxAdmin):
    """Mails to addresses that are nobody's any more. The address is not shown, and not kept once it was told."""

    exclude = ("address",)
    list_display = ("id", "person", "state_words", "attempts", "error_in_words", "created_at")
    list_select_related = ("person",)
    search_fields = ("person__public_id__exact", "error_code")
    search_help_text = _("Id of a person, or the code of an error")


@admin.register(MailedAnswer)
class MailedAnswerAdmin(ConversationColumn, OutboxAdmin):
    """Answers that went out by mail, as the customer had not seen them. What they say is in the conversation."""

    list_display = ("id", "talk_with", "sequence", "state_words", "attempts", "error_in_words", "created_at")
    list_select_related = ("conversation__customer",)
    search_fields = ("conversation__public_id__exact", "error_code")
    search_help_text = _("Conversation id, or the code of an error")


@admin.register(MailedCode)
class MailedCodeAdmin(OutboxAdmin):
    """Codes for new devices. The digits are stored nowhere."""

    not_retried_because = _("A code is not mailed again: a customer who waits for one asks for the next.")
    exclude = ("nonce",)
    list_display = ("id", "device", "tries", "expires_at", "used_at", "state_words", "error_in_words")
    search_fields = ("error_code",)
    search_help_text = _("The code of an error")


@admin.register(LinkRequest)
class LinkRequestAdmin(OutboxAdmin):
    """Who asked for a link is not shown, and not kept once the worker has looked."""

    not_retried_because = _("A request is not tried again: a customer who waits for a link asks once more.")
    fields = ("state", "attempts", "created_at", "finished_at")
    list_display = ("id", "state_words", "attempts", "error_in_words", "created_at")
    search_fields = ("error_code",)
    search_help_text = _("The code of an error")


def _end(request: HttpRequest, link: AccessLink, action: AuditEntry.Action) -> bool:
    with transaction.atomic():
        ended = links.revoke(link)
        if ended:
            audit.record(request.user, action, link.conversation, order=link.subject, link=link.pk)
    return ended
