"""How a coordinator hears that a row may be due: after the commit that wrote it, at once. Whoever hears nothing polls anyway."""

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

_listeners: set["SimpleQueue[Any]"] = set()
_wakers: list[Callable[[], None]] = []


def listen(queue: "SimpleQueue[Any]") -> None:
    """Put None into `queue` after each commit of this process that wrote a row."""
    _listeners.add(queue)


def ignore(queue: "SimpleQueue[Any]") -> None:
    """Put nothing into `queue` any more."""
    _listeners.discard(queue)


def wake() -> None:
    """Tell the coordinators that a row may be due: of this process at once, of others where a bus is set."""
    wake_here()
    for tell in _wakers:
        tell()


def wake_here() -> None:
    """Tell the coordinators of this process."""
    for queue in _listeners.copy():
        queue.put(None)


def also_wake(tell: Callable[[], None]) -> None:
    """Call `tell` (which returns at once) whenever a row may be due, to wake other processes."""
    _wakers.append(tell)
