"""The wiring of the whole."""

from django.apps import AppConfig


class OrderSupportConfig(AppConfig):
    """Holds the commands that concern every app: serve, worker, demo."""

    name = "ordersupport"
