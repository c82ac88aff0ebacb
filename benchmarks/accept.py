"""How fast orders are accepted, against a bare insert through the same server, and whether a provider that hangs slows that down.

    python -m benchmarks.accept [--repeats 5] [--seconds 6]

The product is `manage.py serve`: key, throttle, validation, order, line and confirmation row in one commit, the answer with its links.
The peers (`benchmarks.bare`) insert one row, and an order with its line and a row to be sent, by DRF behind the same uvicorn, thread
pool and SQLite settings, with no log-in and nothing else. All take turns; a ratio is of one turn each, one right after the other. The
first table is of acceptance alone (`--no-worker`: the outbox is left to another process, which is not running). The second serves and
works in one process, as the demo does, while Sendinblue's twin answers at once, after 5 seconds, or not at all.
"""

import argparse
import http.client
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import stage
from tests.services import free_port

CUSTOMERS = 50
PREPARE = f"""
from accounts.models import ApiKey, User
User.objects.bulk_create(User(username=f"customer-{{n}}", email=f"customer-{{n}}@example.com") for n in range({CUSTOMERS}))
print(ApiKey.objects.create_key(user=User.objects.create_superuser("shop"), name="shop")[1])
"""


@dataclass(frozen=True)
class Site:
    """Where orders are posted, and what each post says."""

    port: int
    path: str
    headers: dict[str, str]
    body: Callable[[int], bytes]


@dataclass(frozen=True)
class Turn:
    """Orders accepted a second, and the median wait for an answer in milliseconds."""

    per_second: float
    p50_ms: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    options = parser.parse_args()
    with stage.provider() as brevo:
        for clients in (1, 8, 64):
            against_bare(brevo, clients=clients, repeats=options.repeats, seconds=options.seconds)
        while_providers_hang(brevo, repeats=options.repeats, seconds=options.seconds)


def against_bare(brevo: stage.Provider, *, clients: int, repeats: int, seconds: float) -> None:
    """The product and both bare inserts in turns."""
    ratios: dict[str, list[float]] = {"one row": [], "the same rows": []}
    with product(brevo, "--no-worker") as ours, bare() as (one, same):
        for site in (ours, one, same):
            turn(site, clients=clients, seconds=1)
        for repeat in range(1, repeats + 1):
            with stage.measured() as load:
                mine = turn(ours, clients=clients, seconds=seconds)
                theirs = [turn(site, clients=clients, seconds=seconds) for site in (one, same)]
            told = f"{mine.per_second:.0f}/s (p50 {mine.p50_ms:.1f} ms)"
            for found, peer in zip(ratios.values(), theirs, strict=True):
                found.append(mine.per_second / peer.per_second)
                told += f", {found[-1]:.1%} of {peer.per_second:.0f}/s (p50 {peer.p50_ms:.1f} ms)"
            print(f"{clients} clients, repeat {repeat}: {told}; {load}", flush=True)
    for name, found in ratios.items():
        print(
            f"{clients} clients, against {name}: median {statistics.median(found):.1%}, from {min(found):.1%} to {max(found):.1%}",
            flush=True,
        )


def while_providers_hang(brevo: stage.Provider, *, repeats: int, seconds: float) -> None:
    """p50 with the mail provider slow or silent, over p50 with one that answers at once."""
    states = {"answers after 5 s": {"ms": 5000.0}, "does not answer": {"ms": 60_000.0}}
    found: dict[str, list[float]] = {name: [] for name in states}
    for repeat in range(1, repeats + 1):
        at_once = with_worker(brevo, latency_ms=0, seconds=seconds)
        for name, state in states.items():
            hanging = with_worker(brevo, latency_ms=state["ms"], seconds=seconds)
            found[name].append(hanging.p50_ms / at_once.p50_ms)
            told = f"p50 {hanging.p50_ms:.1f} ms, {hanging.per_second:.0f}/s; at 0 ms {at_once.p50_ms:.1f} ms, {at_once.per_second:.0f}/s"
            print(f"provider {name}, repeat {repeat}: {told}", flush=True)
    for name, ratios in found.items():
        print(f"provider {name}: median {statistics.median(ratios):.2f} of the p50 at 0 ms, from {min(ratios):.2f} to {max(ratios):.2f}")


def with_worker(brevo: stage.Provider, *, latency_ms: float, seconds: float) -> Turn:
    """One client's orders, accepted by the process that also sends the mails."""
    brevo.set(latency_ms=latency_ms)
    with product(brevo) as site:
        turn(site, clients=1, seconds=1)
        return turn(site, clients=1, seconds=seconds)


@contextmanager
def product(brevo: stage.Provider, *options: str) -> Iterator[Site]:
    """The product on a fresh database, with customers and a key."""
    with tempfile.TemporaryDirectory() as folder:
        environment = stage.environment(Path(folder), **brevo.environment)
        stage.manage(environment, "migrate", "-v0")
        key = stage.run(environment, PREPARE).strip()
        port = free_port()
        process = stage.start(environment, "manage.py", "serve", "--port", str(port), *options)
        try:
            stage.wait_for_answer(f"http://127.0.0.1:{port}/healthz")
            yield Site(port, "/api/orders/", {"Authorization": f"Token {key}"}, order)
        finally:
            # Mails that hang would be waited for.
            process.kill()
            process.wait()


@contextmanager
def bare() -> Iterator[tuple[Site, Site]]:
    """The bare insert of one row, and of as many rows as the product writes, on a fresh database."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        process = stage.start(stage.environment(Path(folder)), "-m", "benchmarks.bare", str(port))
        try:
            stage.wait_for_answer(f"http://127.0.0.1:{port}/healthz")
            yield Site(port, "/api/orders/", {}, one_row), Site(port, "/api/whole-orders/", {}, order)
        finally:
            stage.end(process)


def one_row(number: int) -> bytes:
    """What the bare insert of one row takes."""
    return json.dumps({"customer": f"customer-{number % CUSTOMERS}"}).encode()


def order(number: int) -> bytes:
    """One order of one line."""
    lines = [{"name": "Widget", "sku": "W-1", "quantity": 1, "unit_price": "4.99"}]
    return json.dumps({"customer": f"customer-{number % CUSTOMERS}", "lines": lines}).encode()


def turn(site: Site, *, clients: int, seconds: float) -> Turn:
    """Post from so many clients, each over one connection and one post after the other. Raises where one is not accepted."""
    until = time.perf_counter() + seconds

    def post(client: int) -> list[float]:
        connection, waits = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30), []
        while (began := time.perf_counter()) < until:
            connection.request("POST", site.path, site.body(client + len(waits)), {"Content-Type": "application/json", **site.headers})
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 201, body
            waits.append(time.perf_counter() - began)
        connection.close()
        return waits

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        waits = [wait for of_client in pool.map(post, range(clients)) for wait in of_client]
    return Turn(len(waits) / (time.perf_counter() - began), statistics.median(waits) * 1000)


if __name__ == "__main__":
    main()
