"""The wiring of the whole."""

from django.apps import AppConfig


class OrderSupportConfig(AppConfig):
    """Holds the commands that concern every app: serve, worker, demo, doctor."""

    name = "ordersupport"

    def ready(self) -> None:
        """Register the checks, and let /metrics ask the outbox and the sockets."""
        from chat import metrics  # noqa: PLC0415 - models are ready only now
        from ordersupport import checks  # noqa: F401, PLC0415 - beside the other

        metrics.register()
