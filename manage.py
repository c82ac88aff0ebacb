#!/usr/bin/env python
"""Runs Order Support's commands: `python manage.py help` lists them."""

import gc
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run one command; a wrong setting ends it with a sentence instead of a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersupport.settings")
    # What is loaded now stays; looking through it again and again for rubbish took a sixth of each start. `ordersupport/apps.py` goes on.
    gc.disable()
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Order Support can't start: {error}")


if __name__ == "__main__":
    main()
