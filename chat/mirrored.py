"""Events on their way to Vonage and from there: copies, what it refused for good, and what its webhooks told us."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Exists, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.outbox import OutboxRow, State, clock


class EventKind(models.TextChoices):
    """What Vonage may refuse by itself: it ended messages, and nobody says what becomes of custom events."""

    EVERYTHING = "everything", _("everything")
    MESSAGE = "message", _("messages")
    CUSTOM = "custom", _("custom events")

    @classmethod
    def of(cls, event_type: str) -> "EventKind":
        """The kind of an event's type; what is neither (a membership) stands and falls with everything."""
        family = event_type.partition(":")[0]
        return cls(family) if family in {cls.MESSAGE, cls.CUSTOM} else cls.EVERYTHING


class MirroredEvent(OutboxRow):
    """That one event is copied to Vonage. Only the first waiting row of a conversation is ever due, so their order is kept.

    A row that ended `cancelled` with the code `refused` was not taken by Vonage (MirrorRefusal says why) and can be tried again.
    """

    providers = ("Vonage",)

    REFUSED = "refused"
    # Copies may wait, mails may not: a Vonage that hangs never holds more of a worker's threads than this.
    MOST_AT_ONCE = 20

    event = models.OneToOneField("chat.Event", on_delete=models.CASCADE, related_name="mirrored", verbose_name=_("event"))
    conversation = models.ForeignKey("chat.Conversation", on_delete=models.CASCADE, related_name="+", verbose_name=_("conversation"))
    # The sender's browser may have made the copy itself, through the Client SDK.
    may_be_there = models.BooleanField(default=False, editable=False)
    # Earlier calls that were not found to have made a copy, and may do so yet: webhooks of that many more are the same event.
    doubtful_calls = models.PositiveSmallIntegerField(default=0, editable=False)

    class Meta(OutboxRow.Meta):
        verbose_name = _("mirrored event")
        verbose_name_plural = _("Vonage mirror")
        ordering = ["-pk"]
        indexes = [
            *OutboxRow.Meta.indexes,
            models.Index(fields=["conversation", "id"], condition=Q(state="waiting"), name="mirrored_waiting"),
            # What is in hand is counted before each claim, however much waits beside it.
            models.Index(fields=["next_attempt_at"], condition=Q(state="waiting", lease_token__isnull=False), name="mirrored_in_hand"),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id}/{self.event_id}"

    @classmethod
    def due(cls, now: datetime) -> "models.QuerySet[Self]":
        """Never past an earlier waiting row of the same conversation."""
        return super().due(now).filter(~Exists(cls.earlier_waiting("conversation")))

    def end_refused(self, reason: str) -> None:
        """Vonage takes no such event (any more); the rule returns right after this."""
        self._write(
            state=State.CANCELLED, finished_at=clock(), lease_token=None, last_error=reason, error_code=self.REFUSED, is_unknown=False
        )


class MirrorRefusal(models.Model):
    """That Vonage refused a kind of event for good: in one conversation, or (`conversation` null) in all of them.

    While the row is here nothing of that kind is sent. "Try again" in the admin removes it (`chat/mirror.py`).
    """

    conversation = models.ForeignKey(
        "chat.Conversation", on_delete=models.CASCADE, null=True, blank=True, related_name="refusals", verbose_name=_("conversation")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=EventKind.choices)
    code = models.CharField(_("code"), max_length=100)
    reason = models.TextField(_("reason"))
    is_gone = models.BooleanField(_("not there any more"), default=False)
    created_at = models.DateTimeField(_("since"), default=timezone.now)

    class Meta:
        verbose_name = _("refusal by Vonage")
        verbose_name_plural = _("refusals by Vonage")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "kind"], name="one_refusal_per_conversation_and_kind"),
            models.UniqueConstraint(fields=["kind"], condition=Q(conversation__isnull=True), name="one_refusal_of_all_per_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.conversation or _('every conversation')}: {self.get_kind_display()}"


class WebhookReceipt(OutboxRow):
    """An event that Vonage's webhook told us of, stored once and folded into our record by the worker.

    `payload` is Vonage's JSON, and empty once it has been folded in: the record keeps the words, not the envelope.
    """

    provider_conversation_id = models.CharField(_("conversation at Vonage"), max_length=100)
    provider_event_id = models.CharField(_("event at Vonage"), max_length=100)
    type = models.CharField(_("type"), max_length=100)
    payload = models.JSONField(_("payload"), default=dict)

    class Meta(OutboxRow.Meta):
        verbose_name = _("webhook of Vonage")
        verbose_name_plural = _("webhooks of Vonage")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["provider_conversation_id", "provider_event_id"], name="one_receipt_per_provider_event")
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.provider_event_id}"


class UsedToken(models.Model):
    """The `jti` of a webhook's signature that was accepted: the same one is not accepted twice. Kept as long as it is young enough."""

    jti = models.CharField(max_length=200, unique=True)
    used_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.jti
