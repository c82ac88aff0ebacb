"""`manage.py setup_sendinblue`: makes the mail template and the webhook at Sendinblue, and writes what `.env` needs of them."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from chat.dotenv import TakenError
from chat.outbox import BackendError
from orders import mail_account

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Command(BaseCommand):
    """Says what it will do, and does it unless `--dry-run`. Doing it twice does no harm."""

    help = "Make and activate the mail template at Sendinblue, register the delivery webhook, and write both to .env."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where Sendinblue reaches us, and whether to look only."""
        parser.add_argument(
            "--public-url", default="", help="where Sendinblue reaches us, such as https://shop.example.com; default: PUBLIC_URL"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, public_url: str, dry_run: bool, **options: Any) -> None:
        """Look, tell, act."""
        if not settings.SENDINBLUE_API_KEY or not settings.SENDINBLUE_FROM_EMAIL:
            raise CommandError(
                "Set SENDINBLUE_API_KEY (Sendinblue: SMTP & API, API keys) and SENDINBLUE_FROM_EMAIL (a verified sender) in .env first."
            )
        url = self._reachable(public_url) + reverse("webhook-sendinblue")
        try:
            steps = mail_account.plan(url, settings.ENV_FILE)
            for number, step in enumerate(steps, start=1):
                self.stdout.write(f"{number}. {step.sentence}")
            if dry_run:
                self.stdout.write("Nothing was changed (--dry-run).")
                return
            for step in steps:
                if step.act:
                    step.act()
        except (BackendError, TakenError) as error:
            again = " Run this again: it looks first, and does only what is missing." if getattr(error, "unknown", False) else ""
            raise CommandError(f"{error}{again}") from error
        self.stdout.write("Done. Restart what runs, so that it reads .env anew." if any(step.act for step in steps) else "Nothing to do.")

    def _reachable(self, public_url: str) -> str:
        url = (public_url or settings.PUBLIC_URL).rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CommandError(f"--public-url is {url!r}. Write a whole address, such as https://shop.example.com.")
        if not public_url and parts.hostname in LOOPBACK:
            raise CommandError(f"Sendinblue can't reach {url}. Say --public-url https://… or set PUBLIC_URL.")
        if parts.scheme == "http":
            self.stderr.write(f"{url} is not https: mail events and their secret would travel readable for everybody.")
        return url
