"""How long a start takes, how much memory one process holds, and how soon a mail follows its order.

    python -m benchmarks.start

Starts the demo on a fresh database, twice, and measures each time: start to first page, resident memory then, and after a hundred page
views, the admin, the inbox, the API's document and its page, and fifty orders; and the time from the answer to `POST /order` until the
mail is in the mailbox (median and worst of fifty). Prints one table. Figures depend on the machine; the limits beside them are the
product's own promises.
"""

import re
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.running import Product, running_demo

ORDERS = 50
PAGES = 100


@dataclass(frozen=True)
class Start:
    """What one start was measured at; memory in megabytes, times in seconds."""

    to_first_page: float
    memory: float
    memory_in_use: float
    delays: list[float]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        first, second = measure(Path(name)), measure(Path(name))
    rows = [
        ("first start, empty database, to first page", f"{first.to_first_page:.1f} s", ""),
        ("second start to first page", f"{second.to_first_page:.1f} s", "under 3 s"),
        ("resident memory at the first page, first start", f"{first.memory:.0f} MB", "under 120 MB"),
        ("the same, second start", f"{second.memory:.0f} MB", "under 120 MB"),
        ("after pages, admin, inbox, schema, orders, first start", f"{first.memory_in_use:.0f} MB", "under 120 MB"),
        ("the same, second start", f"{second.memory_in_use:.0f} MB", "under 120 MB"),
        ("order saved to mail in mailbox, median", f"{statistics.median(second.delays) * 1000:.0f} ms", "under 1 s"),
        ("order saved to mail in mailbox, worst", f"{max(second.delays) * 1000:.0f} ms", "under 1 s"),
    ]
    for what, figure, limit in rows:
        print(f"{what:<56}{figure:>10}   {limit}")


def measure(folder: Path) -> Start:
    """Start the demo on the database in `folder`, and use it as a day does."""
    began = time.perf_counter()
    with running_demo(folder, PORT="3500") as product:
        requests.get(f"{product.url}/", timeout=20).raise_for_status()
        to_first_page, memory = time.perf_counter() - began, resident_megabytes(product)
        visitor = requests.Session()
        for _ in range(PAGES):
            visitor.get(f"{product.url}/", timeout=20)
        look_around(product.url, "staff", ["/admin/", "/admin/orders/order/", "/admin/orders/order/add/"])
        look_around(product.url, "agent", ["/inbox/", "/api/docs/", "/api/schema/", "/api/schema/?format=json"])
        delays = [order_to_mail(visitor, product) for _ in range(ORDERS)]
        return Start(to_first_page, memory, resident_megabytes(product), delays)


def look_around(url: str, username: str, pages: list[str]) -> None:
    """Log in to the demo as somebody and open pages."""
    browser = requests.Session()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(f"{url}/login/", timeout=20).text)
    form = {"username": username, "password": username, "csrfmiddlewaretoken": token[1] if token else ""}
    browser.post(f"{url}/login/", data=form, timeout=20).raise_for_status()
    for page in pages:
        answer = browser.get(url + page, timeout=60, allow_redirects=False)
        assert answer.status_code == 200, (page, answer.status_code)


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
