"""Wrong or half a set of mail settings, found before the first mail (`manage.py check` and every start)."""

import ssl
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.callers import LOOPBACK


@register("settings")
def sendinblue(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """All of Sendinblue or none of it, and nothing in it that can't work."""
    return [*_half_a_set(), *_addresses(), *_key(), *_connection(), *_worth_knowing()]


def _half_a_set() -> Iterator[CheckMessage]:
    needed = {"SENDINBLUE_API_KEY": settings.SENDINBLUE_API_KEY, "SENDINBLUE_FROM_EMAIL": settings.SENDINBLUE_FROM_EMAIL}
    is_begun = any(needed.values()) or settings.SENDINBLUE_TEMPLATE_ID or settings.SENDINBLUE_FROM_NAME
    missing = [name for name, value in needed.items() if not value]
    if is_begun and missing:
        yield Error(
            f"{' and '.join(missing)} not set, but other SENDINBLUE_* variables are.",
            hint="Set it too, or empty all SENDINBLUE_* variables but _TO_* to keep mails in the embedded mailbox.",
            id="orders.E001",
        )
    if settings.SENDINBLUE_TO_NAME and not settings.SENDINBLUE_TO_EMAIL:
        yield Error("SENDINBLUE_TO_EMAIL is not set, but SENDINBLUE_TO_NAME is.", hint="Set both or neither.", id="orders.E002")


def _addresses() -> Iterator[CheckMessage]:
    for name in ("SENDINBLUE_FROM_EMAIL", "SENDINBLUE_TO_EMAIL", "REPLY_TO_EMAIL"):
        address = getattr(settings, name)
        try:
            validate_email(address or "nobody@example.com")
        except ValidationError:
            yield Error(f"{name} is {address!r}, which is no mail address.", hint="Write one like shop@example.com.", id="orders.E003")


def _key() -> Iterator[CheckMessage]:
    key = settings.SENDINBLUE_API_KEY
    if not all("!" <= character <= "~" for character in key):
        yield Error("SENDINBLUE_API_KEY holds a character that no key has.", hint="Copy it again, in one piece.", id="orders.E004")
    if key.startswith("xsmtpsib-"):
        hint = "Make an API key (xkeysib-…) at Sendinblue, under SMTP & API, API keys."
        yield Error("SENDINBLUE_API_KEY is a key for SMTP, which the API does not take.", hint=hint, id="orders.E005")


def _connection() -> Iterator[CheckMessage]:
    parts = urlsplit(settings.SENDINBLUE_API_URL)
    if settings.SENDINBLUE_API_KEY and parts.scheme == "http" and parts.hostname not in LOOPBACK:
        hint = "Write https://…"
        yield Warning("SENDINBLUE_API_URL is not https: the key and every mail travel readable.", hint=hint, id="orders.W001")
    if settings.SENDINBLUE_CA_FILE:
        try:
            ssl.create_default_context(cafile=settings.SENDINBLUE_CA_FILE)
        except OSError:
            message = f"SENDINBLUE_CA_FILE names {settings.SENDINBLUE_CA_FILE!r}, which holds no certificate."
            yield Error(message, hint="Write the path of a PEM file, or nothing.", id="orders.E006")


def _worth_knowing() -> Iterator[CheckMessage]:
    if settings.SENDINBLUE_API_KEY and not settings.WEBHOOK_SECRET:
        message = "WEBHOOK_SECRET is not set, so nobody can tell us which mails were delivered or came back."
        yield Warning(message, hint="`manage.py setup_sendinblue` sets it and registers the webhook.", id="orders.W002")
    if settings.SENDINBLUE_TO_EMAIL:
        yield Info("SENDINBLUE_TO_EMAIL is set: every mail goes there instead of to the customers.", id="orders.I001")
    if settings.SENDINBLUE_SANDBOX:
        yield Info("SENDINBLUE_SANDBOX is set: Sendinblue checks every mail and sends none.", id="orders.I002")
