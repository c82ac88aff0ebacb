"""Two workers on PostgreSQL: no row is ever worked on twice, and never by two at once. Seen from the providers' side of the wire."""

import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.processes import Inside, Product, Twins, ending, environment, ports, wait_until
from tests.services import MissingError, Postgres

ORDERS = 300
SLOWLY = {"*.*": [{"fault": "latency", "ms": 4000, "jitter_ms": 0}]}
LATENCY = {"*.*": [{"fault": "latency", "ms": 60, "jitter_ms": 40}]}


@dataclass(frozen=True)
class Race:
    """What came of it: `in_flight` is each call's own name -> its [begin, end] at the provider; `by_worker` attempts that each ended."""

    in_flight: dict[str, list[tuple[float, float]]]
    by_worker: list[int]
    rows: dict[str, Any]

    @property
    def overlaps(self) -> int:
        """Calls that began before an earlier one of the same name had ended."""
        ordered = [sorted(spans) for spans in self.in_flight.values()]
        return sum(second[0] < first[1] for spans in ordered for first, second in pairwise(spans))


def names(entry: dict[str, Any]) -> str:
    """A mail by its idempotency key, an event by our id in it."""
    body = json.loads(entry["body"])
    if entry["operation"] == "brevo.send_mail":
        return str(body["headers"]["idempotencyKey"])
    return f"{entry['path']} {body['body'].get('_id', body)}"


def run(folder: Path, database: Postgres) -> Race:
    """All orders are there before the first worker is, so that both reach for the same rows all the time."""
    twins = Twins(folder / "twins", seed=7, hook_port=ports(1)[0], hook_secret="s" * 20)
    with ending(twins):
        known = environment(**twins.environment, DATABASE_URL=database.url, ENV_FILE=os.devnull, SECRET_KEY="k" * 50)
        migrate = Product("migrate", port=0, arguments=["migrate"], environment=known, folder=folder)
        migrate.start()
        wait_until(lambda: migrate.has_ended, "the tables")
        workers = [Product(f"worker-{number}", port=0, arguments=["worker"], environment=known, folder=folder) for number in range(2)]
        ours = Inside(known, folder / "ours.log")
        with ending(ours, *workers):
            customers = [f"customer-{number}" for number in range(ORDERS // 3)]
            ours.ask("prepare", customers=customers)
            for number in range(ORDERS):
                ours.ask("place", external_id=f"race-{number}", customer=customers[number % len(customers)], quantity=1)
            # So slowly at first that the one that is there before the other leaves it most of the work.
            twins.fail(SLOWLY)
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.wait()
            twins.fail(LATENCY)
            wait_until(lambda: ours.ask("left")["open"] == 0, "the last row")
            in_flight = defaultdict(list)
            for name, operation in (("brevo", "brevo.send_mail"), ("vonage", "vonage.create_event")):
                for entry in twins.ask(name, f"log?operation={operation}&limit=10000"):
                    in_flight[names(entry)].append((entry["at"], entry["at"] + entry["milliseconds"] / 1000))
            by_worker = [worker.log.read_text().count("ended with done") for worker in workers]
            return Race(dict(in_flight), by_worker, ours.ask("audit")["rows"])


@pytest.fixture(scope="module")
def race() -> Iterator[Race]:
    # Not pytest's folder: PostgreSQL runs as another user, who must get there.
    with tempfile.TemporaryDirectory(prefix="race-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            database = Postgres(folder)
        except MissingError as missing:
            pytest.skip(str(missing))
        database.start()
        try:
            yield run(folder, database)
        finally:
            database.stop(how="immediate")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_workers_never_work_on_one_row(race: Race) -> None:
    print(f"calls {len(race.in_flight)}, attempts that ended by worker {race.by_worker}, overlaps {race.overlaps}, rows {race.rows}")
    assert (race.overlaps, min(race.by_worker) > ORDERS / 10) == (0, True)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_workers_make_each_call_once_and_each_row_at_the_first_attempt(race: Race) -> None:
    most = {kind: told["most"] for kind, told in race.rows.items() if told["attempts"]}
    assert ({len(spans) for spans in race.in_flight.values()}, most) == ({1}, {"orderconfirmation": 1, "mirroredevent": 1})


def test_the_referee_sees_two_calls_of_one_name_at_once() -> None:
    one_after_the_other, at_once = [(0.0, 1.0), (1.5, 2.0)], [(0.0, 1.0), (0.5, 2.0)]
    assert [Race({"key": spans}, [1, 1], {}).overlaps for spans in (one_after_the_other, at_once)] == [0, 1]
