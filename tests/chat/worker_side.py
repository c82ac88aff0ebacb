"""A coordinator that works beside a test, as the product's own does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from chat.coordinator import Coordinator


@contextmanager
def at_work(own: Coordinator) -> Iterator[Coordinator]:
    """It works in a thread of its own, and has ended afterwards, whatever became of the test."""
    thread = threading.Thread(target=own.run, name="coordinator")
    thread.start()
    try:
        yield own
    finally:
        own.stop()
        thread.join()
