"""How the database finds what it is asked for: whether an index leads there, however fast this machine is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.models import Model

from accounts.models import User


@contextmanager
def plans() -> Iterator[list[str]]:
    """The plan of each SELECT inside, with the very parameters that it has there."""
    found: list[str] = []
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip("(").startswith("SELECT"):
            with connection.cursor() as cursor:
                cursor.execute(f"{explain} {sql}", params)
                found.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield found


def many_people() -> None:
    """So many that an index pays, and the database knows."""
    User.objects.bulk_create(User(username=f"person-{number}", email=f"person-{number}@example.com") for number in range(2000))
    count(User)


def count(*models: type[Model]) -> None:
    """Let the database know how many rows there are: PostgreSQL chooses by what it last counted."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for model in models:
                cursor.execute(f"ANALYZE {model._meta.db_table}")


def led_by(index: str, found: list[str]) -> bool:
    """Whether any of the plans goes by this index."""
    return any(index in plan for plan in found)


def is_any_sorted(found: list[str]) -> bool:
    """Whether SQLite would read all rows of a question, to sort them or to tell different ones, before it had the first."""
    return any("USE TEMP B-TREE" in plan for plan in found)
