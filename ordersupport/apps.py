"""The wiring of the whole."""

from django.apps import AppConfig


class OrderSupportConfig(AppConfig):
    """Holds the commands that concern every app: serve, worker, demo."""

    name = "ordersupport"

    def ready(self) -> None:
        """Let /metrics ask the outbox and the sockets."""
        from chat import metrics  # noqa: PLC0415 - models are ready only now

        metrics.register()
