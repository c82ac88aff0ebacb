"""What a kill -9 costs: time to the first answer, pace of the backlog, and whether anything is lost or sent twice.

    python -m benchmarks.recovery [--repeats 5]

Each repeat: eight clients post orders to `manage.py serve`, whose worker sends by Sendinblue's twin (150 ms a call). When half of the
orders are accepted the process is killed by kill -9 and started again at once; the clients repeat what was not answered, under the
same `external_id`. Then as long a backlog is worked off twice, once by a fresh worker and once by one that follows a killed one, rows in
hand and all: the second's pace over the first's. Starts take turns with `benchmarks.bare`, a Django that inserts one row behind
the same server, and with the product on an empty queue. This is the death of a process; a power cut is the disk's matter.
"""

import argparse
import http.client
import json
import statistics
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks import stage
from benchmarks.accept import PREPARE, order
from benchmarks.confirmations import LATENCY_MS, STORE
from tests.running import wait_for
from tests.services import free_port

ORDERS = 300
BACKLOG = 800
CLIENTS = 8


@dataclass(frozen=True)
class Killed:
    """Seconds to the first answer after the kill, and what became of the orders."""

    seconds: float
    lost: int
    doubled: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    of_bare, of_own, paces, lost, doubled = [], [], [], 0, 0
    with stage.provider() as brevo:
        for repeat in range(1, repeats + 1):
            with stage.measured() as load:
                bare, own, killed = bare_start(), own_start(brevo), kill_under_load(brevo)
                steady, drained = drain(brevo, kill=False), drain(brevo, kill=True)
            of_bare.append(killed.seconds / bare)
            of_own.append(killed.seconds / own)
            paces.append(drained / steady)
            lost, doubled = lost + killed.lost, doubled + killed.doubled
            starts = f"first answer {killed.seconds:.2f} s (bare start {bare:.2f} s, own on an empty queue {own:.2f} s)"
            print(f"repeat {repeat}: {starts}; backlog {drained:.0f}/s after {steady:.0f}/s; {load}", flush=True)
    for name, ratios in (("of a bare start", of_bare), ("of its own start", of_own), ("of the steady pace", paces)):
        print(f"{name}: median {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}")
    print(f"of {repeats * ORDERS} accepted orders {lost} lost, {doubled} mails doubled")
    assert (lost, doubled) == (0, 0)


def bare_start() -> float:
    """Seconds until a bare Django answers, on a database that is there already."""
    with tempfile.TemporaryDirectory() as folder:
        environment = stage.environment(Path(folder))
        seconds = 0.0
        for _start in range(2):
            port = free_port()
            began = time.perf_counter()
            process = stage.start(environment, "-m", "benchmarks.bare", str(port))
            stage.wait_for_answer(f"http://127.0.0.1:{port}/healthz")
            seconds = time.perf_counter() - began
            stage.end(process)
        return seconds


def own_start(brevo: stage.Provider) -> float:
    """Seconds until the product answers with nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        environment, seconds = stage.environment(Path(folder), **brevo.environment), 0.0
        # The first start also lays the tables and the static files out.
        for _start in range(2):
            process, seconds = serve(environment, free_port())
            stage.end(process)
        return seconds


def kill_under_load(brevo: stage.Provider) -> Killed:
    """Kill the one process in the middle of orders and mails, start it again, and count."""
    brevo.set(latency_ms=LATENCY_MS)
    with tempfile.TemporaryDirectory() as folder:
        environment = stage.environment(Path(folder), **brevo.environment)
        stage.manage(environment, "migrate", "-v0")
        key, port = stage.run(environment, PREPARE).strip(), free_port()
        process, _seconds = serve(environment, port)
        accepted: set[int] = set()
        with ThreadPoolExecutor(CLIENTS) as pool:
            posting = [pool.submit(post, port, key, number, accepted) for number in range(ORDERS)]
            wait_for(lambda: len(accepted) > ORDERS // 2, "half of the orders", seconds=300)
            process.kill()
            process.wait()
            process, seconds = serve(environment, port)
            for one in posting:
                one.result()
        try:
            wait_for(lambda: brevo.count() >= ORDERS, "the mails", seconds=300)
        finally:
            stage.end(process)
        told = [next(tag for tag in mail["tags"] if tag.startswith("order-1")) for mail in brevo.ask("mails")]
        return Killed(seconds, lost=ORDERS - len(set(told)), doubled=len(told) - len(set(told)))


def serve(environment: dict[str, str], port: int) -> tuple["subprocess.Popen[bytes]", float]:
    """Start the product; its process, and the seconds until it answers."""
    began = time.perf_counter()
    process = stage.start(environment, "manage.py", "serve", "--port", str(port))
    stage.wait_for_answer(f"http://127.0.0.1:{port}/healthz")
    return process, time.perf_counter() - began


def post(port: int, key: str, number: int, accepted: set[int]) -> None:
    """Post one order until it is accepted, as a shop does."""
    body = json.dumps(json.loads(order(number)) | {"external_id": f"load-{number}"}).encode()
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", "/api/orders/", body, {"Content-Type": "application/json", "Authorization": f"Token {key}"})
            if connection.getresponse().status in {200, 201}:
                accepted.add(number)
                return
        threading.Event().wait(0.05)
    raise AssertionError(f"order {number} was never accepted")


def drain(brevo: stage.Provider, *, kill: bool) -> float:
    """Mails a second, from its first to its last, of a worker with BACKLOG orders before it; with `kill`, after its forerunner was killed
    when so many were left."""
    brevo.set(latency_ms=LATENCY_MS)
    orders, before = 2 * BACKLOG if kill else BACKLOG, 0
    with tempfile.TemporaryDirectory() as folder:
        environment = stage.environment(Path(folder), **brevo.environment)
        stage.manage(environment, "migrate", "-v0")
        stage.run(environment, STORE.format(count=orders))
        worker = stage.start(environment, "manage.py", "worker")
        if kill:
            wait_for(lambda: brevo.count() >= BACKLOG, "the first half", seconds=300)
            worker.kill()
            worker.wait()
            # What was on its way arrives; from then on every mail is the new worker's. How long that one takes to start is told apart.
            time.sleep(2 * LATENCY_MS / 1000)
            before = len(brevo.ask("mails"))
            worker = stage.start(environment, "manage.py", "worker")
        try:
            wait_for(lambda: brevo.count() >= orders, "the backlog", seconds=300)
        finally:
            stage.end(worker)
        mails = brevo.ask("mails")
        keys = {mail["key"] for mail in mails}
        assert (len(mails), len(keys)) == (orders, orders), "a mail is missing or doubled"
        moments = sorted(mail["at"] for mail in mails)[before:]
        return (len(moments) - 1) / (moments[-1] - moments[0])


if __name__ == "__main__":
    main()
