"""`manage.py restored`: what to run between putting a backup back and starting a worker."""

from typing import Any

from django.core.management.base import BaseCommand

from chat import mirror
from chat.entry import mails
from chat.phones import notices
from orders import mailing


class Command(BaseCommand):
    """Safe to run at any time: the worker asks before it tells, and leaves to a person what it can ask nobody about."""

    help = "After a backup was restored: whatever looks untold is looked up at its provider before it is told, or left to a person."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how much is in doubt."""
        found, copies, texts = mailing.doubt_unsent() + mails.doubt_unsent(), mirror.doubt_uncopied(), notices.doubt_unsent()
        asked = f"Asked for before they are sent: {found} mails, {copies} copies at Vonage."
        self.stdout.write(f"{asked} Left to a person: {texts} texts to agents.")
