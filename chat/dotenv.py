"""Adds lines to `.env` for the set-up commands. A value that is there is never changed: it is the operator's."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

# As django-environ reads it: the first line of a name counts.
LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z_0-9]*)=(?P<value>.*)")


class TakenError(ValueError):
    """A name has another value there already."""


def read(path: Path) -> dict[str, str]:
    """The names in the file that have a value, without quotes; {} where there is no file."""
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if match := LINE.fullmatch(line.strip()):
            found.setdefault(match["name"], match["value"].strip().strip("'\""))
    return {name: value for name, value in found.items() if value}


def add(path: Path, values: Mapping[str, str]) -> None:
    """Fill in each `NAME=` that is empty, and append what is missing. Raises TakenError where a name has another value already.

    The file is replaced at once, so that a crash leaves the old one or the new one; a new one is readable by its owner only.
    """
    if path.exists() and not path.is_file():
        raise TakenError(f"{path} is no file that lines could be added to. Point ENV_FILE to one.")
    present = read(path)
    taken = [name for name, value in values.items() if present.get(name, value) != value]
    if taken:
        raise TakenError(f"{path} has another value for {' and '.join(taken)} already; it is left as it is.")
    missing = {name: value for name, value in values.items() if name not in present}
    if missing:
        _replace(path.resolve(), missing)


def _replace(path: Path, missing: dict[str, str]) -> None:
    lines, left = [], dict(missing)
    for line in path.read_text().splitlines() if path.exists() else []:
        match = LINE.fullmatch(line.strip())
        value = left.pop(match["name"], None) if match else None
        lines.append(line if value is None or match is None else f"{match['name']}={value}")
    lines += [f"{name}={value}" for name, value in left.items()]
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text("\n".join(lines) + "\n")
    fresh.chmod(mode)
    fresh.replace(path)
