"""Users in their roles, and the API clients' keys."""

import unicodedata
import uuid
import zoneinfo
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_stubs_ext import StrOrPromise
from rest_framework_api_key.models import AbstractAPIKey, APIKeyManager

from accounts.lookups import row_of

AGENTS_GROUP = "Agents"
# A migration of the orders makes it, because of what it allows.
API_CLIENTS_GROUP = "API clients"


def shop_language() -> str:
    """What a new person reads until they choose."""
    return settings.LANGUAGE_CODE


def new_user_id() -> str:
    """An id of ours in Vonage's shape."""
    return f"USR-{uuid.uuid4()}"


def check_time_zone(name: str) -> None:
    """Raise ValidationError unless `name` is an IANA time zone of this machine."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("%(name)s is not a time zone. Write one like Europe/Berlin."), code="unknown_time_zone", params={"name": name}
        )


def check_one_line(text: str) -> None:
    """Raise ValidationError where `text` has a line break or another control character: it goes into mail headers."""
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text):
        raise ValidationError(_("Write it in one line, without control characters."), code="not_one_line")


def check_is_no_step(name: str) -> None:
    """Raise ValidationError for "." and "..": in an address a browser takes them for a step, so such a person's page has none."""
    if name in {".", ".."}:
        raise ValidationError(_("A username can't be “.” or “..”."), code="only_dots")


class User(AbstractUser):
    """A person: customer, agent or staff. The role is a permission, never a name.

    `public_id` is the id that leaves the house; `provider_id` is Vonage's, once it has one.
    """

    public_id = models.CharField(_("id"), max_length=40, unique=True, default=new_user_id, editable=False)
    provider_id = models.CharField(_("Vonage id"), max_length=100, null=True, blank=True, editable=False)
    name = models.CharField(
        _("name"), max_length=150, blank=True, validators=[check_one_line], help_text=_("As we address them in mails and chats.")
    )
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    on_duty = models.BooleanField(
        _("on duty"),
        default=False,
        help_text=_("With a phone number (+46 70 …), an agent on duty is told by SMS of customers who wait, and gets their calls."),
    )
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES, default=shop_language)
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        validators=[check_time_zone],
        help_text=_("Such as Europe/Berlin. Empty until the person's own page tells; meanwhile the shop's counts."),
    )

    class Meta(AbstractUser.Meta):
        swappable = "AUTH_USER_MODEL"
        permissions = [
            ("answer_chats", "Can answer customers' chats (is an agent)"),
            ("export_customer", "Can export everything about a customer"),
            ("erase_customer", "Can erase a customer"),
        ]
        indexes = [
            # Asked for at each message of a customer, and few among all people.
            models.Index(fields=["id"], condition=models.Q(on_duty=True), name="people_on_duty"),
            # Asked for by whoever wants a link, a stranger too: `accounts/lookups.py`, same_letters.
            models.Index(Upper("email"), name="people_by_mail_address"),
        ]
        # With a condition it is no key of the row, so that noting it waits for nobody who points to the row.
        constraints = [
            models.UniqueConstraint(
                fields=["provider_id"], condition=models.Q(provider_id__isnull=False), name="one_person_per_provider_id"
            )
        ]

    def clean(self) -> None:
        """For the forms."""
        super().clean()
        try:
            check_is_no_step(self.username)
        except ValidationError as refused:
            raise ValidationError({"username": refused}) from None

    def __str__(self) -> str:
        return f"{self.display_name} ({self.username})" if self.name else self.username

    def get_session_auth_hash(self) -> str:
        """Besides the password's change, switching the second factor on ends every session."""
        found = super().get_session_auth_hash()
        return f"{found}:2" if settings.TWO_FACTOR else found

    @property
    def display_name(self) -> str:
        """What other people see."""
        return self.name or self.get_full_name() or self.username

    @property
    def erased_username(self) -> str:
        """The user name that an erasure leaves (`accounts/privacy.py`)."""
        return f"erased-{self.public_id}"

    @property
    def is_erased(self) -> bool:
        """Whether this person's data were erased."""
        return self.username == self.erased_username

    @classmethod
    def customers(cls) -> "models.QuerySet[User]":
        """People who order: neither staff nor agents (by group or by a permission of their own) nor API clients."""
        # By no joins: of those PostgreSQL expects that nobody is left, and so it sorts all people to show a page of them.
        more = (cls.groups.through.objects, cls.user_permissions.through.objects, ApiKey.objects)
        has_none = [~models.Exists(rows.filter(user=models.OuterRef("pk"))) for rows in more]
        return cls.objects.filter(*has_none, is_staff=False, is_superuser=False)

    @property
    def is_agent(self) -> bool:
        """Whether this person may read and answer every customer's chat."""
        return self.has_perm("accounts.answer_chats")


class Scope(models.TextChoices):
    """What a key may be used for; what its client may do at all, their permissions say."""

    ORDERS_READ = "orders:read", _("read orders, customers and what happened")
    ORDERS_WRITE = "orders:write", _("make and change orders and customers")
    CHAT = "chat", _("read and write chats")


def every_scope() -> list[str]:
    """All of them."""
    return list(Scope.values)


