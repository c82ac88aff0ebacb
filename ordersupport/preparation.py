"""What has to be there before the first request: the database's tables, the static files, and in the demo its day.

Making them takes megabytes of code that no request needs, so a child process does it; asking whether they are there does not.
"""

from django.conf import settings
from django.core.management import call_command

from ordersupport import children, database, demo, schema, static_files, turns


def ensure(*, with_demo: bool = False) -> None:
    """Have a child make what is missing; in a second start that is nothing.

    Raises ImproperlyConfigured without a database, and SystemExit where the child failed and has said why.
    """
    database.ensure(patience=database.PATIENCE_SECONDS)
    if schema.is_current() and static_files.are_current() and (demo.is_filled() or not with_demo):
        return
    children.run("prepare", *(["--demo", settings.PUBLIC_URL] if with_demo else []))


def make(*, with_demo: bool) -> None:
    """Make what is missing, here and now, or wait while another process makes it."""
    with turns.at_database():
        if not schema.is_current():
            call_command("migrate", verbosity=0, interactive=False)
        if with_demo:
            demo.fill()
    with turns.in_folder(settings.VAR_DIR):
        if not static_files.are_current():
            static_files.lay_out()
