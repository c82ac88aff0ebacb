"""One process at a time, where several may begin to make the same thing: first starts at once, on one machine or on many.

What is locked goes with the process that holds it, kill -9 included: the kernel lets go of a folder, PostgreSQL of an advisory lock.
"""

import errno
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.db import connection

from ordersupport import database

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

# Two numbers, while the chat's locks have one each: PostgreSQL keeps these apart.
NUMBERS = (1001, 1)
PAUSE_SECONDS = 0.2


@contextmanager
def at_database() -> Iterator[None]:
    """Wait, however long, until nobody else has the turn at this database, and hold it until the block ends."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "postgresql":
        with _in_postgres():
            yield
    elif name == ":memory:" or name.startswith("file:"):  # nobody else has it
        yield
    else:
        with in_folder(Path(name).parent):
            yield


@contextmanager
def in_folder(folder: Path) -> Iterator[None]:
    """Wait, however long, until nobody else on this machine has the turn in this folder (made if missing); hold it until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":  # there nobody waits for anybody
        yield
        return
    # The folder itself: a file for it would lie about for ever, be somebody else's after a start as root, or be removed under its holder.
    place = os.open(folder, os.O_RDONLY)
    try:
        _wait_for(lambda: _is_locked(place), str(folder))
        yield
    finally:
        os.close(place)


@contextmanager
def _in_postgres() -> Iterator[None]:
    with closing(database.apart()) as own, own.cursor() as cursor:

        def is_ours() -> bool:
            # A statement that waits for the lock would keep a snapshot, for which the holder's CREATE INDEX CONCURRENTLY waits in turn.
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", NUMBERS)
            return bool(cursor.fetchone()[0])

        _wait_for(is_ours, str(connection.settings_dict["NAME"]))
        yield


def _is_locked(place: int) -> bool:
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno == errno.EWOULDBLOCK:
            return False
        # Some file systems lock nothing: then it is as if nobody else were there.
        logger.debug("no turn can be held: %s", error.strerror)
    return True


def _wait_for(is_ours: Callable[[], bool], what: str) -> None:
    if is_ours():
        return
    logger.info("another process makes ready what is in %s; we wait until it is done", what)
    while not is_ours():
        time.sleep(PAUSE_SECONDS)
