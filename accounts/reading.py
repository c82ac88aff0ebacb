"""Tables that have to be read row by row: read before a write transaction, and inside it only what came since.

SQLite has one writer, whom all others wait for, and fail where that takes too long. So a rule that looks into each row of a long table
asks before its transaction begins, and asks the same once more inside.
"""

from collections.abc import Callable, Hashable

from django.db.models import Model

BATCH = 500


class Reading:
    """Which rows each question has been asked of, and which of them fit.

    Only for tables whose rows keep what they say: one that was read is not read again. What is new is told by all keys, not by the
    greatest: on PostgreSQL a row whose transaction took long appears below keys that were read before.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[type[Model], Hashable], tuple[set[int], set[int]]] = {}

    def keys(self, model: type[Model], columns: tuple[str, ...], *, question: Hashable, fits: Callable[..., bool]) -> set[int]:
        """The keys of all rows whose columns fit. The same `question` must always come with the same columns and `fits`."""
        read, found = self._known.setdefault((model, question), (set(), set()))
        rows = model._base_manager.order_by()
        new = [key for key in rows.values_list("pk", flat=True) if key not in read]
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            found.update(key for key, *values in rows.filter(pk__in=batch).values_list("pk", *columns) if fits(*values))
            read.update(batch)
        return found
