"""`manage.py restored`: what to run between putting a backup back and starting a worker."""

from typing import Any

from django.core.management.base import BaseCommand

from chat import mirror
from orders import mailing


class Command(BaseCommand):
    """Safe to run at any time: it only makes the worker ask before it tells."""

    help = "After a backup was restored: whatever looks untold is looked up at its provider before it is told."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how much is in doubt."""
        mails, copies = mailing.doubt_unsent(), mirror.doubt_uncopied()
        self.stdout.write(f"Asked for before they are sent: {mails} mails, {copies} copies at Vonage.")
