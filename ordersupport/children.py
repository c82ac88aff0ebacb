"""Commands in a process of their own: whatever they load, and however much memory they need, leaves with them."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from django.conf import settings

# What a shell says of a process that SIGTERM ended.
TERMINATED = 128 + signal.SIGTERM


def run(*command: str) -> None:
    """Run one of `manage.py`'s commands to its end.

    Raises SystemExit with its status where it fails: it has said why itself, and has a line on stderr for it.
    """
    with _sigterm_as_exit():
        done = subprocess.run(_line(command), stdin=subprocess.DEVNULL, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise SystemExit(done.returncode if done.returncode > 0 else 128 - done.returncode)


def output(*command: str) -> bytes:
    """What one of `manage.py`'s commands prints. Raises CalledProcessError where it fails."""
    done = subprocess.run(_line(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own command
    return done.stdout


def _line(command: tuple[str, ...]) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *command]


@contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """Let SIGTERM end the child as well, as Ctrl-C does; by default it would live on without us."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
