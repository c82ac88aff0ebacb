"""Orders and how their customers are told."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """The one signal and the outbox's work are hooked up here."""

    name = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        """Connect the one post_save, hand the pipeline to the worker, and say what is personal."""
        from orders import checks, confirmation, finding, outgoing, privacy, progress, signals  # noqa: F401, PLC0415 - models are ready only now
