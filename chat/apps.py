"""Conversations, and whatever carries them."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    """Knows of people, never of orders."""

    name = "chat"
    verbose_name = "Conversations"

    def ready(self) -> None:
        """Register the checks and one more part of the admin, and hand the copying to the worker."""
        from chat import admin_mirror, checks, incoming, mirror  # noqa: F401, PLC0415 - settings and models are ready only now
