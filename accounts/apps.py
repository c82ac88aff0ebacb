"""People and keys: customers, agents, staff, API clients."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The lowest app: it knows of nobody above it."""

    name = "accounts"
    verbose_name = "People and keys"
