"""How fast confirmations leave the house, against a mail provider with a limit and against a bare sender without a product.

    python -m benchmarks.confirmations [--repeats 5]

Each row is one run: orders are stored first (each of a new customer), then one real `manage.py worker` process is started and the twin
of Sendinblue (a process of its own, on loopback, 150 ms a call) counts what arrives. Limited rows: mails a second over the provider's
limit, and the share of calls that were answered 429. Unlimited rows alternate with a bare sender: fifty threads that post the same mail
over kept-alive connections, with no database and no rules. Missing and doubled mails make the command fail.
"""

import argparse
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks import stage
from tests.running import wait_for

LATENCY_MS = 150
THREADS = 50
# The share of 429s is that of the whole run, so a run is long enough to tell learning the limit from keeping to it.
LIMITED = ((50, 3000), (200, 6000))
UNLIMITED = 2000
STORE = """
from decimal import Decimal
from django.db import transaction
from accounts.models import User
from orders.placing import place
with transaction.atomic():
    for number in range({count}):
        customer = User.objects.create_user(f"customer-{{number}}", f"customer-{{number}}@example.com")
        place(customer, [{{"name": "Widget", "quantity": 1, "unit_price": Decimal("4.99")}}])
"""


@dataclass(frozen=True)
class Run:
    """What one run came to: mails a second, the share of calls refused, the sender's CPU for each, and what else the machine did."""

    per_second: float
    refused: float
    cpu_ms: float
    load: stage.Load


def main() -> None:
    """Run every row and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with stage.provider() as brevo:
        for limit, orders in LIMITED:
            for is_said in (True, False):
                run = worker(brevo, orders, limit=limit, is_said=is_said)
                share = f"{run.per_second:.1f}/s, {run.per_second / limit:.1%} of the limit, {run.refused:.2%} answered 429"
                print(f"limit {limit}/s{'' if is_said else ', not said'}, {orders} orders: {share}; {run.load}", flush=True)
        ratios = []
        for repeat in range(1, repeats + 1):
            ours, bare = worker(brevo, UNLIMITED, limit=0), bare_sender(brevo, UNLIMITED)
            ratios.append(ours.per_second / bare.per_second)
            told = f"{ours.per_second:.0f}/s is {ratios[-1]:.1%} of a bare sender's {bare.per_second:.0f}/s"
            told += f", {ours.cpu_ms:.1f} ms of CPU a mail (start included) against {bare.cpu_ms:.1f}"
            print(f"no limit, {UNLIMITED} orders, repeat {repeat}: {told}; {ours.load} | {bare.load}", flush=True)
        print(f"no limit: median {statistics.median(ratios):.1%}, from {min(ratios):.1%} to {max(ratios):.1%}")


def worker(brevo: stage.Provider, orders: int, *, limit: int, is_said: bool = True) -> Run:
    """Store orders, start a worker, and watch the twin until every mail is there."""
    with tempfile.TemporaryDirectory() as folder:
        environment = stage.environment(Path(folder), **brevo.environment)
        stage.manage(environment, "migrate", "-v0")
        stage.run(environment, STORE.format(count=orders))
        brevo.set(latency_ms=LATENCY_MS, per_second=limit, limit_headers=is_said)
        with stage.measured() as load:
            process = stage.start(environment, "manage.py", "worker")
            try:
                wait_for(lambda: brevo.count() >= orders, f"{orders} mails", seconds=600)
                used = stage.cpu_seconds(process.pid)
            finally:
                stage.end(process)
    return Run(rate_of(brevo, orders), refused_share(brevo), 1000 * used / orders, load)


def bare_sender(brevo: stage.Provider, mails: int) -> Run:
    """Mails a second of fifty threads that do nothing but post."""
    url, key = brevo.environment["SENDINBLUE_API_URL"], brevo.environment["SENDINBLUE_API_KEY"]
    body = {"sender": {"email": "shop@example.com"}, "to": [{"email": "a@example.com"}], "subject": "s", "textContent": "x" * 3000}
    of_thread = threading.local()

    def post(_number: int) -> None:
        session = of_thread.__dict__.setdefault("session", requests.Session())
        session.post(f"{url}/smtp/email", json=body, headers={"api-key": key}, timeout=30).raise_for_status()

    brevo.set(latency_ms=LATENCY_MS)
    before = time.process_time()
    with stage.measured() as load, ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(post, range(mails)))
    used = time.process_time() - before
    return Run(rate_of(brevo, mails, has_keys=False), refused_share(brevo), 1000 * used / mails, load)


def rate_of(brevo: stage.Provider, mails: int, *, has_keys: bool = True) -> float:
    """Mails a second between the first and the last. Raises AssertionError where one is missing or doubled."""
    taken = brevo.ask("mails")
    keys = len({mail["key"] for mail in taken}) if has_keys else mails
    assert (len(taken), keys) == (mails, mails), "a mail is missing or doubled"
    moments = [mail["at"] for mail in taken]
    return (len(moments) - 1) / max(max(moments) - min(moments), 1e-6)


def refused_share(brevo: stage.Provider) -> float:
    """The share of calls to send that were answered 429."""
    made = brevo.ask("state")
    return 1 - made["mails"] / max(1, made["requests"]["brevo.send_mail"])


if __name__ == "__main__":
    began = time.monotonic()
    main()
    print(f"({time.monotonic() - began:.0f} s)")
