"""The disk is full for a while, for real: a small file system in memory, on which the database lies and a file takes all the room."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.running import Product, running_demo, wait_for

pytestmark = pytest.mark.slow

# A process of its own mounts it where nobody else sees it, as anybody may where the kernel lets people have namespaces.
MOUNT = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs -o size=16m none "$0" && exec "$@"']


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run([*MOUNT, str(disk), "true"], check=False, capture_output=True).returncode:
        pytest.skip("nobody but the machine's owner may mount anything here")
    database = f"sqlite:///{disk / 'db.sqlite3'}"
    with running_demo(tmp_path, within=[*MOUNT, str(disk)], PORT="3870", DATABASE_URL=database) as started:
        requests.post(f"{started.url}/user", data={"username": "anna"}, timeout=20).raise_for_status()
        yield started


def order(product: Product) -> requests.Response:
    """Post one as the guide does."""
    return requests.post(f"{product.url}/order", data={"username": "anna"}, timeout=20)


def ready(product: Product) -> tuple[int, str | None]:
    """What a probe is told, and what of the disk."""
    answer = requests.get(f"{product.url}/readyz", timeout=20)
    return answer.status_code, answer.json().get("disk")


def fill(product: Product, tmp_path: Path) -> Path:
    """Take all the room that is left, as the process sees its disk; the file that has it."""
    filler = Path(f"/proc/{product.process.pid}/root{tmp_path}/disk/filler")
    filled = subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=4k"], check=False, capture_output=True, text=True)
    assert "No space left" in filled.stderr
    return filler


def told(product: Product) -> float:
    """Confirmations that wait for anything."""
    page = requests.get(f"{product.url}/metrics", timeout=20).text
    rows = [line for line in page.splitlines() if 'kind="orderconfirmation"' in line and "outbox_rows" in line and "failed" not in line]
    return sum(float(line.rpartition(" ")[2]) for line in rows)


def test_a_full_disk_is_said_by_name_and_what_came_before_and_after_it_is_told(product: Product, tmp_path: Path) -> None:
    filler = fill(product, tmp_path)
    [refused] = wait_for(lambda: [answer for answer in [order(product)] if answer.status_code != 201], "the last bit of room to be used")
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (503, "disk_full", "5")
    # Whether it fails at the claim or at what follows is a matter of the last bit of room.
    wait_for(lambda: re.search(r"chat\.coordinator: .*\(its disk is full\)", product.log.read_text()), "the worker's word for it")
    full = ready(product)
    filler.unlink()
    assert (full, ready(product)) == ((503, "full"), (200, None))
    assert wait_for(lambda: order(product).status_code == 201, "the next order")
    wait_for(lambda: told(product) == 0, "every order to be told")
