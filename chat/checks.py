"""Wrong or half a set of Vonage's settings, found before the first call (`manage.py check` and every start)."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, register


@register()
def vonage(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """All of Vonage or none of it; the original guide's variables are named as the guide names them."""
    found: list[CheckMessage] = []
    needed = {
        "NEXMO_APPLICATION_ID": settings.VONAGE_APPLICATION_ID,
        "NEXMO_APPLICATION_PRIVATE_KEY_PATH": settings.VONAGE_PRIVATE_KEY,
    }
    account = {"NEXMO_API_KEY": settings.VONAGE_API_KEY, "NEXMO_API_SECRET": settings.VONAGE_API_SECRET}
    missing = [name for name, value in needed.items() if not value] if any(needed.values()) or any(account.values()) else []
    if any(account.values()):
        missing += [name for name, value in account.items() if not value]
    if missing:
        found.append(
            Error(
                f"{' and '.join(missing)} not set, but other NEXMO_* variables are.",
                hint="Set it too, or empty all NEXMO_* variables to keep the chat on the embedded side.",
                id="chat.E001",
            )
        )
    if settings.CONVERSATION_ID:
        found.append(Info("CONVERSATION_ID is set and unused: every customer has a conversation of their own.", id="chat.I001"))
    return found
