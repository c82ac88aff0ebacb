"""`manage.py prune`: forgets what is old. Once a day, by cron or a timer."""

from typing import Any

from django.core.management.base import BaseCommand

from ordersupport import pruning


class Command(BaseCommand):
    """Safe to run at any time, as often as one likes."""

    help = "Delete old mail events, webhooks, feed events, kept mails, sessions, audit entries (KEEP_TRACES_DAYS, KEEP_AUDIT_DAYS)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what went."""
        gone = pruning.prune()
        self.stdout.write("Deleted: " + (", ".join(f"{name} {count}" for name, count in gone.items()) or "nothing was old"))
