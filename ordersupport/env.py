"""Reads the environment: every variable through one of these verbs, every wrong value answered by its name and the fix.

An empty value counts as not set, so `.env.example` can be copied as it is. The original guide's `NEXMO_*` and `SENDINBLUE_*`
names come first; `VONAGE_*` and `BREVO_*` are the companies' present names for the same things.
"""

import os
import re
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

from chat import hours

DATABASES = {"sqlite", "postgres", "postgresql", "pgsql"}
# A host that vanishes without a word is given up after 25 seconds at most; by itself the kernel sends again for a quarter of an hour.
# Seconds, a count, and milliseconds: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
POSTGRES_OPTIONS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    # After a failover a name may lead to a server that only reads, where nothing of ours can be kept.
    "target_session_attrs": "read-write",
}
# A host, all below one, or all; as Django compares it with what a browser asks for.
HOST = re.compile(r"\*|\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", re.IGNORECASE | re.ASCII)
COUNTRY_CODE = re.compile(r"\+?[1-9][0-9]{0,6}", re.ASCII)
# As networks take it; a country code never begins with 0.
NUMBER = re.compile(r"\+?[1-9][0-9]{6,14}", re.ASCII)
# What they show in its place: at most eleven signs, and one of them a letter.
SENDER_NAME = re.compile(r"(?=.*[a-z])[a-z0-9 ]{1,11}", re.IGNORECASE | re.ASCII)


class Environment:
    """The process's environment over a `.env` file.

    `dot_env` may be missing: then there is the process's environment alone. A variable of the process always wins over the file's.
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

    def flag(self, *names: str, default: bool = False) -> bool:
        """A yes or no."""
        value = self.text(*names).lower()
        if not value:
            return default
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        raise ImproperlyConfigured(f"{names[0]} is {value!r}. Write 1 or 0.")

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

    def names(self, name: str, *, default: list[str], are: Callable[[str], object], fix: str) -> list[str]:
        """A list, separated by commas, of which each part is what it should be."""
        value = self.text(name)
        if not value:
            return default
        found = [part.strip() for part in value.split(",") if part.strip()]
        for part in found or [value]:
            if not are(part):
                raise ImproperlyConfigured(f"{name} has {part!r}. Write {fix}, separated by commas.")
        return found

    def hosts(self, name: str, *, default: list[str]) -> list[str]:
        """Host names, without scheme, port and path; `.example.com` for all below it."""
        return self.names(name, default=default, are=HOST.fullmatch, fix="host names only, such as shop.example.com")

    def proxies(self, name: str, *, default: list[str]) -> list[str]:
        """IP addresses and networks, or `*` alone for every sender."""
        if self.text(name) == "*":
            return ["*"]
        return self.names(name, default=default, are=_is_network, fix="IP addresses or networks, such as 10.0.0.5 or 10.0.0.0/24")

    def country_codes(self, name: str) -> list[str]:
        """The beginnings of phone numbers."""
        return self.names(name, default=[], are=COUNTRY_CODE.fullmatch, fix="country codes, such as +46,+47")

    def sender(self, name: str) -> str:
        """The phone number that texts come from, or a short name."""
        value = self.text(name)
        if value and not (NUMBER.fullmatch(value.replace(" ", "")) or SENDER_NAME.fullmatch(value)):
            fix = "a number with its country code, such as +46 70 555 01 20, or for SMS a name of at most 11 letters and digits"
            raise ImproperlyConfigured(f"{name} is {value!r}. Write {fix}.")
        return value

    def script(self, name: str) -> str:
        """Where a page loads a script from: a whole address, or a path of this site."""
        value = self.text(name)
        if value and not (_is_address(value, ("https", "http")) or re.fullmatch(r"/[^/\s]\S*", value)):
            raise ImproperlyConfigured(f"{name} is {value!r}. Write a whole address, such as https://example.com/script.js.")
        return value

    def time_zone(self, name: str) -> str:
        """A name of the IANA time zone database."""
        value = self.text(name, default="UTC")
        try:
            ZoneInfo(value)
        except (OSError, ValueError, LookupError):
            raise ImproperlyConfigured(f"{name} is {value!r}, which is no time zone. Write one such as Europe/Berlin.") from None
        return value

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

    def choice(self, name: str, *, options: tuple[str, ...], default: str = "") -> str:
        """One of `options`, of which the first is the default if nothing else is said."""
        value = self.text(name, default=default or options[0])
        if value not in options:
            raise ImproperlyConfigured(f"{name} is {value!r}. Write one of: {', '.join(options)}.")
        return value

    def existing_file(self, *names: str) -> str:
        """A path to a file that can be read, or nothing."""
        value = self.text(*names)
        if value and not (os.path.isfile(value) and os.access(value, os.R_OK)):
            raise ImproperlyConfigured(f"{names[0]} names {value!r}, which can't be read. Write the path of an existing file.")
        return value

    def database(self, name: str, *, default: Path) -> dict[str, Any]:
        """Django's settings of one database, from a URL, whose query goes before our own options; a file of SQLite where none is set."""
        value = self.text(name)
        if not value:
            # As it is: in an address `#`, `?` and `%` would mean something else.
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(default)}
        scheme, separator, _rest = value.partition("://")
        try:
            parsed: dict[str, Any] = self._env.db_url_config(value) if separator and scheme in DATABASES else {}
        except (ValueError, ImproperlyConfigured):
            parsed = {}
        # In SQLite's memory every thread would have a database of its own.
        if parsed.get("NAME") in {None, "", ":memory:"}:
            raise ImproperlyConfigured(
                f"{name} is not a database this project knows. Write sqlite:///path or postgres://user:password@host:5432/name."
            )
        if parsed["ENGINE"] == "django.db.backends.postgresql":
            parsed["OPTIONS"] = POSTGRES_OPTIONS | parsed.get("OPTIONS", {})
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


def _is_network(value: str) -> bool:
    try:
        return bool(ip_network(value))
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
