"""`manage.py serve`: pages, API, sockets and the worker in one process."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.callers import LOOPBACK
from ordersupport import preparation, server


class Command(BaseCommand):
    """Serves until Ctrl-C or SIGTERM."""

    help = "Serve pages, API and sockets, and work on the outbox, in one process."
    # What an operator can get wrong. What Django checks besides is the code, the same on every machine: `manage.py check` and the tests.
    requires_system_checks = ["settings"]

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen, and whether to work."""
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default 127.0.0.1; behind a proxy, keep it)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="default: PORT")
        parser.add_argument("--no-worker", action="store_true", help="leave the outbox to `manage.py worker`")

    def handle(self, *args: Any, host: str, port: int, no_worker: bool, **options: Any) -> None:
        """Listen first, so that a taken port is said before anything else happens."""
        if settings.DEMO and host not in LOOPBACK:
            raise CommandError(f"The demo lets anybody in without a key, so it never listens on {host}. Unset DEMO first.")
        listening = server.bind(host, port, search=False)
        preparation.ensure()
        self.stdout.write(f"Order Support serves at {settings.PUBLIC_URL} (listening on {host}:{listening.getsockname()[1]})")
        server.serve(listening, with_worker=not no_worker)
