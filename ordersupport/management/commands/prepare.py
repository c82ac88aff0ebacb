"""`manage.py prepare`: what `serve` and `demo` have a child process do before they answer."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from ordersupport import preparation


class Command(BaseCommand):
    """Does what is missing and nothing twice."""

    help = "Migrate the database and lay the static files out, where that is missing. `serve` does it when it starts."
    # Whoever starts this has made the checks.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether the demo's day is wanted."""
        parser.add_argument("--demo", metavar="URL", help="fill in the demo's people and orders as well, with links to this address")

    def handle(self, *args: Any, demo: str | None, **options: Any) -> None:
        """Make what is missing."""
        if demo:
            settings.PUBLIC_URL = demo
        preparation.make(with_demo=demo is not None)
