"""Conversations, and whatever carries them."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    """Knows of people, never of orders."""

    name = "chat"
    verbose_name = "Conversations"

    def ready(self) -> None:
        """Register the checks and the other parts of the admin, and hand copies, texts and calls to the worker."""
        # Settings and models are ready only now.
        from chat import admin_mirror, admin_phones, call_news, calls, checks, incoming, mirror, notices, phone_checks  # noqa: F401, PLC0415
