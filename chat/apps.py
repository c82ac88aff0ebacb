"""Conversations, and whatever carries them."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    """Knows of people, never of orders."""

    name = "chat"
    verbose_name = _("Conversations")

    def ready(self) -> None:
        """Register the checks and the other parts of the admin, hand copies, texts and calls to the worker, and say what is personal."""
        # Settings and models are ready only now.
        from chat import admin_mirror, checks, incoming, mirror  # noqa: F401, PLC0415
        from chat.entry import admin as entry_admin  # noqa: F401, PLC0415
        from chat.entry import answers, changed_address, mails  # noqa: F401, PLC0415
        from chat.phones import admin, calls, news, notices  # noqa: F401, PLC0415
        from chat.phones import checks as phone_checks  # noqa: F401, PLC0415
        from chat.privacy import admin as privacy_admin  # noqa: F401, PLC0415
        from chat.privacy import part  # noqa: F401, PLC0415
