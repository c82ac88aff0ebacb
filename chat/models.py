"""Conversations, members and events: our record, in Vonage's shapes and names."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

JSON = dict[str, object]


def new_conversation_id() -> str:
    """An id of ours in Vonage's shape."""
    return f"CON-{uuid.uuid4()}"


def new_member_id() -> str:
    """An id of ours in Vonage's shape."""
    return f"MEM-{uuid.uuid4()}"


class Conversation(models.Model):
    """The one lasting conversation with a customer.

    `sequence` is its last event's number. `waiting_since`: since when the customer waits for an answer; null while nobody does.
    """

    public_id = models.CharField(_("id"), max_length=40, unique=True, default=new_conversation_id, editable=False)
    provider_id = models.CharField(_("Vonage id"), max_length=100, unique=True, null=True, blank=True, editable=False)
    customer = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conversation", verbose_name=_("customer")
    )
    sequence = models.PositiveBigIntegerField(_("events"), default=0, editable=False)
    waiting_since = models.DateTimeField(_("waiting since"), null=True, blank=True, editable=False)
    last_event_at = models.DateTimeField(_("last event"), null=True, blank=True, editable=False, db_index=True)
    last_text = models.CharField(_("last words"), max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ["-last_event_at"]

    def __str__(self) -> str:
        return self.public_id

    @property
    def name(self) -> str:
        """The name that Vonage knows it by: unique, the same at every try, and nothing that a stranger could guess."""
        return f"order-support-{self.public_id}"


class Member(models.Model):
    """A person in a conversation. `seen_sequence`: the last event they have had before their eyes."""

    class State(models.TextChoices):
        """Vonage's words."""

        JOINED = "JOINED", _("joined")
        LEFT = "LEFT", _("left")

    public_id = models.CharField(_("id"), max_length=40, unique=True, default=new_member_id, editable=False)
    provider_id = models.CharField(_("Vonage id"), max_length=100, null=True, blank=True, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.JOINED)
    seen_sequence = models.PositiveBigIntegerField(_("seen"), default=0)
    joined_at = models.DateTimeField(_("joined"), default=timezone.now)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [models.UniqueConstraint(fields=["conversation", "user"], name="one_membership_per_person")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_customer(self) -> bool:
        """Whether this is the customer whose conversation it is; everybody else answers."""
        return self.user_id == self.conversation.customer_id


class Event(models.Model):
    """One thing that happened in a conversation; never changed afterwards.

    `from_member` is null where the system speaks. `client_key`: the sender's own key of this event, which makes a retry safe.
    """

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="events")
    sequence = models.PositiveBigIntegerField(_("number"))
    type = models.CharField(_("type"), max_length=100)
    from_member = models.ForeignKey(Member, on_delete=models.PROTECT, null=True, blank=True, related_name="events")
    body = models.JSONField(_("body"), default=dict)
    client_key = models.CharField(_("client key"), max_length=64, null=True, blank=True)
    provider_id = models.CharField(_("Vonage id"), max_length=100, null=True, blank=True)
    created_at = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["conversation", "sequence"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "sequence"], name="one_event_per_number"),
            models.UniqueConstraint(fields=["conversation", "from_member", "client_key"], name="one_event_per_members_key"),
            models.UniqueConstraint(
                fields=["conversation", "client_key"], condition=Q(from_member__isnull=True), name="one_event_per_systems_key"
            ),
            models.UniqueConstraint(fields=["conversation", "provider_id"], name="one_event_per_provider_id"),
            models.CheckConstraint(condition=Q(sequence__gte=1), name="events_are_numbered_from_one"),
        ]
        indexes = [models.Index(fields=["conversation", "type", "sequence"], name="events_by_type")]

    def __str__(self) -> str:
        return f"{self.type} {self.sequence}"
