"""`manage.py demo`: the product with one shop's day in it, on this machine only."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ordersupport import demo, preparation, server


class Command(BaseCommand):
    """What `make demo` runs, after the virtual environment is there."""

    help = "Set up the database and the demo's data, and serve it on loopback. `make demo` does this and what comes before."

    def add_arguments(self, parser: CommandParser) -> None:
        """What `make demo-reset` asks for."""
        parser.add_argument("--reset", action="store_true", help="remove the demo's data from var/ instead; the next start makes it again")

    def handle(self, *args: Any, reset: bool, **options: Any) -> None:
        """Take a free port, prepare, say where to go, serve."""
        if not settings.DEMO:
            raise CommandError("Set DEMO=1 for the demo (`make demo` does), or use `manage.py serve`.")
        if reset:
            demo.reset(settings.VAR_DIR / "db.sqlite3")
            self.stdout.write("The demo's data is gone; `make demo` makes it again.")
            return
        listening = server.bind("127.0.0.1", settings.PORT, search=True)
        port: int = listening.getsockname()[1]
        server.follow_port(port)
        preparation.ensure(with_demo=True)
        taken = f"Port {settings.PORT} is taken, so this is port {port}.\n" if port != settings.PORT else ""
        self.stdout.write(taken + demo.welcome(settings.PUBLIC_URL))
        self.stdout.flush()
        server.serve(listening, with_worker=True)
