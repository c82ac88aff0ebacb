"""A copy of the product with a `var/` of its own, for tests that change its files or start with none of what a start makes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.processes import environment
from tests.running import ROOT

FOLDERS = ["accounts", "chat", "orders", "ordersupport", "templates"]


def copy(folder: Path) -> Path:
    """Copy the code into `folder`, without anything that was made of it."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy2(ROOT / "manage.py", folder)
    return folder


@contextmanager
def started(checkout: Path, *command: str, log: Path, **ours: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Start one of its `manage.py` commands, with nobody's own settings; what it says goes to `log`. At the end it is killed."""
    known = environment(ENV_FILE=os.devnull, SECRET_KEY="k" * 50, **ours)
    line = [sys.executable, "manage.py", *command]
    with log.open("wb") as output:
        process = subprocess.Popen(line, cwd=checkout, env=known, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
