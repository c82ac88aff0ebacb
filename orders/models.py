"""Orders, their lines, and the confirmation of each."""

import uuid
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chat.outbox import OutboxRow
from orders import free_data, money
from orders.delivery import Delivery
from orders.mail_models import MailEvent, StoredMail  # noqa: F401 - models are looked for here


class Status(models.TextChoices):
    """How far an order is."""

    DRAFT = "draft", _("draft")
    PLACED = "placed", _("placed")
    CONFIRMED = "confirmed", _("confirmed")
    SHIPPED = "shipped", _("shipped")
    DELIVERED = "delivered", _("delivered")
    CANCELLED = "cancelled", _("cancelled")
    REFUNDED = "refunded", _("refunded")


MOVES: dict[str, set[str]] = {
    Status.DRAFT: {Status.PLACED, Status.CANCELLED},
    Status.PLACED: {Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED, Status.CANCELLED},
    Status.CONFIRMED: {Status.SHIPPED, Status.DELIVERED, Status.CANCELLED},
    Status.SHIPPED: {Status.DELIVERED, Status.REFUNDED},
    Status.DELIVERED: {Status.REFUNDED},
    Status.CANCELLED: {Status.REFUNDED},
    Status.REFUNDED: set(),
}
# The customer is told of an order in one of these; a draft is nobody's business yet.
TOLD = (Status.PLACED, Status.CONFIRMED)


