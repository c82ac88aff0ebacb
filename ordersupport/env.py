"""Reads the environment: every variable through one of these verbs, every wrong value answered by its name and the fix.

An empty value counts as not set, so `.env.example` can be copied as it is. The original guide's `NEXMO_*` and `SENDINBLUE_*`
names come first; `VONAGE_*` and `BREVO_*` are the companies' present names for the same things.
"""

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured


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
        return [part.strip() for part in value.split(",") if part.strip()] if value else default

    def url(self, *names: str, default: str, schemes: tuple[str, ...] = ("http", "https")) -> str:
        """An absolute address without its last slash."""
        value = self.text(*names, default=default)
        if not value:
            return value
        try:
            parts = urlsplit(value)
            fits = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            fits = False
        if not fits:
            raise ImproperlyConfigured(f"{names[0]} is {value!r}. Write a whole address, such as {schemes[-1]}://example.com.")
        return value.rstrip("/")

    def host(self, name: str, *, default: str) -> str:
        """`host` or `host:port`, without a scheme or a path."""
        value = self.text(name, default=default)
        if "/" in value or " " in value:
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
        if value and not os.access(value, os.R_OK):
            raise ImproperlyConfigured(f"{names[0]} names {value!r}, which can't be read. Write the path of an existing file.")
        return value

    def database(self, name: str, *, default: str) -> dict[str, object]:
        """Django's settings of one database, from a URL."""
        value = self.text(name, default=default)
        try:
            parsed: dict[str, object] = self._env.db_url_config(value)
        except (ValueError, ImproperlyConfigured):
            parsed = {}
        if parsed.get("ENGINE") not in {"django.db.backends.sqlite3", "django.db.backends.postgresql"}:
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
        return _kept_secret(name, kept_in)


def _kept_secret(name: str, path: Path) -> str:
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            # O_EXCL and a private name: two processes that start at once agree on the one that linked first.
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(50))
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name} is not set, and none can be kept in {path} ({error.strerror}). Set {name}.") from error
