"""`manage.py setup_vonage`: makes our application at Vonage with its webhooks, its key pair, and the lines of `.env`."""

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from chat import vonage_account
from chat.account_setup import SetupCommand
from chat.backends.vonage_tokens import KeyFileError


class Command(SetupCommand):
    """The application, its key pair, its webhooks, and what `.env` needs of them."""

    provider, travels_readable = "Vonage", "chats and the webhooks' secret"
    refusals = (*SetupCommand.refusals, KeyFileError)
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
        url = self.reachable(public_url)
        name = name or f"{settings.SHOP_NAME} {urlsplit(url).hostname}"
        plan = partial(vonage_account.plan, url, name=name, env_file=settings.ENV_FILE, wants_new_key=new_key)
        if self.carry_out(plan, dry_run=dry_run):
            self._say_what_is_next()

    def _say_what_is_next(self) -> None:
        self.stdout.write("`manage.py doctor --live` asks Vonage whether all is well.")
        if not settings.VONAGE_SIGNATURE_SECRET:
            self.stdout.write("Left to you: VONAGE_SIGNATURE_SECRET (dashboard, API settings), so that signed webhooks can be checked.")
        if not settings.VONAGE_FROM_NUMBER:
            self.stdout.write("Left to you, for texts and calls: rent a number, link it to the application, set VONAGE_FROM_NUMBER.")
