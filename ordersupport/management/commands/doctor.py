"""`manage.py doctor`: explains the configuration, and with `--live` asks the providers."""

from typing import Any

from django.conf import settings
from django.core.checks import ERROR, WARNING
from django.core.management.base import BaseCommand, CommandParser

from ordersupport.doctor import report


class Command(BaseCommand):
    """Ends with 1 where something is wrong, else with 0; warnings are no error."""

    help = "Explain the configuration in plain words: what is set, what it switches on, what is wrong, and the fix."
    # They are part of what it says.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to ask the providers too."""
        parser.add_argument("--live", action="store_true", help="also ask each configured provider one harmless question")

    def handle(self, *args: Any, live: bool, **options: Any) -> None:
        """Say it all, then how it stands."""
        messages = report.all_messages()
        there = "" if settings.ENV_FILE.is_file() else " (there is none)"
        self.stdout.write(f"Order Support's configuration, from the environment and {settings.ENV_FILE}{there}\n\nWhat is on\n")
        for line in report.what_is_on():
            self.stdout.write(f"  {line}")
        for line in report.of_variables(messages):
            self.stdout.write(line)
        if messages:
            self.stdout.write("\nWhat is to be mended, or worth a look\n")
        for line in report.of_messages(messages):
            self.stdout.write(f"  {line}")
        errors = sum(message.level >= ERROR for message in messages)
        warnings = sum(WARNING <= message.level < ERROR for message in messages)
        errors += self._ask_providers() if live else 0
        self.stdout.write(f"\nWrong: {errors}. To look at: {warnings}." if errors or warnings else "\nAll is well.")
        if errors:
            raise SystemExit(1)

    def _ask_providers(self) -> int:
        """Print what they say; the number of things that are wrong."""
        # Vonage's package takes half a second to load, which only those who ask it need to wait for.
        from ordersupport.doctor import live  # noqa: PLC0415

        self.stdout.write("\nWhat the providers say\n")
        wrong = 0
        for answer in live.ask():
            self.stdout.write(f"  {answer.kind.value + ':':<7}{answer.sentence}")
            wrong += answer.is_wrong
        return wrong
