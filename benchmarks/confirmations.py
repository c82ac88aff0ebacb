"""How fast confirmations leave the house, against a mail provider with a limit and against a bare sender without a product.

    python -m benchmarks.confirmations

Each row is one run: orders are stored first, then one real `manage.py worker` process is started and the twin of Sendinblue (a
process's thread here, on loopback, 150 ms a call) counts what arrives. Limited rows: mails a second over the provider's limit, and
the share of calls that were answered 429. Unlimited rows alternate with a bare sender: fifty threads that post the same mail over
kept-alive connections, with no database and no rules. Missing and doubled mails make the command fail.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.running import ROOT, wait_for
from tests.twins import BrevoTwin

LATENCY_MS = 150
THREADS = 50
REPEATS = 3
STORE = """
from decimal import Decimal
from accounts.models import User
from orders.placing import place
for number in range({count}):
    customer = User.objects.create_user(f"customer-{{number}}", f"customer-{{number}}@example.com")
    place(customer, [{{"name": "Widget", "quantity": 1, "unit_price": Decimal("4.99")}}])
"""


@dataclass(frozen=True)
class Run:
    """What one run came to: mails a second, and the share of calls that were refused."""

    per_second: float
    refused: float


def main() -> None:
    """Run every row and print the table."""
    print(f"{'row':<44}{'mails/s':>9}{'of limit':>10}{'429s':>8}")
    for limit, orders in ((50, 1000), (200, 2000)):
        run = worker(orders, limit=limit)
        print(f"{f'limit {limit}/s, {orders} orders':<44}{run.per_second:>9.1f}{run.per_second / limit:>10.1%}{run.refused:>8.2%}")
    ratios = []
    for repeat in range(1, REPEATS + 1):
        ours, bare = worker(1500, limit=0), bare_sender(1500)
        ratios.append(ours.per_second / bare)
        print(f"{f'no limit, 1500 orders, repeat {repeat}':<44}{ours.per_second:>9.1f}{ratios[-1]:>10.1%} of a bare sender ({bare:.0f}/s)")
    print(f"{'no limit: median ratio to the bare sender':<53}{statistics.median(ratios):>10.1%}")


def worker(orders: int, *, limit: int) -> Run:
    """Store orders, start a worker, and watch the twin until every mail is there."""
    with tempfile.TemporaryDirectory() as folder, twin(limit) as brevo:
        environment = environment_for(Path(folder), brevo)
        manage(environment, "migrate", "-v0")
        manage(environment, "shell", "-v0", "-c", STORE.format(count=orders))
        process = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: len(brevo.mails) >= orders, f"{orders} mails", seconds=300)
        finally:
            process.terminate()
            process.wait()
        keys = [mail.key for mail in brevo.mails]
        assert (len(keys), len(set(keys))) == (orders, orders), "a mail is missing or doubled"
        return Run(rate_of([mail.at for mail in brevo.mails]), refused_share(brevo))


def bare_sender(mails: int) -> float:
    """Mails a second of fifty threads that do nothing but post."""
    body = {"sender": {"email": "shop@example.com"}, "to": [{"email": "a@example.com"}], "subject": "s", "textContent": "x" * 3000}
    with twin(0) as brevo:
        of_thread = threading.local()

        def post(_number: int) -> None:
            session = of_thread.__dict__.setdefault("session", requests.Session())
            session.post(f"{brevo.url}/smtp/email", json=body, headers={"api-key": brevo.api_key}, timeout=30).raise_for_status()

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(post, range(mails)))
        return rate_of([mail.at for mail in brevo.mails])


@contextmanager
def twin(limit: int) -> Iterator[BrevoTwin]:
    """Sendinblue's twin with a limit (0: none) and a provider's latency."""
    with BrevoTwin() as brevo:
        brevo.dials.rate_per_second = limit
        brevo.faults.set("brevo.send_mail", {"fault": "latency", "ms": LATENCY_MS})
        yield brevo


def environment_for(folder: Path, brevo: BrevoTwin) -> dict[str, str]:
    """A product of its own, whose mails go to the twin."""
    ours = {"ENV_FILE": os.devnull, "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", "SECRET_KEY": "k" * 50, "LOG_LEVEL": "ERROR"}
    sendinblue = {"SENDINBLUE_API_KEY": brevo.api_key, "SENDINBLUE_API_URL": brevo.url, "SENDINBLUE_FROM_EMAIL": "shop@example.com"}
    return {name: value for name, value in os.environ.items() if not name.startswith(("NEXMO", "VONAGE", "REDIS"))} | ours | sendinblue


def manage(environment: dict[str, str], *command: str) -> None:
    """One command of the product."""
    subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True, capture_output=True)


def rate_of(moments: list[float]) -> float:
    """Mails a second between the first and the last."""
    return (len(moments) - 1) / max(max(moments) - min(moments), 1e-6)


def refused_share(brevo: BrevoTwin) -> float:
    """The share of calls to send that were answered 429."""
    statuses = [entry.status for entry in brevo.log.entries("brevo.send_mail")]
    return statuses.count(429) / max(1, len(statuses))


if __name__ == "__main__":
    began = time.monotonic()
    main()
    print(f"({time.monotonic() - began:.0f} s)")
