"""Deletions at providers for operators: how far each got, why it failed, and one button to try again."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from chat.admin_outbox import OutboxAdmin
from chat.privacy.models import Deletion


@admin.register(Deletion)
class DeletionAdmin(OutboxAdmin):
    """The identifier is not shown: it may be the address of somebody whom we have forgotten."""

    exclude = ("identifier",)
    list_display = ("id", "what", "about", "state_words", "attempts", "next_attempt", "error_in_words")
    search_fields = ("about__exact", "error_code")
    search_help_text = _("Id of the erased customer, or the code of an error")
