"""What becomes of mails: as the provider tells it, and kept where the embedded side shows them."""

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from orders.delivery import OF_EVENT, Delivery


class MailEvent(models.Model):
    """One thing that became of a mail, as the mail provider told it; never changed afterwards, but for the confirmation it is about.

    Sendinblue gives its events no id. `ts_epoch` is documented as the time of *sending*, so two openings share it; what tells two
    events apart is the mail, the recipient, the kind and the second in which it happened.
    `recipient`: an address, or what stands for one of somebody who is no customer of ours any more (`orders/deliveries.py`).
    """

    confirmation = models.ForeignKey("orders.OrderConfirmation", on_delete=models.CASCADE, null=True, related_name="mail_events")
    message_id = models.CharField(_("message id"), max_length=200)
    recipient = models.CharField(_("recipient"), max_length=254)
    type = models.CharField(_("type"), max_length=40)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    occurred_at = models.DateTimeField(_("time"))
    received_at = models.DateTimeField(_("received"), default=timezone.now)

    class Meta:
        verbose_name = _("mail event")
        verbose_name_plural = _("mail events")
        ordering = ["occurred_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["message_id", "type", "recipient", "occurred_at"], name="one_event_per_mail_type_and_second"),
        ]

    def __str__(self) -> str:
        moment = date_format(timezone.localtime(self.occurred_at), "DATETIME_FORMAT")
        return f"{Delivery(self.delivery).label} {moment}" + (f" ({self.reason})" if self.reason else "")

    @property
    def delivery(self) -> str:
        """The state that this event alone speaks for; "" where it says nothing of the delivery."""
        return OF_EVENT.get(self.type, Delivery.UNKNOWN)


class StoredMail(models.Model):
    """A mail of the embedded side: kept where `/demo/mailbox/` shows it, instead of being sent."""

    idempotency_key = models.CharField(max_length=64, unique=True)
    to = models.CharField(_("to"), max_length=400)
    from_email = models.CharField(_("from"), max_length=400)
    subject = models.CharField(_("subject"), max_length=400)
    text = models.TextField(_("text"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    headers = models.JSONField(_("headers"), default=dict)
    params = models.JSONField(_("params"), default=dict)
    created_at = models.DateTimeField(_("sent"), default=timezone.now)

    class Meta:
        verbose_name = _("stored mail")
        verbose_name_plural = _("stored mails")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.subject
