"""`python -m tests.chaos`: one run, one table; exit code 1 unless nothing was lost, doubled, unknown or left behind."""

import argparse
import sys
from dataclasses import fields

from tests.chaos.plan import Options
from tests.chaos.processes import GoneError
from tests.chaos.run import Outcome, run
from tests.services import MissingError


def main() -> int:
    """Read, run, print."""
    options = _read()
    print(f"chaos: {_said(options)}", flush=True)
    try:
        outcome = run(options)
    except (GoneError, MissingError) as error:
        print(f"The run could not be ended: {error}", file=sys.stderr)
        return 1
    print(table(outcome))
    return 0 if is_good(outcome) else 1


def is_good(outcome: Outcome) -> bool:
    """Whether every order was told exactly once, in time."""
    return outcome.verdict.is_good and outcome.settled_seconds is not None


def table(outcome: Outcome) -> str:
    """The one table, in Markdown."""
    options, scene, verdict = outcome.scene.options, outcome.scene, outcome.verdict
    settled = f"{outcome.settled_seconds:.0f} s" if outcome.settled_seconds is not None else f"not within {options.settle_seconds:.0f} s"
    rows = {
        **verdict.figures,
        **{f"**{name}**": f"**{count}**" for name, count in verdict.faults.items()},
        "all ended after the chaos stopped": settled,
        "kill -9 of web processes / of workers": f"{scene.blows_done['web']} / {scene.blows_done['worker']}",
        "rows that workers held at those kills": str(scene.in_hand),
        "database crashes / Redis flushed and killed": f"{scene.blows_done['database']} / {scene.blows_done['redis']}",
        "what made clients ask again": ", ".join(f"{count} × {name}" for name, count in sorted(outcome.told.troubles.items())) or "nothing",
        "duration": f"{outcome.seconds:.0f} s",
    }
    lines = [f"| {options.database}{' + redis' if options.redis else ''}, seed {options.seed} | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join([*lines, *verdict.examples])


def _said(options: Options) -> str:
    return " ".join(f"{item.name}={getattr(options, item.name)}" for item in fields(options))


def _read() -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Orders, told exactly once, whatever breaks.")
    parser.add_argument("--orders", type=int, default=Options.orders)
    parser.add_argument("--kills", type=int, default=Options.kills, help="of web processes, and as many of workers")
    parser.add_argument("--seed", type=int, default=Options.seed)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--redis", action="store_true", help="a private Redis carries hints, and is flushed and killed")
    parser.add_argument("--webs", type=int, help="web processes; default 1 on SQLite (with its worker), 2 on PostgreSQL (without)")
    parser.add_argument("--workers", type=int, help="worker processes; default 1 on SQLite, 2 on PostgreSQL")
    parser.add_argument("--clients", type=int, default=Options.clients, help="API clients; one more uses the ORM")
    parser.add_argument("--by-orm", type=float, default=Options.by_orm, help="share of orders that are placed by the ORM")
    parser.add_argument("--moved", type=float, default=Options.moved, help="share of orders that are confirmed and shipped right away")
    parser.add_argument("--error-rate", type=float, default=Options.error_rate, help="5xx per call, about a third after the work was done")
    parser.add_argument("--calls-per-second", type=int, default=Options.calls_per_second, help="each provider's limit: more is a 429")
    parser.add_argument("--limit-rate", type=float, default=Options.limit_rate, help="429 per call, whatever the rate")
    parser.add_argument("--reset-rate", type=float, default=Options.reset_rate, help="resets per call, half after the work was done")
    parser.add_argument("--lost-rate", type=float, default=Options.lost_rate, help="work done, connection closed without an answer")
    parser.add_argument("--latency-ms", type=float, default=Options.latency_ms, help="mean of a call's latency")
    parser.add_argument("--restarts", type=int, default=Options.restarts, help="crashes of PostgreSQL and of Redis, each")
    parser.add_argument("--most-open", type=int, default=Options.most_open, help="clients pause while more rows than this wait")
    parser.add_argument("--settle-seconds", type=float, default=Options.settle_seconds, help="every row must end so soon after the chaos")
    given = vars(parser.parse_args())
    several = 2 if given["database"] == "postgres" else 1
    return Options(**given | {name: given[name] or several for name in ("webs", "workers")})


if __name__ == "__main__":
    raise SystemExit(main())
