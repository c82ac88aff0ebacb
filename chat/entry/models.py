"""Links, devices and codes, and the mails that carry them. Nothing here opens anything by itself: only hashes and nonces are stored."""

import secrets
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.outbox import OutboxRow


def new_nonce() -> str:
    """192 random bits as text."""
    return secrets.token_urlsafe(24)


def link_expiry() -> datetime:
    """When a link that is made now ends."""
    return timezone.now() + timedelta(days=settings.LINK_MAX_AGE_DAYS)


def code_expiry() -> datetime:
    """When a code that is made now ends."""
    return timezone.now() + timedelta(minutes=15)


class AccessLink(models.Model):
    """One way into one conversation, beside one order (`subject`), for its customer and nobody else. `chat/links.py` makes the key.

    `mail_key`: the idempotency key of the mail that carries it, so that a mail that is built twice carries one link.
    `fetched_at`: something asked for the page first, most often a machine. `opened_at`: the first press of its button.
    """

    conversation = models.ForeignKey("chat.Conversation", on_delete=models.CASCADE, related_name="links", verbose_name=_("conversation"))
    subject = models.PositiveBigIntegerField(_("order"))
    nonce = models.CharField(max_length=43, default=new_nonce, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    mail_key = models.UUIDField(null=True, unique=True, editable=False)
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("made by")
    )
    created_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("opens until"), default=link_expiry, editable=False)
    fetched_at = models.DateTimeField(_("fetched"), null=True, editable=False)
    opened_at = models.DateTimeField(_("opened"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("customer's link")
        verbose_name_plural = _("customers' links")
        ordering = ["-pk"]
        permissions = [("copy_accesslink", "Can copy a fresh link of a customer")]
        indexes = [models.Index(fields=["conversation", "subject"], name="links_by_order")]

    def __str__(self) -> str:
        return f"{self.conversation_id}/{self.subject}/{self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether it still opens something."""
        return self.revoked_at is None and self.expires_at > timezone.now()


class Device(models.Model):
    """A browser that opened a link: the first one is taken for the customer's, any other one proves itself by a mailed code.

    `digest`: of the secret in its cookie. `link`: the last one it opened; once that is revoked, the device is shut out.
    """

    conversation = models.ForeignKey("chat.Conversation", on_delete=models.CASCADE, related_name="devices", verbose_name=_("conversation"))
    link = models.ForeignKey(AccessLink, on_delete=models.CASCADE, related_name="devices", verbose_name=_("link"))
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(_("came"), default=timezone.now, editable=False)
    opened_at = models.DateTimeField(_("last opened"), default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, editable=False)

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["conversation", "digest"], name="one_device_per_browser_and_conversation")]
        indexes = [
            models.Index(fields=["conversation", "opened_at"], condition=models.Q(confirmed_at=None), name="devices_not_confirmed"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class LinkUse(models.Model):
    """One thing that a person did with a link; never changed afterwards. (What staff do with links: `accounts.AuditEntry`.)"""

    class Act(models.TextChoices):
        """What was done."""

        OPENED = "opened", _("opened")
        NEW_DEVICE = "new_device", _("opened on a new device")
        CODE_MAILED = "code_mailed", _("code mailed")
        CODE_WRONG = "code_wrong", _("wrong code")
        CONFIRMED = "confirmed", _("device confirmed")

    link = models.ForeignKey(AccessLink, on_delete=models.CASCADE, related_name="uses", verbose_name=_("link"))
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="uses", verbose_name=_("device"))
    act = models.CharField(_("act"), max_length=20, choices=Act.choices)
    at = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        verbose_name = _("use of a link")
        verbose_name_plural = _("uses of links")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.link_id} {self.act}"


class EntryMail(OutboxRow):
    """A mail that helps a customer in. `tried_at`: since when it may have left without our knowing."""

    idempotency_key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tried_at = models.DateTimeField(_("tried"), null=True, editable=False)

    class Meta(OutboxRow.Meta):
        abstract = True
        ordering = ["-pk"]


class MailedLink(EntryMail):
    """That a fresh link goes to the customer by mail. Its link's `issued_by` is null where the customer asked for it."""

    link = models.OneToOneField(AccessLink, on_delete=models.CASCADE, related_name="mailed", verbose_name=_("link"))

    class Meta(EntryMail.Meta):
        verbose_name = _("mailed link")
        verbose_name_plural = _("mailed links")

    def __str__(self) -> str:
        return str(self.pk)


class MailedCode(EntryMail):
    """A code for a new device. The six digits are made from `nonce` and SECRET_KEY each time they are needed, and stored nowhere."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="codes", verbose_name=_("device"))
    nonce = models.CharField(max_length=43, default=new_nonce, editable=False)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0, editable=False)
    expires_at = models.DateTimeField(_("good until"), default=code_expiry, editable=False)
    used_at = models.DateTimeField(_("used"), null=True, editable=False)

    class Meta(EntryMail.Meta):
        verbose_name = _("mailed code")
        verbose_name_plural = _("mailed codes")

    def __str__(self) -> str:
        return str(self.pk)


class MailedAnswer(EntryMail):
    """That answers which the customer has not seen go to them by mail, up to the event numbered `sequence`.

    `after`: the last event that it need not tell of, as the customer had seen it when the mail was tried first, or another mail told of it.
    """

    conversation = models.ForeignKey(
        "chat.Conversation", on_delete=models.CASCADE, related_name="mailed_answers", verbose_name=_("conversation")
    )
    sequence = models.PositiveBigIntegerField(_("up to event"), editable=False)
    after = models.PositiveBigIntegerField(_("after event"), null=True, editable=False)

    class Meta(EntryMail.Meta):
        verbose_name = _("mailed answer")
        verbose_name_plural = _("mailed answers")
        constraints = [models.UniqueConstraint(fields=["conversation", "sequence"], name="one_mail_per_answer")]

    def __str__(self) -> str:
        return f"{self.conversation_id}/{self.sequence}"


class AddressNotice(EntryMail):
    """That a mail tells a person's former address (`address`, emptied once it has) that it is theirs no more."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("whose"))
    address = models.EmailField(_("mail address"), blank=True, editable=False)

    class Meta(EntryMail.Meta):
        verbose_name = _("notice of a changed address")
        verbose_name_plural = _("notices of changed addresses")

    def __str__(self) -> str:
        return str(self.pk)


class LinkRequest(OutboxRow):
    """That somebody typed a mail address to get a new link. Known or not: the page that takes it neither looks nor tells.

    `address` is emptied as soon as the worker has looked; the two digests (keyed, of the address and of the caller) count the requests.
    """

    address = models.EmailField(_("mail address"), blank=True, editable=False)
    address_digest = models.CharField(max_length=64, editable=False)
    caller_digest = models.CharField(max_length=64, editable=False)

    class Meta(OutboxRow.Meta):
        verbose_name = _("request for a link")
        verbose_name_plural = _("requests for links")
        ordering = ["-pk"]
        indexes = [
            *OutboxRow.Meta.indexes,
            models.Index(fields=["address_digest", "created_at"], name="link_requests_by_address"),
            models.Index(fields=["caller_digest", "created_at"], name="link_requests_by_caller"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
