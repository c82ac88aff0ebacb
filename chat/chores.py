"""What a coordinator does from time to time beside its rows, on behalf of apps that it has never heard of."""

from collections.abc import Callable

Chore = Callable[[], object]
_chores: list[tuple[float, Chore]] = []


def every(seconds: float, act: Chore) -> None:
    """Have the coordinator call `act` each so many seconds; where nothing is to be done, plain SELECTs must find so."""
    _chores.append((seconds, act))


def all_of_them() -> list[tuple[float, Chore]]:
    """Each, after its seconds."""
    return list(_chores)
