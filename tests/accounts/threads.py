"""Several threads at one database, as several requests and several workers are."""

import os
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from django.db import connection, connections

from tests.running import PATIENCE_SECONDS

Result = TypeVar("Result")

# SQLite in memory answers a second writer with an error; the product's file lets it wait. So the tests have a file too.
if connection.vendor == "sqlite":
    connections.settings["default"]["TEST"]["NAME"] = str(Path(tempfile.gettempdir()) / f"ordersupport-test-{os.getpid()}.sqlite3")

# Nothing is rolled back after such a test, but what the migrations put in comes back: the agents' group.
THREADS = pytest.mark.django_db(transaction=True)


def at_once(count: int, act: Callable[[int], Result]) -> list[Result]:
    """What `act(0)` … `act(count - 1)` returned, each in a thread and on a connection of its own, begun at the same moment."""
    connected = threading.Barrier(count)

    def one(number: int) -> Result:
        try:
            connection.ensure_connection()
            connected.wait(PATIENCE_SECONDS)
            return act(number)
        finally:
            connection.close()

    return together(count, one)


def together(count: int, act: Callable[[int], Result]) -> list[Result]:
    """The same for what touches no database."""
    start = threading.Barrier(count)

    def one(number: int) -> Result:
        start.wait(PATIENCE_SECONDS)
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
