"""Questions that are asked so often, or by so many, that how they are asked matters.

`row_of` and `is_among` are statements that are written once: Django writes each anew, which takes it longer than the database needs.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import F, Field, Model, QuerySet, Value
from django.db.models.functions import Upper
from django.db.models.lookups import Exact

Row = TypeVar("Row", bound=Model)


def row_of(model: type[Row], field: str, value: Any, *, and_its: str = "") -> Row | None:
    """The row whose unique `field` has this value; None where there is none. `and_its`: a foreign key that is read along."""
    found = _Statement.of(model, field, and_its).run(value)
    if found is None:
        return None
    row: Row = _made(model, found)
    if and_its:
        other: Any = model._meta.get_field(and_its).related_model
        setattr(row, and_its, _made(other, found[len(_columns(model)) :]))
    return row


def is_among(some: Callable[[], "QuerySet[Any]"], key: int) -> bool:
    """Whether one of `some()` has this primary key; `some` is a class's or a module's own, and answers the same question each time."""
    text, values = _membership(some)
    with connection.cursor() as cursor:
        cursor.execute(text, [key if value == _SOME_KEY else value for value in values])
        return cursor.fetchone() is not None


# Stands for the key while the statement is written. No row has it: keys begin with one.
_SOME_KEY = -1


@cache
def _membership(some: Callable[[], "QuerySet[Any]"]) -> tuple[str, tuple[Any, ...]]:
    text, values = some().filter(pk=_SOME_KEY).values("pk").query.sql_with_params()
    return text, tuple(values)


def same_letters(field: str, text: str) -> Exact[Any]:
    """Whether `field` is this text, in capitals or not.

    It fits what `iexact` fits, but goes by an index upon `Upper` of the field: for SQLite `iexact` is a LIKE, which no such index serves.
    """
    return Exact(Upper(F(field)), Upper(Value(text)))


class _Statement:
    """The SELECT of every column of a model, and of another that a foreign key points to."""

    def __init__(self, model: type[Model], field: str, and_its: str) -> None:
        quote, table = connection.ops.quote_name, model._meta.db_table
        fields, source = list(_columns(model)), quote(table)
        if and_its:
            key: Any = model._meta.get_field(and_its)
            fields += _columns(key.related_model)
            other = quote(key.related_model._meta.db_table)
            source += f" JOIN {other} ON {other}.{quote(key.target_field.column)} = {source}.{quote(key.column)}"
        read = ", ".join(f"{quote(one.model._meta.db_table)}.{quote(str(one.column))}" for one in fields)
        asked = quote(str(model._meta.get_field(field).column))  # type: ignore[union-attr] # columns only
        self.sql = f"SELECT {read} FROM {source} WHERE {quote(table)}.{asked} = %s"  # noqa: S608 - our names
        self._converters = [(place, convert, one) for place, one in enumerate(fields) for convert in _converters(one)]

    @classmethod
    @cache
    def of(cls, model: type[Model], field: str, and_its: str) -> "_Statement":
        """One for each question that is asked."""
        return cls(model, field, and_its)

    def run(self, value: Any) -> list[Any] | None:
        """The columns of the row, as their fields have them."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, [value])
            found = cursor.fetchone()
        if found is None:
            return None
        row = list(found)
        for place, convert, one in self._converters:
            row[place] = convert(row[place], one.cached_col, connection)
        return row


def _columns(model: type[Model]) -> "Sequence[Field[Any, Any]]":
    return model._meta.concrete_fields


def _converters(field: "Field[Any, Any]") -> list[Any]:
    """The database's and the field's own, as a queryset applies them."""
    return [*connection.ops.get_db_converters(field.cached_col), *field.get_db_converters(connection)]


def _made(model: type[Row], values: Sequence[Any]) -> Row:
    columns = _columns(model)
    return model.from_db(connection.alias, [field.attname for field in columns], values[: len(columns)])
