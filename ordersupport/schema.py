"""Whether the database has everything that `manage.py migrate` would give it: asking takes a fifth of the time."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from django.apps import AppConfig, apps
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder


def is_current() -> bool:
    """Every migration is applied, and the last `migrate` came to its end: it writes the permissions last, after the migrations."""
    applied = MigrationRecorder(connection).applied_migrations().keys()
    if not all((app.label, name) in applied for app in apps.get_app_configs() for name in _migrations(app)):
        return False
    written = set(Permission.objects.values_list("content_type__app_label", "content_type__model", "codename"))
    return written.issuperset(_permissions())


def _migrations(app: AppConfig) -> Iterator[str]:
    """The names of an app's migrations, found as Django's own loader finds them."""
    module, _is_explicit = MigrationLoader.migrations_module(app.label)
    if module is None:
        return
    try:
        package = import_module(module)
    except ModuleNotFoundError:
        return  # an app without migrations
    for found in pkgutil.iter_modules(package.__path__):
        if not found.ispkg and found.name[0] not in "_~":
            yield found.name


def _permissions() -> Iterator[tuple[str, str, str]]:
    """The app, model and code of each permission that there is to be."""
    for model in apps.get_models():
        options = model._meta
        codes = [get_permission_codename(action, options) for action in options.default_permissions]
        for code in [*codes, *(name for name, _words in options.permissions)]:
            yield options.app_label, str(options.model_name), code
