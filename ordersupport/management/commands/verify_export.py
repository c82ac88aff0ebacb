"""`manage.py verify_export FILE`: whether a customer's file is as we wrote it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import takeaway


class Command(BaseCommand):
    """Ends with 1 where a single byte was changed."""

    help = "Check the hashes and the seal of a file that `export_customer` wrote."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which file."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Say what it is, or what is wrong with it."""
        try:
            found = takeaway.verify(file.read_bytes())
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}.") from error
        except takeaway.TamperedError as error:
            raise CommandError(f"{file} is not as we wrote it. {error}") from None
        self.stdout.write(f"{file} is as we wrote it: {found['rows']} rows about {found['about']}, {found['written_at']}.")
