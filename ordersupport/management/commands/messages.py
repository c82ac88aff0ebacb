"""Bring the catalogues of translated texts in line with the source."""

from typing import Any

from django.core.management.base import BaseCommand

from ordersupport import catalogues


class Command(BaseCommand):
    """`manage.py messages`: gathers every text, drops those that are gone, compiles, and names what still lacks a translation."""

    help = "Gather the texts of code and templates into <app>/locale, compile them, and say what is not translated yet."

    def handle(self, *args: Any, **options: Any) -> None:
        """Every app in every language; ends with an error where a translation is missing."""
        missing = 0
        for language in catalogues.languages():
            for app in catalogues.APPS:
                for text in catalogues.refresh(app, language):
                    missing += 1
                    self.stdout.write(f"{catalogues.path(app, language)}: {text!r}")
        if missing:
            self.stderr.write(f"{missing} texts lack a translation: write it into the .po file and run this again.")
            raise SystemExit(1)
        self.stdout.write("Every text is translated.")
