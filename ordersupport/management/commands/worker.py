"""`manage.py worker`: works on the outbox; any number of them, on any number of hosts with PostgreSQL."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ordersupport import database, server


class Command(BaseCommand):
    """Works until Ctrl-C or SIGTERM, then ends what is in hand."""

    help = "Work on the outbox: mails, and whatever else must leave the house."
    # What an operator can get wrong. What Django checks besides is the code, the same on every machine: `manage.py check` and the tests.
    requires_system_checks = ["settings"]

    def add_arguments(self, parser: CommandParser) -> None:
        """Where Prometheus finds this process."""
        parser.add_argument("--metrics-port", type=int, default=0, help="serve /metrics of this process on this loopback port")

    def handle(self, *args: Any, metrics_port: int, **options: Any) -> None:
        """Run the coordinator in this process's main thread."""
        database.ensure(patience=database.PATIENCE_SECONDS)
        server.work(metrics_port=metrics_port)
