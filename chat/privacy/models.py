"""What providers are asked to forget. (A part of `chat/models.py`, which would be too long with it.)"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from chat.outbox import OutboxRow


class Thing(models.TextChoices):
    """What a provider holds of a person."""

    VONAGE_CONVERSATION = "vonage_conversation", _("conversation at Vonage")
    VONAGE_USER = "vonage_user", _("user at Vonage")
    SENDINBLUE_CONTACT = "sendinblue_contact", _("contact at Sendinblue")
    SENDINBLUE_LOG = "sendinblue_log", _("log of mails at Sendinblue")


class Deletion(OutboxRow):
    """That a provider is to delete something of an erased customer, once.

    `identifier` is the provider's name of it, which may be the mail address: it is emptied when the provider has done it.
    """

    what = models.CharField(_("what"), max_length=30, choices=Thing.choices)
    identifier = models.CharField(_("provider's id"), max_length=254, blank=True)
    # The erased customer's id.
    about = models.CharField(_("about"), max_length=40, db_index=True)

    class Meta(OutboxRow.Meta):
        verbose_name = _("deletion at a provider")
        verbose_name_plural = _("deletions at providers")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.what} {self.about}"
