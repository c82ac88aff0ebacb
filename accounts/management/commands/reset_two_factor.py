"""`manage.py reset_two_factor USERNAME`: for whoever lost both phone and recovery codes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import second_factor
from accounts.models import User


class Command(BaseCommand):
    """Their next log-in sets up a new app and new codes."""

    help = "Forget somebody's authenticator app and recovery codes."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose."""
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        """Forget, and say so."""
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}.")
        if not second_factor.reset(user, by=None):
            raise CommandError(f"{username} has no second factor.")
        self.stdout.write(f"{username}'s second factor is forgotten; the next log-in sets up a new one.")
