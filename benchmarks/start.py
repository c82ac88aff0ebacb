"""How long a start takes, how much memory one process holds, and how soon a mail follows its order.

    python -m benchmarks.start

Starts the demo on a fresh database, twice, and measures: start to first page (first and second start), resident memory after a
hundred page views and after fifty orders, and the time from the answer to `POST /order` until the mail is in the mailbox (median
and worst of fifty). Prints one table. Figures depend on the machine; the limits beside them are the product's own promises.
"""

import re
import statistics
import tempfile
import time
from pathlib import Path

import requests

from tests.running import Product, running_demo

ORDERS = 50


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, _memory, _delays = measure(folder, orders=0)
        second, memory, delays = measure(folder, orders=ORDERS)
    rows = [
        ("first start, empty database, to first page", f"{first:.1f} s", ""),
        ("second start to first page", f"{second:.1f} s", "under 3 s"),
        ("resident memory of the one process", f"{memory:.0f} MB", "under 120 MB"),
        ("order saved to mail in mailbox, median", f"{statistics.median(delays) * 1000:.0f} ms", "under 1 s"),
        ("order saved to mail in mailbox, worst", f"{max(delays) * 1000:.0f} ms", "under 1 s"),
    ]
    for what, figure, limit in rows:
        print(f"{what:<45}{figure:>10}   {limit}")


def measure(folder: Path, *, orders: int) -> tuple[float, float, list[float]]:
    """Seconds to the first page, megabytes resident, and each order's seconds until its mail is there."""
    began = time.perf_counter()
    with running_demo(folder, PORT="3500") as product:
        requests.get(f"{product.url}/", timeout=20).raise_for_status()
        to_first_page = time.perf_counter() - began
        session = requests.Session()
        for _ in range(100 if orders else 0):
            session.get(f"{product.url}/", timeout=20)
        delays = [order_to_mail(session, product) for _ in range(orders)]
        return to_first_page, resident_megabytes(product), delays


def order_to_mail(session: requests.Session, product: Product) -> float:
    """Seconds from the answer until the mailbox lists the order's mail."""
    number = session.post(f"{product.url}/order", data={"username": "anna"}, timeout=20).json()["order_id"]
    answered = time.perf_counter()
    while f"order {number} at" not in session.get(f"{product.url}/demo/mailbox/", timeout=20).text:
        time.sleep(0.005)
    return time.perf_counter() - answered


def resident_megabytes(product: Product) -> float:
    """VmRSS of the process, as Linux counts it."""
    status = Path(f"/proc/{product.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found, "no VmRSS on this system"
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