class Order(models.Model):
    """What a customer ordered. `number` is what people say over the phone; it counts from 1001.

    `version` counts what the customer was told: each version is confirmed once.
    """

    number = models.BigAutoField(_("number"), primary_key=True)
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders", verbose_name=_("customer"))
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PLACED, db_index=True)
    currency = models.CharField(_("currency"), max_length=3, default=money.DEFAULT_CURRENCY, validators=[money.check_currency])
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    external_id = models.CharField(_("shop's own id"), max_length=100, blank=True)
    ship_to_name = models.CharField(_("recipient"), max_length=150, blank=True)
    street = models.CharField(_("street"), max_length=200, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    region = models.CharField(_("region"), max_length=100, blank=True)
    country = models.CharField(
        _("country"), max_length=2, blank=True, help_text=_("Two letters, such as DE."), validators=[money.check_country]
    )
    data = models.JSONField(_("data"), default=dict, blank=True, help_text=_("Anything the shop wants to keep with the order, as JSON."))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="orders_entered"
    )
    created_at = models.DateTimeField(_("entered"), default=timezone.now, editable=False)
    placed_at = models.DateTimeField(pgettext_lazy("time of an order", "placed"), null=True, blank=True, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    # Not `updated_at`: that moves with the status too, which the chat tells by itself, and with a note in `data`, which nobody is told.
    articles_changed_at = models.DateTimeField(_("articles changed"), null=True, blank=True, editable=False)

    # The status in the database as far as this object knows; None before the first save.
    stored_status: str | None = None

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-number"]
        permissions = [("resend_confirmation", "Can tell a customer again")]
        indexes = [
            models.Index(
                fields=["articles_changed_at"], condition=Q(articles_changed_at__isnull=False), name="orders_with_changed_articles"
            ),
            # The API's `?ordering=`: who keeps a copy of all orders asks each minute for those that changed.
            models.Index(fields=["updated_at"], name="orders_by_change"),
            models.Index(fields=["created_at"], name="orders_by_entry"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="order_status_is_known"),
            models.CheckConstraint(condition=Q(version__gte=1), name="order_version_counts_from_one"),
            models.UniqueConstraint(
                fields=["external_id", "created_by"], condition=~Q(external_id=""), name="one_order_per_clients_external_id"
            ),
        ]

    def __str__(self) -> str:
        return str(self.number)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Note when the order was placed, which a draft that is cancelled never was."""
        never_placed = Status.DRAFT, Status.CANCELLED
        if self.placed_at is None and self.status not in never_placed and self.stored_status != Status.CANCELLED:
            self.placed_at = timezone.now()
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "placed_at"}
        super().save(*args, **kwargs)
        self.stored_status = self.status

    @staticmethod
    def has_external_id(external_id: str) -> Q:
        """Whether a client gave an order this id; none has an empty one. The second half is the index's own condition: for SQLite it does
        not follow from the first, and without it all orders of the client would be read.
        """
        return Q(external_id=external_id) & ~Q(external_id="")

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any) -> Self:
        """Remember the stored status, so that a save can say what it was before."""
        order = super().from_db(db, field_names, values, **kwargs)
        order.stored_status = order.status if "status" in field_names else None
        return order

    def clean(self) -> None:
        """Refuse a status that can't follow the stored one, and data that can't be stored."""
        try:
            free_data.check(self.data)
        except ValidationError as error:
            raise ValidationError({"data": error}) from None
        before = Order.objects.filter(pk=self.pk).values_list("status", flat=True).first() if self.pk else None
        if before is None and self.status not in {Status.DRAFT, Status.PLACED}:
            raise ValidationError({"status": ValidationError(_("A new order is a draft or placed."), code="bad_status")})
        if before is not None and before != self.status and self.status not in MOVES[before]:
            words = {"before": Status(before).label, "after": Status(self.status).label}
            raise ValidationError(
                {"status": ValidationError(_("An order that is %(before)s can't become %(after)s."), code="bad_move", params=words)}
            )

    def count_version(self) -> None:
        """Count the version up in the database, so that two who do so at once don't count one."""
        Order.objects.filter(pk=self.pk).update(version=F("version") + 1)
        self.refresh_from_db(fields=["version"])

    def note_changed_articles(self) -> None:
        """What was ordered, or its price, is no longer what it was: whoever was told before doesn't know."""
        self.articles_changed_at = timezone.now()
        Order.objects.filter(pk=self.pk).update(articles_changed_at=self.articles_changed_at)

    @property
    def total(self) -> Decimal:
        """The sum of the lines, with the currency's digits."""
        return money.rounded(sum((line.total for line in self.lines.all()), Decimal(0)), self.currency)

    @property
    def is_told(self) -> bool:
        """Whether the customer is to be told of this order."""
        return self.status in TOLD


class OrderLine(models.Model):
    """One article of an order. `unit_price` is in the order's currency, with that currency's digits."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    name = models.CharField(_("article"), max_length=200)
    sku = models.CharField(_("SKU"), max_length=64, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), default=1, validators=[MinValueValidator(1)])
    unit_price = models.DecimalField(_("unit price"), max_digits=14, decimal_places=4, validators=[MinValueValidator(Decimal(0))])

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gte=1), name="line_quantity_is_at_least_one"),
            models.CheckConstraint(condition=Q(unit_price__gte=0), name="line_price_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"

    @property
    def total(self) -> Decimal:
        """Quantity times unit price."""
        return self.unit_price * self.quantity


class OrderConfirmation(OutboxRow):
    """That a customer is told of one version of an order: three steps, each stamped when it is done.

    `mail_tried_at`: since when the mail may have left without our knowing; null while it surely has not, or surely has.
    `delivery`: what became of it, folded from `mail_events`.
    """

    providers = ("Sendinblue",)

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="confirmations", verbose_name=_("order"))
    version = models.PositiveIntegerField(_("version"))
    conversation_opened_at = models.DateTimeField(_("conversation opened"), null=True, editable=False)
    event_added_at = models.DateTimeField(_("event added"), null=True, editable=False)
    mail_tried_at = models.DateTimeField(_("mail tried since"), null=True, editable=False)
    mail_sent_at = models.DateTimeField(_("mail sent"), null=True, editable=False)
    # Kept on the row and never renewed: a repeat after a lost reply is recognised by it.
    idempotency_key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    message_id = models.CharField(_("message id"), max_length=200, blank=True, editable=False, db_index=True)
    delivery = models.CharField(_("delivery"), max_length=12, choices=Delivery.choices, blank=True, editable=False, db_index=True)
    # The state that the feed told of last.
    fed_state = models.CharField(max_length=10, blank=True, editable=False)

    class Meta(OutboxRow.Meta):
        verbose_name = _("confirmation")
        verbose_name_plural = _("confirmations")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["order", "version"], name="one_confirmation_per_order_and_version"),
            models.CheckConstraint(condition=Q(mail_sent_at=None) | Q(event_added_at__isnull=False), name="no_mail_before_its_event"),
        ]
        indexes = [
            *OutboxRow.Meta.indexes,
            models.Index(fields=["id"], condition=~Q(fed_state=F("state")), name="confirmations_not_fed"),
            # What a person must look at is few among all, and its list is asked for while something is wrong.
            models.Index(fields=["id"], condition=Q(is_unknown=True), name="confirmations_unknown"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.version}"

    @property
    def is_taken_back(self) -> bool:
        """Whether its order was cancelled (or is a draft again) before anything was told. What the conversation has is mailed as well."""
        if self.event_added_at is not None:
            return False
        if self.order.status == Status.REFUNDED:
            # Of one that was sent and came back the customer is told, however late; of one that was cancelled before that, nobody.
            return self.order.status_changes.filter(status=Status.CANCELLED).exists()
        return self.order.status in {Status.CANCELLED, Status.DRAFT}

    def retry_now(self) -> bool:
        """As of every row, but of a cancelled order nobody is told again."""
        return self.order.status != Status.CANCELLED and super().retry_now()

    def delivery_summary(self) -> str:
        """What became of the mail, for staff, in one line: "delivered Nov 22, 2026, 10:15 · opened Nov 22, 2026, 10:20"."""
        first: dict[str, MailEvent] = {}
        for event in sorted(self.mail_events.all(), key=lambda event: event.occurred_at):
            if event.delivery:
                first.setdefault(event.delivery, event)
        return " · ".join(str(event) for event in first.values())


class OrderStatusChange(OutboxRow):
    """That an order that was told moved on: its conversation gets a `custom:order-status-event`.

    Only the first waiting change of an order is ever due, so the last event says how the order stands.
    """

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="status_changes", verbose_name=_("order"))
    previous = models.CharField(_("before"), max_length=10, choices=Status.choices)
    status = models.CharField(_("after"), max_length=10, choices=Status.choices)

    class Meta(OutboxRow.Meta):
        verbose_name = _("status change")
        verbose_name_plural = _("status changes")
        ordering = ["-pk"]
        indexes = [
            *OutboxRow.Meta.indexes,
            models.Index(fields=["order", "id"], condition=models.Q(state="waiting"), name="changes_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.previous} → {self.status}"

    @classmethod
    def due(cls, now: datetime) -> "models.QuerySet[Self]":
        """Never past an earlier waiting change of the same order."""
        return super().due(now).filter(~models.Exists(cls.earlier_waiting("order")))
