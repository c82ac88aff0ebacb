"""Whether the database can be used, asked before anything else needs it: an operator reads a sentence and no traceback."""

import logging
import shutil
import time
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger(__name__)

# As long as the pool waits for a connection: a PostgreSQL that comes back from a crash takes seconds, and says 57P03 in the last of them.
PATIENCE_SECONDS = 10.0
COMING_UP = "57P03"
# As much as the body of one request may have (settings.DATA_UPLOAD_MAX_MEMORY_SIZE). With less than that, orders begin to be refused.
LEAST_FREE_BYTES = 1_000_000


def ensure(*, patience: float = 0.0) -> None:
    """Raise ImproperlyConfigured, with the reason and the fix, where no connection can be made.

    `patience`: for how many seconds a server that does not answer, or not yet, is asked again; a refusal of its own counts at once.
    """
    until, is_told = time.monotonic() + patience, False
    while error := _fault():
        state = getattr(error.__cause__, "sqlstate", None)
        if connection.vendor != "postgresql" or state not in {None, COMING_UP} or time.monotonic() >= until:
            raise ImproperlyConfigured(_sentence(str(error))) from error
        if not is_told:
            logger.warning("%s We try again for %d s.", _sentence(str(error)), patience)
            is_told = True
        time.sleep(0.5)


def apart() -> BaseDatabaseWrapper:
    """A connection of its own, outside of the pool, to be closed by who asked for it; it is made when it is first used."""
    own = connection.copy()
    own.settings_dict["OPTIONS"].pop("pool", None)
    return own


def has_room() -> bool:
    """Whether SQLite's file may still grow; PostgreSQL's disk is another machine's, which says so when it refuses a write."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or name == ":memory:" or name.startswith("file:"):
        return True
    return shutil.disk_usage(Path(name).parent).free >= LEAST_FREE_BYTES


def _fault() -> Error | None:
    # The pool would ask again and again for ten seconds, and then not say why it was refused.
    probe = apart()
    try:
        probe.ensure_connection()
    except Error as error:
        return error
    finally:
        probe.close()
    return None


def _sentence(reason: str) -> str:
    # Drivers go on with hints and further tries on further lines.
    said = (reason.strip() or "it gave no reason").splitlines()[0].rstrip(".: ")
    if connection.vendor == "postgresql":
        return f"DATABASE_URL: the database can't be reached ({said}). Start it, or write postgres://user:password@host:5432/name."
    name = connection.settings_dict["NAME"]
    return f"DATABASE_URL: the database {name} can't be opened ({said}). Write sqlite:///path with the path of a file that may be written."
