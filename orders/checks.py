"""Wrong or half a set of mail settings, found before the first mail (`manage.py check` and every start)."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, register


@register()
def sendinblue(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """All of Sendinblue or none of it."""
    found: list[CheckMessage] = []
    needed = {"SENDINBLUE_API_KEY": settings.SENDINBLUE_API_KEY, "SENDINBLUE_FROM_EMAIL": settings.SENDINBLUE_FROM_EMAIL}
    is_begun = any(needed.values()) or settings.SENDINBLUE_TEMPLATE_ID or settings.SENDINBLUE_FROM_NAME
    missing = [name for name, value in needed.items() if not value]
    if is_begun and missing:
        found.append(
            Error(
                f"{' and '.join(missing)} not set, but other SENDINBLUE_* variables are.",
                hint="Set it too, or empty all SENDINBLUE_* variables but _TO_* to keep mails in the embedded mailbox.",
                id="orders.E001",
            )
        )
    if settings.SENDINBLUE_TO_NAME and not settings.SENDINBLUE_TO_EMAIL:
        found.append(Error("SENDINBLUE_TO_EMAIL is not set, but SENDINBLUE_TO_NAME is.", hint="Set both or neither.", id="orders.E002"))
    if settings.SENDINBLUE_TO_EMAIL:
        found.append(Info("SENDINBLUE_TO_EMAIL is set: every mail goes there instead of to the customers.", id="orders.I001"))
    return found
