"""Lists by cursor: no page is counted, skipped or shown twice while new rows arrive."""

from datetime import UTC, datetime

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


def in_utc(time: datetime) -> datetime:
    """The same time in UTC. Raises ValueError where it has no zone, or lies outside the years 1 to 9999 there: no database keeps it."""
    if time.tzinfo is None:
        raise ValueError(time)
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(time) from error


class ByCursor(CursorPagination):
    """Pages of `?limit=` up to 200 rows. A cursor is a place in the list, and one that we never gave is none."""

    page_size_query_param = "limit"
    max_page_size = 200

    def decode_cursor(self, request: Request) -> Cursor | None:
        """The place that the caller's cursor names; NotFound where it can't be one."""
        cursor = super().decode_cursor(request)
        try:
            if cursor and cursor.position is not None:
                self.check_position(str(cursor.position))
        except ValueError:
            raise NotFound(self.invalid_cursor_message) from None
        return cursor

    def check_position(self, position: str) -> None:
        """Raise ValueError unless the first ordered column can have this value."""
        raise NotImplementedError


class NewestFirst(ByCursor):
    """Newest first by primary key, or by the column that `?ordering=` names where the view takes it: a time, or the key."""

    ordering = "-pk"

    def check_position(self, position: str) -> None:
        """A time, or a primary key."""
        if str(self.ordering[0]).endswith("_at"):
            in_utc(datetime.fromisoformat(position))
        else:
            int(position)
