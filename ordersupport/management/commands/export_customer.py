"""`manage.py export_customer USERNAME`: everything about a customer as one file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import privacy
from accounts.models import User


class Command(BaseCommand):
    """The file is for the customer; `manage.py verify_export` proves later that it is as it was."""

    help = "Write everything that is held about a customer into one HTML file, with the same as JSON inside."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and where to."""
        parser.add_argument("username")
        parser.add_argument("--out", type=Path, help="the file to write (default: <id>.html here); one that is there is left alone")

    def handle(self, *args: Any, username: str, out: Path | None, **options: Any) -> None:
        """Write it, and say where."""
        customer = User.objects.filter(username=username).first()
        if customer is None:
            raise CommandError(f"There is no user {username!r}.")
        path = out or Path(f"{customer.public_id}.html")
        try:
            with path.open("xb") as file:
                path.chmod(0o600)
                file.write(privacy.export(customer, by=None))
        except privacy.NotACustomerError as error:
            path.unlink()
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{path} can't be written: {error.strerror}.") from error
        self.stdout.write(f"{path}: everything about {username}. `manage.py verify_export {path}` tells whether it was changed.")
