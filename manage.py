#!/usr/bin/env python
"""Runs Order Support's commands: `python manage.py help` lists them."""

import gc
import os
import signal
import sys

# Ctrl-C while the rest is being loaded ends the process at once, and without a traceback.
IS_INTERRUPTIBLE = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if IS_INTERRUPTIBLE:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from django.core.exceptions import ImproperlyConfigured  # noqa: E402
from django.core.management import execute_from_command_line  # noqa: E402
from django.db import DatabaseError  # noqa: E402

# What a shell says of a process that Ctrl-C ended.
INTERRUPTED = 128 + signal.SIGINT


def main() -> None:
    """Run one command; a wrong setting ends it with a sentence instead of a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersupport.settings")
    # What is loaded now stays; looking through it again and again for rubbish took a sixth of each start. `ordersupport/apps.py` goes on.
    gc.disable()
    if IS_INTERRUPTIBLE:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _run()
    except ImproperlyConfigured as error:
        sys.exit(f"Order Support can't start: {error}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run() -> None:
    try:
        execute_from_command_line(sys.argv)
    except DatabaseError:
        from ordersupport import database  # noqa: PLC0415 - it needs the settings, which not every command has

        # Whatever the command was about: without a database that is what is said.
        database.ensure()
        raise


if __name__ == "__main__":
    main()
