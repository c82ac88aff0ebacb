"""Reads the environment: every variable through one of these verbs, every wrong value answered by its name and the fix.

An empty value counts as not set, so `.env.example` can be copied as it is. The original guide's `NEXMO_*` and `SENDINBLUE_*`
names come first; `VONAGE_*` and `BREVO_*` are the companies' present names for the same things.
"""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from chat import hours

DATABASES = {"sqlite", "postgres", "postgresql", "pgsql"}


class Environment:
    """The process's environment over a `.env` file.

    `source` is read on top of nothing: a variable of the process always wins over the file's.
    Raises ImproperlyConfigured, with the variable's name and what to write instead, from every verb.
    """

    def __init__(self, dot_env: Path | None) -> None:
        if dot_env is not None and dot_env.is_file():
            environ.Env.read_env(str(dot_env))
        self._env = environ.Env()

    def text(self, *names: str, default: str = "") -> str:
        """The first of `names` that is set, stripped; `default` where none is."""
        for name in names:
            value = os.environ.get(name, "").strip()
            if value:
                return value
        return default

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A yes or no."""
        value = self.text(name).lower()
        if not value:
            return default
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        raise ImproperlyConfigured(f"{name} is {value!r}. Write 1 or 0.")

    def number(self, *names: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.text(*names)
        if not value:
            return default
        try:
            number = int(value)
        except ValueError:
            raise ImproperlyConfigured(f"{names[0]} is {value!r}. Write a whole number from {least} to {most}.") from None
        if not least <= number <= most:
            raise ImproperlyConfigured(f"{names[0]} is {number}. Write a whole number from {least} to {most}.")
        return number

    def names(self, name: str, *, default: list[str]) -> list[str]:
        """A list, separated by commas."""
        value = self.text(name)
        if not value:
            return default
        found = [part.strip() for part in value.split(",") if part.strip()]
        if not found:
            raise ImproperlyConfigured(f"{name} is {value!r}. Write names, separated by commas.")
        return found

    def hours(self, name: str) -> tuple[hours.Span, ...]:
        """Days of the week with times; none where it is not set."""
        try:
            return hours.read(self.text(name))
        except ValueError as error:
            fix = f"Write days and times, separated by commas, such as {hours.EXAMPLE}."
            raise ImproperlyConfigured(f"{name} can't be read: {error} {fix}") from None

    def url(self, *names: str, default: str, schemes: tuple[str, ...] = ("https", "http")) -> str:
        """An absolute address without its last slash; the first of `schemes` is the one that is proposed."""
        value = self.text(*names, default=default)
        if value and not _is_address(value, schemes):
            raise ImproperlyConfigured(f"{names[0]} is {value!r}. Write a whole address, such as {schemes[0]}://example.com.")
        return value.rstrip("/")

    def host(self, name: str, *, default: str) -> str:
        """`host` or `host:port`, without a scheme or a path."""
        value = self.text(name, default=default)
        if "/" in value or "@" in value or not _is_address(f"https://{value}", ("https",)):
            raise ImproperlyConfigured(f"{name} is {value!r}. Write host or host:port only, such as {default}.")
        return value

    def choice(self, name: str, *, options: tuple[str, ...]) -> str:
        """One of `options`; the first is the default."""
        value = self.text(name, default=options[0])
        if value not in options:
            raise ImproperlyConfigured(f"{name} is {value!r}. Write one of: {', '.join(options)}.")
        return value

    def existing_file(self, *names: str) -> str:
        """A path to a file that can be read, or nothing."""
        value = self.text(*names)
        if value and not (os.path.isfile(value) and os.access(value, os.R_OK)):
            raise ImproperlyConfigured(f"{names[0]} names {value!r}, which can't be read. Write the path of an existing file.")
        return value

    def database(self, name: str, *, default: str) -> dict[str, object]:
        """Django's settings of one database, from a URL."""
        value = self.text(name, default=default)
        scheme, separator, _rest = value.partition("://")
        try:
            parsed: dict[str, object] = self._env.db_url_config(value) if separator and scheme in DATABASES else {}
        except (ValueError, ImproperlyConfigured):
            parsed = {}
        # In SQLite's memory every thread would have a database of its own.
        if parsed.get("NAME") in {None, "", ":memory:"}:
            raise ImproperlyConfigured(
                f"{name} is not a database this project knows. Write sqlite:///path or postgres://user:password@host:5432/name."
            )
        return parsed

    def secret_key(self, name: str, *, kept_in: Path | None) -> str:
        """A secret of at least 32 characters; made once and kept in the file `kept_in` where one host is all there is."""
        value = self.text(name)
        if value:
            if len(value) < 32:
                raise ImproperlyConfigured(f"{name} has {len(value)} characters. Write at least 32 random ones.")
            return value
        if kept_in is None:
            raise ImproperlyConfigured(
                f"{name} is not set. With DATABASE_URL or REDIS_URL several processes must share it: write 50 random characters."
            )
        value = _kept_secret(name, kept_in)
        if len(value) < 32:
            raise ImproperlyConfigured(f"{name} is not set, and the one kept in {kept_in} is cut. Delete that file, or set {name}.")
        return value


def _is_address(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        if parts.scheme not in schemes or any(character.isspace() for character in value):
            return False
        if parts.scheme == "unix":
            return len(parts.path) > 1
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _kept_secret(name: str, path: Path) -> str:
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            # A whole file under a name of its own, then linked: of several starts at once the first one's secret is everybody's.
            number, fresh = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
            with os.fdopen(number, "w") as file:
                file.write(secrets.token_urlsafe(50))
            with suppress(FileExistsError):
                os.link(fresh, path)
            os.unlink(fresh)
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name} is not set, and none can be kept in {path} ({error.strerror}). Set {name}.") from error
