"""The addresses that are told of what happened, and each telling."""

import uuid
from collections import Counter
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from chat.backends.circuit import open_names
from chat.outbox import OutboxRow, State
from chat.wakes import wake
from orders.feed_models import FeedEvent


def new_endpoint_id() -> str:
    """An id of ours."""
    return f"WHK-{uuid.uuid4()}"


def circuit_of(endpoint_id: str) -> str:
    """The name of the circuit of the calls to one endpoint."""
    return f"webhook {endpoint_id}"


class WebhookEndpoint(models.Model):
    """An address of a client's that is told of events. `types` empty: of all of them.

    Its secret is not stored: it is derived from SECRET_KEY and counted up when it is replaced.
    """

    # As long as this after a replacement, both secrets sign (a receiver takes either).
    BOTH_SIGN = timedelta(hours=24)

    public_id = models.CharField(_("id"), max_length=40, unique=True, default=new_endpoint_id, editable=False)
    url = models.CharField(_("address"), max_length=500, help_text=_("A public https address of the client's. Redirects are not followed."))
    types = models.JSONField(_("events"), default=list, blank=True)
    is_active = models.BooleanField(_("switched on"), default=True)
    off_reason = models.TextField(_("why it was switched off"), blank=True, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    secret_version = models.PositiveIntegerField(default=1, editable=False)
    secret_changed_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("client")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.url

    def secret(self, version: int | None = None) -> bytes:
        """The 32 bytes that sign, now or in an earlier version."""
        return salted_hmac("orders.webhooks", f"{self.public_id} {version or self.secret_version}", algorithm="sha256").digest()

    def signing_secrets(self) -> list[bytes]:
        """The present one first; for a day after a replacement the one before as well."""
        is_fresh = self.secret_changed_at is not None and timezone.now() - self.secret_changed_at < self.BOTH_SIGN
        return [self.secret(), *([self.secret(self.secret_version - 1)] if is_fresh else [])]

    def wants(self, kind: str) -> bool:
        """Whether it is told of events of this type."""
        return not self.types or kind in self.types


class WebhookDelivery(OutboxRow):
    """That one endpoint is told of one event. `public_id` is the same at every attempt, so that a receiver knows a repeat.

    `status_code`: what the last attempt was answered; null where it was not.
    """

    # Receivers that hang never hold more threads than this: mails go first.
    MOST_AT_ONCE = 10
    # And one of them holds up no other one.
    MOST_OF_AN_ENDPOINT = 2

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("webhook"))
    event = models.ForeignKey(FeedEvent, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("event"))
    public_id = models.UUIDField(_("delivery id"), default=uuid.uuid4, unique=True, editable=False)
    status_code = models.PositiveSmallIntegerField(_("answer"), null=True, editable=False)

    class Meta(OutboxRow.Meta):
        verbose_name = _("delivery of a webhook")
        verbose_name_plural = _("deliveries of webhooks")
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["endpoint", "event"], name="one_delivery_per_endpoint_and_event")]
        indexes = [
            *OutboxRow.Meta.indexes,
            # With the key: after an outage many are due since one moment, and PostgreSQL would sort them all for each claim.
            models.Index(fields=["endpoint", "next_attempt_at", "id"], condition=models.Q(state="waiting"), name="deliveries_by_endpoint"),
            # What is in hand is counted before each claim, however much waits beside it.
            models.Index(
                fields=["next_attempt_at"], condition=models.Q(state="waiting", lease_token__isnull=False), name="deliveries_in_hand"
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @classmethod
    def due(cls, now: datetime) -> "models.QuerySet[Self]":
        """Of each endpoint the next few, as far as it has room for them. Of one that is down none is taken until it is asked again:
        to take them and give them back would keep the worker busy for as long as there are many.
        """
        waiting = super().due(now)
        if not waiting.exists():
            return waiting.none()
        under_way = Counter(row.endpoint_id for row in cls.in_hand(now))
        of_endpoint = waiting.filter(endpoint=models.OuterRef("pk")).order_by("next_attempt_at", "pk").values("pk")
        turns = [models.Subquery(of_endpoint[turn : turn + 1]) for turn in range(cls.MOST_OF_AN_ENDPOINT)]
        next_keys: list[int] = []
        down = open_names()
        for endpoint, public_id, *keys in WebhookEndpoint.objects.values_list("pk", "public_id", *turns):
            if circuit_of(public_id) not in down:
                next_keys += filter(None, keys[: max(0, cls.MOST_OF_AN_ENDPOINT - under_way[endpoint])])
        return waiting.filter(pk__in=next_keys)

    @property
    def next_attempt(self) -> datetime | None:
        """Only a waiting one has one."""
        return self.next_attempt_at if self.state == State.WAITING else None

    def send_again(self) -> bool:
        """Make it due at once, whatever became of it; False where somebody works on it, or its webhook is switched off."""
        # Only a waiting row is in anybody's hands, whatever lease an ended one kept.
        free = type(self)._base_manager.filter(pk=self.pk).exclude(state=State.WAITING, lease_token__isnull=False)
        # Of one that is off the next attempt would only cancel it.
        free = free.filter(endpoint__is_active=True)
        changed = free.update(**self.afresh(), lease_token=None, status_code=None, last_error="", error_code="")
        if changed:
            transaction.on_commit(wake)
        return bool(changed)
