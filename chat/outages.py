"""What a database that fails says of itself, in an operator's words."""

from django.db import InterfaceError, OperationalError

# What a standby says to a write (https://www.postgresql.org/docs/current/errcodes-appendix.html); Django has it as an InternalError.
READ_ONLY = "25006"


def reason(error: BaseException) -> str:
    """Its full disk by name, which only a person can help; of everything else the kind of error, as the words may hold a row's values."""
    return "its disk is full" if is_disk_full(error) else type(error).__name__


def is_away(error: BaseException) -> bool:
    """Whether it is the database's state that refused us, and not what we asked for: it is away, busy, full, or only reads."""
    return isinstance(error, OperationalError | InterfaceError) or getattr(error.__cause__, "sqlstate", None) == READ_ONLY


def is_disk_full(error: BaseException) -> bool:
    """SQLite says "database or disk is full", PostgreSQL "could not extend file …: No space left on device"."""
    return "disk is full" in str(error) or "No space left" in str(error)


def is_deadlock(error: Exception) -> bool:
    """Whether PostgreSQL ended this transaction because two waited for each other; the other one went on, and so may a repeat."""
    return getattr(error.__cause__, "sqlstate", "") == "40P01"
