"""`manage.py worker`: works on the outbox; any number of them, on any number of hosts with PostgreSQL."""

from typing import Any

from django.core.management.base import BaseCommand

from ordersupport import server


class Command(BaseCommand):
    """Works until Ctrl-C or SIGTERM, then ends what is in hand."""

    help = "Work on the outbox: mails, and whatever else must leave the house."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the coordinator in this process's main thread."""
        server.work()
