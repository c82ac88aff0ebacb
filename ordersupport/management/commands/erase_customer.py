"""`manage.py erase_customer USERNAME`: replaces a customer's data everywhere, and searches for what is left."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import privacy, traces
from accounts.models import User
from chat.outbox import State
from chat.privacy.models import Deletion


class Command(BaseCommand):
    """Ends with 1 where something still names the customer."""

    help = "Erase a customer's personal data; orders keep numbers and totals. Then search database and files, and print the hits."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and that it is meant."""
        parser.add_argument("username")
        parser.add_argument("--yes", action="store_true", help="do it; there is no way back")

    def handle(self, *args: Any, username: str, yes: bool, **options: Any) -> None:
        """Erase, then search."""
        customer = User.objects.filter(username=username).first()
        if customer is None:
            raise CommandError(f"There is no user {username!r}.")
        if not yes:
            raise CommandError(f"Nothing is done yet. This erases {customer} for good: add --yes.")
        try:
            terms, done = privacy.erase(customer, by=None)
        except privacy.NotACustomerError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Erased {customer.public_id}: " + ", ".join(f"{name} {count}" for name, count in done.items()))
        for row in Deletion.objects.filter(about=customer.public_id, state=State.WAITING):
            self.stdout.write(f"To be deleted by the worker: {row.get_what_display()}")
        left = privacy.left(terms)
        tables, files = traces.searched()
        self.stdout.write(f"{len(left)} hits in {tables} tables and {files} files")
        for found in left:
            self.stdout.write(f"  {found}")
        if left:
            raise SystemExit(1)
