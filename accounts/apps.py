"""People and keys: customers, agents, staff, API clients."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """The lowest app: it knows of nobody above it."""

    name = "accounts"
    verbose_name = _("People and keys")

    def ready(self) -> None:
        """Tell the admin and the API's document of our keys."""
        from accounts import admin_keys  # noqa: F401, PLC0415 - models are ready only now
        from accounts.api import schema  # noqa: F401, PLC0415 - settings are ready only now
