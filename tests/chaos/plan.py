"""What a run does and when, all drawn from one seed: the same seed does the same things after the same orders.

How far each process has come at that moment is the machine's business and can't be replayed.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Orders that clients may be ahead of the next thing that breaks.
SLACK = 12
# How an order moves on that moves at all.
MOVES = ("confirmed", "shipped")


@dataclass(frozen=True)
class Options:
    """A run. Rates are probabilities per call to a provider; `kills` counts for web processes and for workers each.

    `calls_per_second`: each provider's own limit, beyond which it answers 429; `limit_rate` are 429s that come whatever the rate.
    `most_open`: clients pause while more rows than this wait, so that mails, copies and webhooks are all under way at every kill.
    """

    orders: int = 2000
    kills: int = 20
    seed: int = 7
    database: str = "sqlite"
    redis: bool = False
    webs: int = 1
    workers: int = 1
    clients: int = 6
    by_orm: float = 0.25
    moved: float = 0.25
    orders_per_customer: int = 4
    error_rate: float = 0.10
    calls_per_second: int = 50
    limit_rate: float = 0.0
    reset_rate: float = 0.05
    lost_rate: float = 0.05
    latency_ms: float = 40.0
    restarts: int = 3
    most_open: int = 250
    settle_seconds: float = 120.0

    @property
    def is_scaled(self) -> bool:
        """Whether web processes leave the work to the workers."""
        return self.database == "postgres"


@dataclass(frozen=True)
class Blow:
    """Something that breaks once so many orders were begun: `kind` is web, worker, database or redis."""

    after_orders: int
    kind: str
    number: int
    pause_seconds: float
    down_seconds: float


@dataclass(frozen=True)
class Wanted:
    """An order that a client is to place, and the states that it is then moved to at once, before or after it is told.

    `external_id` is the client's own, by which a retry is recognised.
    """

    index: int
    external_id: str
    customer: str
    quantity: int
    by_orm: bool
    moves: tuple[str, ...] = ()


def customers(options: Options) -> list[str]:
    """The people who order."""
    return [f"customer-{number}" for number in range(max(1, options.orders // options.orders_per_customer))]


def wanted(options: Options) -> list[Wanted]:
    """The orders, in the order in which they are begun."""
    dice, people = random.Random(f"{options.seed}/orders"), customers(options)
    fates = random.Random(f"{options.seed}/moves")
    return [
        Wanted(
            index,
            f"chaos-{options.seed}-{index}",
            dice.choice(people),
            dice.randint(1, 9),
            dice.random() < options.by_orm,
            MOVES if fates.random() < options.moved else (),
        )
        for index in range(options.orders)
    ]


def blows(options: Options) -> list[Blow]:
    """The kills and restarts, spread over the run; the first comes when orders are under way, the last while some are still to come."""
    dice = random.Random(f"{options.seed}/blows")
    kinds = [*_kinds(options)]
    dice.shuffle(kinds)
    first, last = options.orders // 20, options.orders - options.orders // 20
    moments = sorted(dice.randint(first, max(first, last)) for _kind in kinds)
    return [
        Blow(moment, kind, dice.randrange(1000), pause_seconds=dice.uniform(0, 0.8), down_seconds=dice.uniform(0, 1.5))
        for moment, kind in zip(moments, kinds, strict=True)
    ]


def _kinds(options: Options) -> Iterator[str]:
    yield from ["web"] * options.kills
    yield from ["worker"] * options.kills
    if options.database == "postgres":
        yield from ["database"] * options.restarts
    if options.redis:
        yield from ["redis"] * options.restarts


def faults(options: Options) -> dict[str, list[dict[str, Any]]]:
    """What the twins do wrong (tests/twins/faults.py). Half of the errors and resets come after the work was done."""
    error, reset = options.error_rate, options.reset_rate
    rules: list[dict[str, Any]] = [
        {"fault": "latency", "ms": options.latency_ms, "jitter_ms": options.latency_ms},
        {"fault": "status", "status": 500, "probability": error * 0.4},
        {"fault": "status", "status": 503, "probability": error * 0.3, "work": True},
        {"fault": "html_502", "probability": error * 0.3},
        {"fault": "rate_limited", "probability": options.limit_rate},
        {"fault": "reset", "probability": reset / 2},
        {"fault": "reset_after", "probability": reset / 2},
        {"fault": "lost_reply", "probability": options.lost_rate},
    ]
    return {"*.*": rules}
