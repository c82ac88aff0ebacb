"""The wiring of the whole."""

import gc

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class OrderSupportConfig(AppConfig):
    """Holds the commands that concern every app: serve, worker, demo, doctor."""

    name = "ordersupport"
    default = True

    def ready(self) -> None:
        """Register the checks, let /metrics ask the outbox and the sockets, and end the start."""
        from chat import metrics  # noqa: PLC0415 - models are ready only now
        from ordersupport import checks  # noqa: F401, PLC0415 - beside the other

        metrics.register()
        if not gc.isenabled():
            # Everything is loaded (`manage.py`): it is never looked through again, and what comes from now on is.
            gc.freeze()
            gc.enable()


class OrderedAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our menu."""

    default = False
    default_site = "ordersupport.admin_site.Site"
