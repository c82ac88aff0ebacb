"""What the commands share that set up our account at a provider: each says its plan, one line a step, and carries it out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.callers import LOOPBACK
from chat.dotenv import TakenError
from chat.outbox import BackendError


@dataclass(frozen=True)
class SetupStep:
    """One thing to be done, in a sentence; `act` does it, and is None where all is well already."""

    sentence: str
    act: Callable[[], None] | None = None


class SetupCommand(BaseCommand):
    """Says what it will do, and does it unless `--dry-run`. Doing it twice does no harm.

    `provider`: who is asked to reach us. `travels_readable`: what would, without TLS. `refusals`: errors that are sentences for people.
    """

    provider: str
    travels_readable: str
    refusals: tuple[type[Exception], ...] = (BackendError, TakenError, OSError)

    def reachable(self, public_url: str) -> str:
        """The address that the provider is told, without a slash at its end; default: PUBLIC_URL. Raises CommandError."""
        url = (public_url or settings.PUBLIC_URL).rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CommandError(f"--public-url is {url!r}. Write a whole address, such as https://shop.example.com.")
        if not public_url and parts.hostname in LOOPBACK:
            raise CommandError(f"{self.provider} can't reach {url}. Say --public-url https://… or set PUBLIC_URL.")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            self.stderr.write(f"{url} is not https: {self.travels_readable} would travel readable for everybody.")
        return url

    def carry_out(self, plan: Callable[[], Sequence[SetupStep]], *, dry_run: bool) -> bool:
        """Tell the plan and do it; whether anything was done. Raises CommandError with what was refused, and the way on."""
        try:
            steps = plan()
            for number, step in enumerate(steps, start=1):
                self.stdout.write(f"{number}. {step.sentence}")
            if dry_run:
                self.stdout.write("Nothing was changed (--dry-run).")
                return False
            for step in steps:
                if step.act:
                    step.act()
        except self.refusals as error:
            again = " Run this again: it looks first, and does only what is missing." if getattr(error, "unknown", False) else ""
            raise CommandError(f"{error}{again}") from error
        is_changed = any(step.act for step in steps)
        self.stdout.write("Done. Restart what runs, so that it reads .env again." if is_changed else "Nothing to do.")
        return is_changed
