"""`manage.py setup_vonage`: makes our application at Vonage with its webhooks, its key pair, and the lines of `.env`."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat import vonage_account
from chat.backends.vonage_tokens import KeyFileError
from chat.dotenv import TakenError
from chat.outbox import BackendError

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Command(BaseCommand):
    """Says what it will do, and does it unless `--dry-run`. Doing it twice does no harm."""

    help = "Make the Vonage application with RTC, voice and messages, point its webhooks here, and write private.key and .env."
    # Only the account's key and secret are there yet, which is half a set.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Where Vonage reaches us, what the application is called, and whether to look only."""
        parser.add_argument(
            "--public-url", default="", help="where Vonage reaches us, such as https://shop.example.com; default: PUBLIC_URL"
        )
        parser.add_argument("--name", default="", help="the application's name at Vonage; default: the shop's name and the public host")
        parser.add_argument("--new-key", action="store_true", help="give the application a new key pair, where the private key is lost")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, public_url: str, name: str, new_key: bool, dry_run: bool, **options: Any) -> None:
        """Look, tell, act."""
        if not settings.VONAGE_API_KEY or not settings.VONAGE_API_SECRET:
            raise CommandError("Set NEXMO_API_KEY and NEXMO_API_SECRET in .env first (Vonage's dashboard, API settings).")
        url = self._reachable(public_url)
        name = name or f"{settings.SHOP_NAME} {urlsplit(url).hostname}"
        try:
            steps = vonage_account.plan(url, name=name, env_file=settings.ENV_FILE, wants_new_key=new_key)
            for number, step in enumerate(steps, start=1):
                self.stdout.write(f"{number}. {step.sentence}")
            if dry_run:
                self.stdout.write("Nothing was changed (--dry-run).")
                return
            for step in steps:
                if step.act:
                    step.act()
        except (BackendError, KeyFileError, TakenError, OSError) as error:
            again = " Run this again: it looks first, and does only what is missing." if getattr(error, "unknown", False) else ""
            raise CommandError(f"{error}{again}") from error
        self._say_what_is_next(is_changed=any(step.act for step in steps))

    def _say_what_is_next(self, *, is_changed: bool) -> None:
        if not is_changed:
            self.stdout.write("Nothing to do.")
            return
        self.stdout.write("Done. Restart what runs, so that it reads .env anew. `manage.py doctor --live` asks Vonage whether all is well.")
        if not settings.VONAGE_SIGNATURE_SECRET:
            self.stdout.write("Left to you: VONAGE_SIGNATURE_SECRET (dashboard, API settings), so that signed webhooks can be checked.")
        if not settings.VONAGE_FROM_NUMBER:
            self.stdout.write("Left to you, for texts and calls: rent a number, link it to the application, set VONAGE_FROM_NUMBER.")

    def _reachable(self, public_url: str) -> str:
        url = (public_url or settings.PUBLIC_URL).rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CommandError(f"--public-url is {url!r}. Write a whole address, such as https://shop.example.com.")
        if not public_url and parts.hostname in LOOPBACK:
            raise CommandError(f"Vonage can't reach {url}. Say --public-url https://… or set PUBLIC_URL.")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            self.stderr.write(f"{url} is not https: chats and the webhooks' secret would travel readable for everybody.")
        return url