class KeyManager(APIKeyManager):
    """Keys with their clients: who asks for the one needs the other."""

    def get_from_key(self, key: str) -> "ApiKey":
        """The key, unless it was revoked or is wrong, with its client. Raises DoesNotExist. Asked for at each request of the API."""
        found = row_of(ApiKey, "prefix", key.partition(".")[0], and_its="user")
        if found is None or found.revoked or not found.is_valid(key):
            raise ApiKey.DoesNotExist
        return found


class ApiKey(AbstractAPIKey):
    """A key of one API client, kept as a hash; sent as `Authorization: Token <key>`.

    The client is a user of its own, so that every door asks the same question: what may this user do? `scopes` narrow that further.
    """

    # Who asks whether a key is still in use asks for days, and a write for each request would be the dearest part of many.
    USE_IS_NOTED_EACH = timedelta(minutes=1)

    objects = KeyManager()  # type: ignore[misc] # the package's stays an instance variable for the plugin, ours a class variable

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys", verbose_name=_("client"))
    scopes = models.JSONField(_("scopes"), default=every_scope)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    class Meta(AbstractAPIKey.Meta):
        verbose_name = _("API key")  # type: ignore[assignment] # Django takes lazy words; the package only has plain ones
        verbose_name_plural = _("API keys")  # type: ignore[assignment]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Name the key after its client where nobody gave it a name."""
        self.name = self.name or self.user.username
        super().save(*args, **kwargs)

    @property
    def has_ended(self) -> bool:
        """Whether it opens nothing any more."""
        return bool(self.revoked or self.has_expired)

    def note_use(self) -> None:
        """Keep when it was last used, to the minute; of many requests at once one writes."""
        now = timezone.now()
        long_ago = now - self.USE_IS_NOTED_EACH
        if self.last_used_at and self.last_used_at > long_ago:
            return
        unnoted = models.Q(last_used_at=None) | models.Q(last_used_at__lte=long_ago)
        ApiKey.objects.filter(unnoted, pk=self.pk).update(last_used_at=now)


# The package's own fields, which it names in English only; its words stay the source.
KEY_FIELDS: dict[str, tuple[StrOrPromise, StrOrPromise]] = {
    "prefix": (_("prefix"), ""),
    "created": (_("created"), ""),
    "name": (pgettext_lazy("of a key", "name"), _("A free-form name for the API key. Need not be unique. 50 characters max.")),
    "revoked": (_("revoked"), _("If the API key is revoked, clients cannot use it anymore. (This cannot be undone.)")),
    "expiry_date": (_("Expires"), _("Once API key expires, clients cannot use it anymore.")),
}
for field in ApiKey._meta.fields:
    if field.name in KEY_FIELDS:
        field.verbose_name, field.help_text = KEY_FIELDS[field.name]


class StoredAnswer(models.Model):
    """What one `Idempotency-Key` of one caller was answered with; see `accounts/idempotency.py`.

    `address`: method and path. `fields`: a digest of each field of the request's body, by path. The answer is empty only inside the
    transaction that does the work.
    """

    caller = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    address = models.TextField()
    fields = models.JSONField(default=dict)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="one_answer_per_callers_key")]

    def __str__(self) -> str:
        return f"{self.caller}: {self.key}"


class AuditEntry(models.Model):
    """One act upon somebody's data, by ids only (`accounts/audit.py`); never changed afterwards."""

    class Action(models.TextChoices):
        """What is written down. A new one needs no migration."""

        EXPORTED = "exported", _("data exported")
        ERASED = "erased", _("data erased")
        LINK_COPIED = "link_copied", _("link copied")
        LINK_ROTATED = "link_rotated", _("link replaced")
        LINK_REVOKED = "link_revoked", _("link revoked")
        VIEWED_AS_CUSTOMER = "viewed_as_customer", _("page seen as the customer sees it")
        LINK_MAILED = "link_mailed", _("link mailed")
        ADDRESS_CHANGED = "address_changed", _("mail address changed")
        KEY_MADE = "key_made", _("API key made")
        KEY_CHANGED = "key_changed", _("API key changed")
        KEY_REVOKED = "key_revoked", _("API key revoked")
        KEY_DELETED = "key_deleted", _("API key deleted")
        WEBHOOK_SECRET_REPLACED = "webhook_secret_replaced", _("webhook's secret replaced")
        TWO_FACTOR_SET_UP = "two_factor_set_up", _("second factor set up")
        TWO_FACTOR_RESET = "two_factor_reset", _("second factor removed")

    at = models.DateTimeField(_("time"), default=timezone.now, editable=False, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("who")
    )
    # Stays when the person is deleted.
    actor_id_then = models.CharField(_("their id"), max_length=40, blank=True, editable=False)
    action = models.CharField(_("act"), max_length=40, editable=False, db_index=True)
    subject = models.CharField(_("whose or what"), max_length=200, editable=False, db_index=True)
    details = models.JSONField(_("details"), default=dict, editable=False)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Only once: what was written down stays as it was."""
        if not self._state.adding:
            raise TypeError("An audit entry is never changed.")
        super().save(*args, **kwargs)
