"""One after the other, where there is no row that could be locked."""

import hashlib

from django.db import connection


def hold(kind: str, *names: str) -> None:
    """Wait for whoever holds one of these names of that kind, and hold them until the transaction ends.

    On SQLite one transaction writes at a time anyway. Two names that share a number only wait for each other without need.
    """
    if connection.vendor != "postgresql":
        return
    # In one order, so that nobody waits in a circle.
    numbers = sorted(int.from_bytes(hashlib.sha256(f"{kind} {name}".encode()).digest()[:8], "big", signed=True) for name in names)
    with connection.cursor() as cursor:
        for number in numbers:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
