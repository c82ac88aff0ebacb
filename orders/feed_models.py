"""The feed of what happened: its rows."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models import Conversation


class Happening(models.TextChoices):
    """What a program can be told of. A new one is added at the end; none is ever renamed."""

    ORDER_CREATED = "order.created", _("a draft was entered")
    ORDER_PLACED = "order.placed", _("an order was placed")
    ORDER_STATUS_CHANGED = "order.status_changed", _("an order moved on")
    ORDER_TOLD = "order.told", _("a customer was mailed")
    ORDER_NOT_TOLD = "order.not_told", _("telling a customer was given up")
    MAIL_STATE_CHANGED = "mail.state_changed", _("a mail was delivered, opened or returned")
    MESSAGE_RECEIVED = "message.received", _("a customer wrote")
    MESSAGE_SENT = "message.sent", _("an agent wrote")


class FeedEvent(models.Model):
    """One thing that happened; never changed after it got its number. It holds ids and states, nobody's name, address or words.

    `sequence` counts without gaps over the whole shop. It is null until the worker gives it (`orders/feed.py`), after the commit.
    `key` keeps a repeated step from telling the same thing twice.
    """

    sequence = models.PositiveBigIntegerField(_("number"), null=True, unique=True, editable=False)
    type = models.CharField(_("type"), max_length=40, choices=Happening.choices)
    key = models.CharField(max_length=100, unique=True)
    # Of a draft that is deleted it stays that there was one: a number that is gone again would be a gap.
    order = models.ForeignKey("orders.Order", on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("order"))
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("conversation"))
    data = models.JSONField(_("data"), default=dict)
    happened_at = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        verbose_name = _("event of the feed")
        verbose_name_plural = _("events of the feed")
        ordering = ["pk"]
        indexes = [models.Index(fields=["id"], condition=Q(sequence=None), name="feed_without_number")]

    def __str__(self) -> str:
        return f"{self.sequence or '–'} {self.type}"


class FeedCounter(models.Model):
    """The last number given: one row, whose lock makes those who number wait for each other."""

    last = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.last)
