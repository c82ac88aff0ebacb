"""Whose rows need not wait for their lease, because the worker that held them is dead: one machine knows at once, by its kernel.

Each worker holds a lock on a file of its own for as long as it lives; the kernel lets go of it at the very moment in which the process
ends, kill -9 included. Whoever gets such a lock knows that its worker is dead, and makes the rows that it held due. A process that is
stopped or slow keeps its lock, so it never loses a row to this. The file lies beside SQLite's, and with PostgreSQL in `var/`, where the
workers of one machine (and whatever starts them again) look; rows of a machine that is gone as a whole wait for their lease.
PostgreSQL's advisory locks would tell of other machines too, but they end with the connection, and a broken connection is no death:
after a fail-over every living worker would look dead while its calls are under way.
"""

import hashlib
import logging
import os
from pathlib import Path

from django.conf import settings
from django.db import connection

from chat import leases, outbox

try:
    import fcntl
except ImportError:  # not on Windows: there, too, rows wait for their lease
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

MARK = "-worker-"
# What bears such a name without being a sign, such as somebody's copy of one, is left alone.
ANY_WORKER = "[0-9a-f]" * 12


class Sign:
    """This process's sign of life. Not made where there is nowhere to lay it."""

    def __init__(self) -> None:
        self.path = _path(leases.WORKER)
        self._file = _locked(self.path, create=True) if self.path else None

    def end(self) -> None:
        """The worker ended well, and holds no rows."""
        if self.path and self._file is not None:
            self.path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None


def free_rows_of_the_dead() -> int:
    """Make due what workers held that died on this machine; how many rows."""
    place, own = _place(), _path(leases.WORKER)
    return sum(_free(path) for path in place.parent.glob(f"{place.name}{MARK}{ANY_WORKER}") if path != own) if place else 0


def _free(path: Path) -> int:
    file = _locked(path, create=False)
    if file is None:
        return 0
    try:
        freed = _free_rows(int(path.name.rpartition(MARK)[2], 16))
        path.unlink(missing_ok=True)
    finally:
        os.close(file)
    if freed:
        logger.warning("a worker died and left %d rows; they are due", freed)
    return freed


def _free_rows(worker: int) -> int:
    freed = 0
    for model in outbox.rules():
        held = leases.in_force(model, outbox.clock())
        tokens = {token for token in held.values_list("lease_token", flat=True) if token and token.node == worker}
        freed += held.filter(lease_token__in=tokens).update(next_attempt_at=outbox.clock()) if tokens else 0
    return freed


def _path(worker: int) -> Path | None:
    place = _place()
    return place.with_name(f"{place.name}{MARK}{worker:012x}") if place else None


def _place() -> Path | None:
    """What this database's signs are named after; None where there is nothing to lock with, or only this process has the database."""
    known = connection.settings_dict
    name = str(known["NAME"])
    if fcntl is None or name == ":memory:" or name.startswith("file:"):
        return None
    if connection.vendor == "sqlite":
        return Path(name)
    which = hashlib.sha256(f"{known['HOST']}:{known['PORT']}/{name}".encode()).hexdigest()[:12]
    return Path(settings.VAR_DIR) / f"{connection.vendor}-{which}"


def _locked(path: Path, *, create: bool) -> int | None:
    """The open file, locked until it is closed; None where somebody alive holds it, or where it can't be had."""
    try:
        if create:
            path.parent.mkdir(exist_ok=True)
        file = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
    except OSError as error:
        logger.debug("no sign of life: %s", error.strerror)
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file
