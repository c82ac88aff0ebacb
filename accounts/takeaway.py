"""The file that a customer takes away: one HTML page to read, with the same rows as JSON inside, and proof that nothing was changed.

Each row carries the hash of itself and of the row before. The last line holds the hash of everything above it, signed with our key.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core import signing
from django.template.loader import render_to_string
from django.utils import timezone

SALT = "accounts.takeaway"
SEAL = re.compile(rb"\n<!-- seal: ([\w:=-]+) -->\n")
DATA = re.compile(r'<script id="data" type="application/json">(.*?)</script>', re.DOTALL)
Row = dict[str, Any]


class TamperedError(Exception):
    """The file is not as we wrote it, in a sentence that says where."""


def moment(at: datetime | None) -> str | None:
    """A time as the file writes it: UTC, ISO 8601."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def write(public_id: str, rows: list[Row], *, headings: Mapping[str, str]) -> bytes:
    """The file about `public_id` in the active language; `rows` hold a `kind` and what JSON knows, `headings` are the kinds for people."""
    chained, before = [], ""
    for row in rows:
        before = _hash(before, row)
        chained.append({**row, "hash": before})
    kinds = list(dict.fromkeys(str(row["kind"]) for row in rows))
    tables = [(headings.get(kind, kind), [_told(row) for row in rows if row["kind"] == kind]) for kind in kinds]
    document = {"about": public_id, "written_at": moment(timezone.now()), "rows": chained}
    page = render_to_string("accounts/takeaway.html", {"shop": settings.SHOP_NAME, "tables": tables, "data": document}).encode()
    return page + b"\n<!-- seal: " + _signer().sign(hashlib.sha256(page).hexdigest()).encode() + b" -->\n"


def verify(file: bytes) -> dict[str, Any]:
    """What the file says of itself: {"about", "written_at", "rows": how many}. Raises TamperedError."""
    page, found = file[: file.rfind(b"\n<!-- seal: ")], SEAL.fullmatch(file[max(file.rfind(b"\n<!-- seal: "), 0) :])
    if found is None:
        raise TamperedError("The last line, which holds the seal, is missing or changed.")
    try:
        digest = _signer().unsign(found[1].decode())
    except signing.BadSignature:
        raise TamperedError("The seal is not ours: it was changed, or the file was written by another installation.") from None
    document = _document(page)
    _check_chain(document["rows"])
    if hashlib.sha256(page).hexdigest() != digest:
        raise TamperedError("The page was changed, although its rows are whole.")
    return {"about": document["about"], "written_at": document["written_at"], "rows": len(document["rows"])}


def _document(page: bytes) -> dict[str, Any]:
    try:
        found = DATA.search(page.decode())
        document: dict[str, Any] = json.loads(found[1]) if found else {}
    except ValueError:
        document = {}
    if not isinstance(document.get("rows"), list) or not {"about", "written_at"} <= document.keys():
        raise TamperedError("The rows can't be read.")
    return document


def _check_chain(rows: list[Row]) -> None:
    before = ""
    for number, row in enumerate(rows, start=1):
        plain = {name: value for name, value in row.items() if name != "hash"}
        before = _hash(before, plain)
        if before != row.get("hash"):
            raise TamperedError(f"Row {number} ({row.get('kind')}) was changed, added or taken out.")


def _hash(before: str, row: Row) -> str:
    written = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{before}\n{written}".encode()).hexdigest()


def _told(row: Row) -> list[tuple[str, str]]:
    """A row for people: names and values, without what is empty."""
    shown = [(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)) for name, value in row.items()]
    return [(name.replace("_", " "), value) for name, value in shown if name != "kind" and value not in {"", "null", "{}", "[]"}]


def _signer() -> signing.Signer:
    return signing.Signer(salt=SALT)
