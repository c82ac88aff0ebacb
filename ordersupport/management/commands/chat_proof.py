"""Proves that the chat loses, doubles and reorders nothing: real clients, cut connections, a server that is killed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

try:
    from tests.chaos.processes import GoneError
    from tests.chat_proof.plan import Options
    from tests.chat_proof.run import Outcome, run
    from tests.services import MissingError
except ModuleNotFoundError as error:
    # The clients are part of the tests, which an installation may leave out.
    raise CommandError("chat_proof works in a checkout, with `make .venv/development`.") from error


class Command(BaseCommand):
    """Runs on a database and a server of its own; nothing of this installation is touched."""

    help = "Prove that the chat loses, doubles and reorders nothing while connections are cut and its server is killed."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """How much, how rough, and on what."""
        parser.add_argument("--clients", type=int, default=Options.clients, help="in rooms of two to four")
        parser.add_argument("--messages", type=int, default=Options.messages, help="all together")
        parser.add_argument("--drop", type=int, default=Options.drop, help="of 100 attempts to send, so many end in a cut connection")
        parser.add_argument("--kill-server", type=int, default=Options.kill_server, help="times kill -9")
        parser.add_argument("--seed", type=int, default=Options.seed)
        parser.add_argument("--database", choices=["sqlite", "postgres"], default=Options.database, help="a private one")
        parser.add_argument("--redis", action="store_true", help="a private Redis carries hints between servers")
        parser.add_argument("--servers", type=int, default=Options.servers, help="web processes at one database")

    def handle(self, *args: Any, **given: Any) -> None:
        """Run, print, and exit with 1 unless all is well."""
        options = Options(**{name: given[name] for name in Options.__dataclass_fields__})
        if options.clients < 2 or options.messages < 1 or not 0 <= options.drop < 100:
            raise CommandError("At least two clients, one message, and --drop from 0 to 99.")
        try:
            outcome = run(options)
        except (GoneError, MissingError, ExceptionGroup) as error:
            raise CommandError(f"The run could not be ended: {error}") from error
        self.stdout.write(_table(options, outcome))
        if not outcome.verdict.is_good or outcome.caught_up_seconds is None:
            raise CommandError("The chat did not hold what it promises.")


def _table(options: Options, outcome: Outcome) -> str:
    verdict, caught_up = outcome.verdict, outcome.caught_up_seconds
    rows = {
        "sent": verdict.sent,
        "stored": verdict.stored,
        **{f"**{name}**": f"**{count}**" for name, count in verdict.faults.items()},
        "clients that saw the same gap-free log as the record": f"{verdict.same} of {verdict.clients}",
        "all had everything after the last acknowledgement": "never" if caught_up is None else f"{caught_up:.1f} s",
        "kill -9 of the server": outcome.kills,
        "attempts to send": outcome.attempts,
        "what made clients try again": ", ".join(f"{count} × {name}" for name, count in sorted(outcome.troubles.items())) or "nothing",
        "duration": f"{outcome.seconds:.0f} s",
    }
    engines = options.database + (" + redis" if options.redis else "")
    head = f"| {engines}, {options.servers} server(s), {options.clients} clients, {options.drop} % cut, seed {options.seed} | |"
    return "\n".join([head, "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])
