"""Conversations, members and events: our record, in Vonage's shapes and names."""

import uuid
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.entry.models import AccessLink, AddressNotice, Device, LinkRequest, LinkUse, MailedAnswer, MailedCode, MailedLink  # noqa: F401 - models are looked for here
from chat.mirrored import MirroredEvent, MirrorRefusal, UsedToken, WebhookReceipt  # noqa: F401 - models are looked for here
from chat.phones.models import CallReport, Notice, PhoneCall, StoredLeg, StoredText  # noqa: F401 - models are looked for here
from chat.privacy.models import Deletion  # noqa: F401 - and here

JSON = dict[str, object]


def new_conversation_id() -> str:
    """An id of ours in Vonage's shape."""
    return f"CON-{uuid.uuid4()}"


def new_member_id() -> str:
    """An id of ours in Vonage's shape."""
    return f"MEM-{uuid.uuid4()}"


class Conversations(models.QuerySet["Conversation"]):
    """Many of them."""

    def waiting(self) -> Self:
        """Those whose customer waits for an answer."""
        return self.filter(waiting_since__isnull=False)


class Conversation(models.Model):
    """The one lasting conversation with a customer.

    `sequence` is its last event's number. `waiting_since`: since when the customer waits for an answer; null while nobody does.
    `untold_since`: since when there may be an answer that they have not seen (`chat/entry/answers.py`); null where there is surely none.
    """

    public_id = models.CharField(_("id"), max_length=40, unique=True, default=new_conversation_id, editable=False)
    provider_id = models.CharField(_("Vonage id"), max_length=100, null=True, blank=True, editable=False)
    customer = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conversation", verbose_name=_("customer")
    )
    sequence = models.PositiveBigIntegerField(_("events"), default=0, editable=False)
    waiting_since = models.DateTimeField(_("waiting since"), null=True, blank=True, editable=False)
    untold_since = models.DateTimeField(null=True, editable=False)
    last_event_at = models.DateTimeField(_("last event"), null=True, blank=True, editable=False, db_index=True)
    last_text = models.CharField(_("last words"), max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = Conversations.as_manager()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ["-last_event_at"]
        # With a condition it is no key of the row, so that noting it waits for nobody who points to the row (`tests/chat/test_locks.py`).
        constraints = [
            models.UniqueConstraint(fields=["provider_id"], condition=Q(provider_id__isnull=False), name="one_conversation_per_provider_id")
        ]
        indexes = [
            models.Index(fields=["waiting_since"], condition=Q(waiting_since__isnull=False), name="conversations_that_wait"),
            models.Index(fields=["untold_since"], condition=Q(untold_since__isnull=False), name="conversations_untold"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def name(self) -> str:
        """The name that Vonage knows it by: unique, the same at every try, and nothing that a stranger could guess."""
        return f"order-support-{self.public_id}"


class Member(models.Model):
    """A person in a conversation. `seen_sequence`: the last event they have had before their eyes.

    `seen_at`: when that mark last passed a message of the other side, or went up because they wrote below something that it had not passed.
    `announced`: `chat/announced.py`.
    """

    class State(models.TextChoices):
        """Vonage's word for it. Nobody leaves a conversation here."""

        JOINED = "JOINED", _("joined")

    public_id = models.CharField(_("id"), max_length=40, unique=True, default=new_member_id, editable=False)
    provider_id = models.CharField(_("Vonage id"), max_length=100, null=True, blank=True, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.JOINED)
    seen_sequence = models.PositiveBigIntegerField(_("seen"), default=0)
    seen_at = models.DateTimeField(_("seen at"), null=True, blank=True, editable=False)
    # The order that their next message through Vonage is about: it can't say so itself, their page tells us right before.
    about_next = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    announced = models.JSONField(default=list, blank=True, editable=False)
    # When everything they have sent would have been sent at the allowed pace; ahead of now by how far they used up their patience.
    paced_until = models.DateTimeField(null=True, blank=True, editable=False)
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

    def note_words(self, sequence: int, *, read: int | None, at: datetime) -> bool:
        """Move the mark for their message of that number, written with all up to `read` before their eyes (None: all above it).

        Whether they have thereby seen all; their own words below what they have seen hold nothing back. Does not save.
        """
        above = sequence - 1
        seen = max(self.seen_sequence, above if read is None else min(read, above))
        if self.seen_sequence < seen:
            self.seen_at = at
        self.seen_sequence = sequence if seen == above else seen
        return seen == above

    def take_turn(self, now: datetime) -> float:
        """0 where one more message keeps to MESSAGES_PER_MINUTE (half a minute's worth may come at once), else the seconds to wait.

        A leaky bucket in one column (GCRA), so it holds across doors, processes and restarts. Does not save.
        """
        step = timedelta(minutes=1) / settings.MESSAGES_PER_MINUTE
        most = max(step, timedelta(seconds=30))
        ahead = max(timedelta(), (self.paced_until or now) - now)
        # Much further ahead than is ever taken: the clock was set back since. (A little, where another process's clock is ahead of ours, or
        # another took its turn after we had looked at ours.)
        until = now + (ahead if ahead <= most + timedelta(minutes=1) else timedelta()) + step
        wait = until - now - most
        if wait > timedelta():
            return wait.total_seconds()
        self.paced_until = until
        return 0


class Event(models.Model):
    """One thing that happened in a conversation; never changed afterwards.

    `from_member` is null where the system speaks. `client_key`: the sender's own key of this event, which makes a retry safe (and
    "vonage:<number>" for what came by Vonage's webhook, until the sender's browser says which of its messages that was).
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


class WorkerBeat(models.Model):
    """That a worker was alive: one row a process, for `/readyz` and the alarm that nobody works."""

    name = models.CharField(_("worker"), max_length=200, unique=True)
    beat_at = models.DateTimeField(_("last seen"), default=timezone.now)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name
