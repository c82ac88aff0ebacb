"""Settings of texts and calls that can't work, found before the first one (`manage.py check` and every start)."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from chat.phones import numbers


@register("settings")
def texts_and_calls(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """VONAGE_FROM_NUMBER and what it takes to use it."""
    found: list[CheckMessage] = []
    sender = settings.VONAGE_FROM_NUMBER
    if not sender or not (settings.VONAGE_APPLICATION_ID and settings.VONAGE_PRIVATE_KEY):
        return found
    if not numbers.number(f"+{sender.removeprefix('+')}"):
        hint = "Write one of your Vonage numbers with its country code, such as +46 70 555 01 20. SMS may come from a name, calls can't."
        found.append(Warning("VONAGE_FROM_NUMBER is no phone number, so nobody can be called.", hint=hint, id="chat.W010"))
    if settings.VONAGE_SMS_API == "sms" and not (settings.VONAGE_API_KEY and settings.VONAGE_API_SECRET):
        hint = "Set NEXMO_API_KEY and NEXMO_API_SECRET too, or VONAGE_SMS_API=messages, which uses the application's key."
        found.append(Error("VONAGE_SMS_API is sms, which needs the account's key and secret.", hint=hint, id="chat.E010"))
    return found
