"""Texts and calls: what is to leave by phone, what comes back of it, and what the embedded side keeps instead of a provider."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chat.outbox import OutboxRow, State, clock


def new_call_id() -> str:
    """An id of ours in Vonage's shape."""
    return f"CALL-{uuid.uuid4()}"


class Notice(OutboxRow):
    """That one agent on duty is told by SMS of a customer who waits: once in each waiting episode.

    `episode` names it: the number of the last message that an agent wrote before, or 0. So an answer ends an episode by itself.
    `tried_at` set: an attempt's outcome is open. `delivery`: what Vonage said became of the text, in its words.
    """

    providers = ("Vonage's texts and calls", "Vonage's SMS API")

    conversation = models.ForeignKey("chat.Conversation", on_delete=models.CASCADE, related_name="notices", verbose_name=_("conversation"))
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices", verbose_name=_("agent"))
    episode = models.PositiveBigIntegerField(_("episode"))
    tried_at = models.DateTimeField(_("tried"), null=True, editable=False)
    provider_id = models.CharField(_("Vonage id"), max_length=100, blank=True, editable=False, db_index=True)
    delivery = models.CharField(_("delivery"), max_length=20, blank=True, editable=False)

    class Meta(OutboxRow.Meta):
        verbose_name = _("text to an agent")
        verbose_name_plural = _("texts to agents")
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["conversation", "agent", "episode"], name="one_notice_per_agent_and_episode")]

    def __str__(self) -> str:
        return self.client_ref

    @property
    def client_ref(self) -> str:
        """Our own name of this text at Vonage, where its logs and webhooks show it."""
        return f"order-support-{self.pk}"


class Progress(models.TextChoices):
    """How far a call got: ours first, then Vonage's words."""

    REQUESTED = "requested", _("asked for")
    STARTED = "started", _("dialled")
    RINGING = "ringing", _("ringing")
    ANSWERED = "answered", _("answered")
    COMPLETED = "completed", _("ended")
    BUSY = "busy", _("busy")
    FAILED = "failed", _("failed")
    TIMEOUT = "timeout", _("timed out")
    UNANSWERED = "unanswered", _("not answered")
    REJECTED = "rejected", _("declined")
    CANCELLED = "cancelled", _("cancelled")


class Side(models.TextChoices):
    """Whose phone. The agent's is called first, and the customer's once the agent has answered."""

    AGENT = "agent", _("agent")
    CUSTOMER = "customer", _("customer")


class PhoneCall(OutboxRow):
    """A call that a customer asked for. The row waits until the call is over, so that none stays open when no news comes.

    `number`: the customer's, E.164 without the plus. `placing_at` set and `provider_id` empty: an attempt's outcome is open.
    `progress` and `side` are the last event that the conversation shows; `talked_seconds` is null until both have talked.
    """

    providers = ("Vonage's texts and calls",)

    public_id = models.CharField(_("id"), max_length=41, unique=True, default=new_call_id, editable=False)
    conversation = models.ForeignKey("chat.Conversation", on_delete=models.CASCADE, related_name="calls", verbose_name=_("conversation"))
    number = models.CharField(_("customer's number"), max_length=15, db_index=True)
    about = models.PositiveBigIntegerField(_("about order"), null=True, blank=True)
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="calls", verbose_name=_("agent")
    )
    placing_at = models.DateTimeField(pgettext_lazy("time of a call", "placed"), null=True, editable=False)
    provider_id = models.CharField(_("Vonage id"), max_length=100, blank=True, editable=False, db_index=True)
    provider_conversation_id = models.CharField(_("conversation at Vonage"), max_length=100, blank=True, editable=False, db_index=True)
    progress = models.CharField(_("progress"), max_length=12, choices=Progress.choices, default=Progress.REQUESTED, editable=False)
    side = models.CharField(_("whose phone"), max_length=10, choices=Side.choices, default=Side.AGENT, editable=False)
    talked_seconds = models.PositiveIntegerField(_("seconds talked"), null=True, editable=False)
    changed_at = models.DateTimeField(_("last news"), default=timezone.now, editable=False)
    ended_at = models.DateTimeField(_("over since"), null=True, editable=False)

    class Meta(OutboxRow.Meta):
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["conversation"], condition=Q(ended_at__isnull=True), name="one_call_at_a_time"),
        ]

    def __str__(self) -> str:
        return self.public_id

    def close(self) -> None:
        """Nothing is to be done any more; where a worker has the row in hand, its own look at `ended_at` comes to the same."""
        free = type(self)._base_manager.filter(pk=self.pk, state=State.WAITING, lease_token=None)
        free.update(state=State.DONE, finished_at=clock(), last_error="", error_code="", is_unknown=False)


class CallReport(OutboxRow):
    """One status of one leg (one phone) of a call, as the provider told it; stored once and folded in by the worker.

    `call_name` and `side` are what we wrote into the webhook's address when we placed the call; both may be empty.
    """

    call = models.ForeignKey(PhoneCall, on_delete=models.CASCADE, null=True, related_name="reports", verbose_name=_("call"))
    call_name = models.CharField(_("call"), max_length=100, blank=True)
    side = models.CharField(_("whose phone"), max_length=10, choices=Side.choices, blank=True)
    leg_id = models.CharField(_("leg at Vonage"), max_length=100)
    provider_conversation_id = models.CharField(_("conversation at Vonage"), max_length=100, blank=True)
    status = models.CharField(_("status"), max_length=20)
    seconds = models.PositiveIntegerField(_("seconds"), null=True)

    class Meta(OutboxRow.Meta):
        verbose_name = _("call report")
        verbose_name_plural = _("call reports")
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["leg_id", "status"], name="one_report_per_leg_and_status")]

    def __str__(self) -> str:
        return f"{self.leg_id} {self.status}"


class StoredText(models.Model):
    """A text that the embedded side kept instead of sending it; `/demo/phones/` shows it."""

    key = models.CharField(max_length=100, unique=True)
    to = models.CharField(_("to"), max_length=15)
    text = models.TextField(_("text"))
    created_at = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        verbose_name = _("text on a demo phone")
        verbose_name_plural = _("texts on demo phones")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.key


class StoredLeg(models.Model):
    """A phone of the embedded side that rings, or rang: what a provider would keep of one leg. Null times did not come yet."""

    leg_id = models.CharField(max_length=100, unique=True)
    call_name = models.CharField(max_length=100, db_index=True)
    side = models.CharField(max_length=10, choices=Side.choices)
    number = models.CharField(max_length=15)
    status = models.CharField(max_length=12, choices=Progress.choices, default=Progress.RINGING)
    created_at = models.DateTimeField(default=timezone.now)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("call on a demo phone")
        verbose_name_plural = _("calls on demo phones")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.leg_id} {self.status}"
