"""Where somebody's name, mail address and phone number stand: in every text column of every table, and in every file.

The search knows no table by name, so it also finds what nobody thought of.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.files.storage import Storage, default_storage
from django.db import models
from django.db.models.functions import Cast

from accounts.mailable import with_ascii_domain
from accounts.models import User

GONE = "…"
PHONE = re.compile(r"\+?[\d\s()./-]+")
# Shorter ones stand in too many words to say anything.
SHORTEST_ASCII, SHORTEST, SHORTEST_NUMBER = 3, 2, 6


@dataclass(frozen=True)
class Trace:
    """One place: a table and column with the row's key, or a file."""

    place: str
    key: str

    def __str__(self) -> str:
        return f"{self.place} {self.key}".strip()


@dataclass(frozen=True)
class Terms:
    """What a person is or was known by: user name, names, mail addresses, and phone numbers as they are written and as digits."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, user: User, *former: str) -> "Terms":
        """Everything of theirs that is long enough to be looked for; `former`: what they were known by earlier."""
        known = [user.username, user.name, user.get_full_name(), user.email, user.phone, *former]
        known += [_as_mailed(word) for word in known if "@" in word]
        words = {word.strip() for word in known if len(word.strip()) >= (SHORTEST_ASCII if word.isascii() else SHORTEST)}
        digits = {re.sub(r"\D", "", word) for word in known if PHONE.fullmatch(word)}
        return cls(tuple(sorted(words | {number for number in digits if len(number) >= SHORTEST_NUMBER}, key=len, reverse=True)))

    @property
    def addresses(self) -> tuple[str, ...]:
        """The mail addresses among them."""
        return tuple(word for word in self.words if "@" in word)

    @property
    def pattern(self) -> re.Pattern[str]:
        """Any of them as a word of its own: "user-1" is not in "user-12"."""
        return re.compile("|".join(rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in self.words) or r"(?!)", re.IGNORECASE)

    def scrub(self, value: Any) -> Any:
        """The same text, list or object with an ellipsis in place of each."""
        if isinstance(value, str):
            return self.pattern.sub(GONE, value)
        if isinstance(value, dict):
            return {self.scrub(name): self.scrub(part) for name, part in value.items()}
        return [self.scrub(part) for part in value] if isinstance(value, list) else value


def _as_mailed(address: str) -> str:
    """As Sendinblue reports it; what no mail can reach stays as it is."""
    try:
        return with_ascii_domain(address)
    except UnicodeError:
        return address


def search(terms: Terms) -> list[Trace]:
    """Every place in the database and in the stored files."""
    found = [trace for model in _models() for field in _columns(model) for trace in _in_column(model, field, terms)]
    return found + list(_in_files(default_storage, "", terms))


def searched() -> tuple[int, int]:
    """How many tables the search looks into, and how many files."""
    return sum(1 for model in _models() if _columns(model)), sum(1 for _name in _files(default_storage, ""))


def _models() -> list[type[models.Model]]:
    return [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy and model._meta.managed]


def _columns(model: type[models.Model]) -> list["models.Field[Any, Any]"]:
    return [field for field in model._meta.concrete_fields if isinstance(field, models.CharField | models.TextField | models.JSONField)]


def _in_column(model: type[models.Model], field: "models.Field[Any, Any]", terms: Terms) -> Iterator[Trace]:
    """The database finds the candidates, the pattern decides: a database compares letters, not words."""
    rows = model._base_manager.all()
    if isinstance(field, models.JSONField):
        rows = rows.annotate(searched=Cast(field.name, models.TextField()))
    column = "searched" if isinstance(field, models.JSONField) else field.name
    any_of = models.Q(pk__in=[])
    for word in terms.words:
        for written in {word, json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1]}:
            any_of |= models.Q(**{f"{column}__icontains": written})
    for key, value in rows.filter(any_of).values_list("pk", field.name):
        if terms.pattern.search(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)):
            yield Trace(f"{model._meta.label}.{field.name}", str(key))


def _in_files(storage: Storage, folder: str, terms: Terms) -> Iterator[Trace]:
    for name in _files(storage, folder):
        with storage.open(name) as file:
            content = file.read().decode(errors="replace")
        if terms.pattern.search(name) or terms.pattern.search(content):
            yield Trace("file", name)


def _files(storage: Storage, folder: str) -> Iterator[str]:
    try:
        folders, names = storage.listdir(folder)
    except (FileNotFoundError, NotImplementedError):
        return
    yield from (f"{folder}{name}" for name in names)
    for inner in folders:
        yield from _files(storage, f"{folder}{inner}/")
