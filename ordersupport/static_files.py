"""The static files in `var/static`: whether they are those of the code, and laying them out beside what running processes still name.

A page names its files with a hash of their content, and whoever started before the code changed goes on naming the former ones. So a new
set is made in a folder of its own and then moved in file by file: whoever asks meanwhile finds whole files, and a laying out that was
killed has changed nothing that counts. The manifest comes last; without it, or with an old one, the next start does it all again.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.management.commands.collectstatic import Command as CollectStatic
from django.core.management import call_command

from ordersupport.storage import StaticFilesStorage

# How long a file stays after the last set that had it: far longer than the oldest process of a rolling restart, or a page that is open.
KEPT_SECONDS = 30 * 24 * 3600


def are_current() -> bool:
    """Whether no source is newer than the set that is laid out; laying out takes seconds, asking takes a few hundredths."""
    manifest = _root() / StaticFilesStorage.manifest_name
    if not manifest.exists():
        return False
    made = manifest.stat().st_mtime
    sources = [storage.path(name) for finder in get_finders() for name, storage in finder.list([])]
    return all(Path(source).stat().st_mtime <= made for source in sources)


def lay_out() -> None:
    """Add the code's set to what is there, and remove what belongs to no set of the last thirty days. One process at a time."""
    fresh = _root().with_name(f"{_root().name}-fresh")
    # What a killed one left.
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    begun = fresh.stat().st_mtime_ns
    _collect(fresh)
    # A source that is changed from here on may not be in the set: by this time it counts as newer.
    os.utime(fresh / StaticFilesStorage.manifest_name, ns=(begun, begun))
    _touch_current()
    _move_in(fresh)
    shutil.rmtree(fresh)
    _remove_old()


def _root() -> Path:
    return Path(settings.STATIC_ROOT)


def _collect(folder: Path) -> None:
    command = CollectStatic()
    command.storage = StaticFilesStorage(location=str(folder))
    call_command(command, verbosity=0, interactive=False)


def _touch_current() -> None:
    """Let the age of the set so far begin now: processes were started with it until this moment."""
    for name in StaticFilesStorage(location=str(_root())).hashed_files.values():
        for path in (_root() / name, _root() / f"{name}.gz"):
            with suppress(FileNotFoundError):
                os.utime(path)


def _move_in(fresh: Path) -> None:
    manifest = fresh / StaticFilesStorage.manifest_name
    # Backwards, a compressed file comes before its plain one: whoever finds that one finds both.
    for path in [*sorted(set(_files(fresh)) - {manifest}, reverse=True), manifest]:
        place = _root() / path.relative_to(fresh)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)


def _remove_old() -> None:
    oldest = time.time() - KEPT_SECONDS
    for path in _files(_root()):
        if path.stat().st_mtime < oldest:
            path.unlink()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
