"""Calls that are broken off when a worker stops, because whoever they go to may keep them for as long as it likes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

# The code of the error that such a call ends with; the row is tried again by the next worker.
CODE = "stopped"

_acts: set[Callable[[], None]] = set()


@contextmanager
def breaks_off(act: Callable[[], None]) -> Iterator[None]:
    """Within this, a worker of the process that stops calls `act`, from its own thread."""
    _acts.add(act)
    try:
        yield
    finally:
        _acts.discard(act)


def break_off() -> None:
    """Break off what may be broken off."""
    for act in _acts.copy():
        act()
