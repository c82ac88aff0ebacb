"""Conversations, and whatever carries them."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    """Knows of people, never of orders."""

    name = "chat"
    verbose_name = "Conversations"

    def ready(self) -> None:
        """Register the checks."""
        from chat import checks  # noqa: F401, PLC0415 - settings are ready only now
