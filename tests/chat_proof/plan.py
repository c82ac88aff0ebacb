"""Who sits where and says what, and when the server dies, all drawn from one seed."""

import random
from dataclasses import dataclass

SIZES = (2, 3, 4)


@dataclass(frozen=True)
class Options:
    """A run. `drop`: of a hundred attempts to send, so many end in a cut connection. `kill_server`: so many times kill -9.

    `servers`: web processes; clients change between them as they come back.
    """

    clients: int = 40
    messages: int = 5000
    drop: int = 30
    kill_server: int = 5
    seed: int = 7
    database: str = "sqlite"
    redis: bool = False
    servers: int = 1


@dataclass(frozen=True)
class Line:
    """One message: `by_http`, or over the socket."""

    key: str
    text: str
    by_http: bool


def rooms(options: Options) -> list[list[str]]:
    """Names by room, two to four in each; the first is the customer."""
    dice, names = random.Random(f"{options.seed}/rooms"), [f"client-{number}" for number in range(options.clients)]
    found: list[list[str]] = []
    while names:
        size = min(dice.choice(SIZES), len(names))
        # Nobody is left alone.
        size = len(names) if len(names) - size == 1 else size
        found.append(names[:size])
        names = names[size:]
    return found


def lines(options: Options) -> dict[str, list[Line]]:
    """What each client says, in order; a third goes over HTTP."""
    dice = random.Random(f"{options.seed}/lines")
    said: dict[str, list[Line]] = {f"client-{number}": [] for number in range(options.clients)}
    names = list(said)
    for number in range(options.messages):
        name = names[number % len(names)]
        key = f"{options.seed}-{name}-{len(said[name])}"
        said[name].append(Line(key, f"{key} says {dice.getrandbits(64):x} ✓", by_http=dice.random() < 1 / 3))
    return said


def kills(options: Options) -> list[int]:
    """After how many acknowledged messages each kill comes, all of them while messages are still to come."""
    dice, part = random.Random(f"{options.seed}/kills"), options.messages / (options.kill_server + 1)
    return [int(part * (number + dice.uniform(0.3, 1.0))) for number in range(options.kill_server)]
