"""`manage.py setup_sendinblue`: makes the mail template and the webhook at Sendinblue, and writes what `.env` needs of them."""

from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.urls import reverse

from chat.account_setup import SetupCommand
from orders import mail_account


class Command(SetupCommand):
    """The template, the webhook, and what `.env` needs of them."""

    provider, travels_readable = "Sendinblue", "mail events and their secret"
    help = "Make and activate the mail template at Sendinblue, register the delivery webhook, and write both to .env."
    # Half a set of Vonage's settings, as before `setup_vonage`, is nothing to do with mails.
    requires_system_checks = []

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
        url = self.reachable(public_url) + reverse("webhook-sendinblue")
        self.carry_out(partial(mail_account.plan, url, settings.ENV_FILE), dry_run=dry_run)
