"""What every list of the outbox's rows has in the admin: a filter by state, an operator's words, and one button to try again."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from accounts.admin_read_only import ReadOnly
from chat import outbox
from chat.mirrored import MirroredEvent
from chat.outbox import OutboxRow, State

Choices = list[tuple[str, Any]]


class StateFilter(admin.SimpleListFilter):
    """Rows as an operator looks at them."""

    title = _("state")
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """From the one to worry about to the one to forget."""
        return [
            ("failed", _("failed")),
            ("unknown", _("outcome unknown")),
            ("due", _("due")),
            ("waiting", _("waiting")),
            ("done", _("done")),
            ("cancelled", _("cancelled")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> QuerySet[OutboxRow]:
        """`due` is work for now, `waiting` is work for later, by the clock that the worker goes by."""
        value = self.value()
        if value == "due":
            return queryset.filter(state=State.WAITING, next_attempt_at__lte=outbox.clock())
        if value == "waiting":
            return queryset.filter(state=State.WAITING, next_attempt_at__gt=outbox.clock())
        if value == "unknown":
            return queryset.filter(is_unknown=True)
        return queryset.filter(state=value) if value else queryset


class OutboxAdmin(ReadOnly, admin.ModelAdmin[OutboxRow]):
    """Rows of the outbox: look, and try again.

    `not_retried_because`: for a kind of row that nobody tries again, the sentence that says why; it stands above the list.
    """

    not_retried_because: StrOrPromise = ""
    list_filter: ClassVar[tuple[Any, ...]] = (StateFilter, "created_at")
    list_per_page = 50
    show_full_result_count = False
    ordering = ("-pk",)
    actions = ("retry_now",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With the sentence that says why nothing can be done here, where that is so."""
        return super().changelist_view(request, {"subtitle": self.not_retried_because} | (extra_context or {}))

    @admin.display(description=_("state"), ordering="state")
    def state_words(self, row: OutboxRow) -> str:
        """The state in an operator's words."""
        if row.error_code == MirroredEvent.REFUSED:
            return gettext("refused by provider")
        return f"{row.get_state_display()}, {gettext('outcome unknown')}" if row.is_unknown else row.get_state_display()

    @admin.display(description=_("next attempt"), ordering="next_attempt_at")
    def next_attempt(self, row: OutboxRow) -> datetime | None:
        """Only a waiting row has one; of another it is when the last lease would have ended."""
        return row.next_attempt_at if row.state == State.WAITING else None

    @admin.display(description=_("last error"), ordering="last_error")
    def error_in_words(self, row: OutboxRow) -> str:
        """What went wrong last, in the active language."""
        return row.error_in_words()

    @admin.action(description=_("Retry now"), permissions=["retry"])
    def retry_now(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> None:
        """Make failed and waiting rows due at once."""
        rows = list(queryset)
        changed = sum(row.retry_now() for row in rows)
        left = len(rows) - changed
        if changed:
            words = ngettext("%d row is tried again now.", "%d rows are tried again now.", changed)
            self.message_user(request, words % changed, messages.SUCCESS)
        if left:
            words = ngettext(
                "%d was left alone: it is done, cancelled or being worked on.",
                "%d were left alone: they are done, cancelled or being worked on.",
                left,
            )
            self.message_user(request, words % left, messages.WARNING)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whoever may change this kind of row, where it is tried again at all."""
        return not self.not_retried_because and request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")
