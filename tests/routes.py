"""Every route of the product, by every method, as everybody who might try.

The walk asks for Alice's things; `tests/test_security_routes.py` compares what it finds with the table.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

DOCS = Path(__file__).resolve().parent.parent / "docs" / "security.md"
BEGIN, END = "<!-- routes: begin (WRITE_ROUTES=1 .venv/bin/pytest tests/test_security_routes.py writes it) -->", "<!-- routes: end -->"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Django's admin looks at POST and takes all else for GET.
ADMINS_METHODS = ("GET", "POST", "DELETE")
ROLES = (*("stranger", "customer", "customer by link", "new device", "other customer", "agent", "staff without permission", "revoked key"),)
Statuses = dict[str, str]


@dataclass(frozen=True)
class Place:
    """One route: as the table names it, and where it is asked for (`agent`: at the agent's own address of it)."""

    name: str
    address: str
    agents_address: str


def everything(fill: Callable[[str, str], str]) -> list[Place]:
    """All routes in the resolver's order; `fill(route, parameter)` says what a parameter stands for."""
    found = []
    for route, _pattern in _walk(get_resolver().url_patterns, ""):
        name = re.sub(r"\(\?P(<\w+>)(?:\[[^\]]*\]|[^()])*\)", r"\1", route).replace("^", "").replace("$", "").replace("/?", "/")
        name = re.sub(r"<\w+:(\w+)>", r"<\1>", name)
        address = re.sub(r"<(\w+)>", lambda part, name=name: fill(name, part[1]), name)  # type: ignore[misc]
        found.append(Place(f"/{name}", f"/{address}", f"/{address}".replace("/chat/alice/", "/chat/agent/")))
    by_name = {place.name: place for place in found}
    return [place for name, place in by_name.items() if not _is_the_same_as_another(name, by_name)]


def _is_the_same_as_another(name: str, by_name: dict[str, Place]) -> bool:
    """The API's addresses without their last slash (`chat/api/urls.py`), and webhooks' and the guide's with one (`chat/webhooks.py`)."""
    of_api = name.startswith("/api/") and f"{name}/" in by_name
    return of_api or (name.startswith(("/webhooks/", "/user/", "/order/")) and name.endswith("/") and name.removesuffix("/") in by_name)


def _walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, prefix + str(pattern.pattern))
        else:
            yield prefix + str(pattern.pattern), pattern


def statuses(place: Place, clients: dict[str, Client]) -> dict[str, dict[str, int]]:
    """Role -> method -> status. Each request is undone, so that all of them find the same."""
    found: dict[str, dict[str, int]] = {}
    for role, client in clients.items():
        address = place.agents_address if role == "agent" else place.address
        cookies = client.cookies.copy()
        for method in ADMINS_METHODS if place.name.startswith("/admin/") else METHODS:
            with transaction.atomic():
                found.setdefault(role, {})[method] = client.generic(method, address, "{}", "application/json").status_code
                transaction.set_rollback(True)
            client.cookies = cookies.copy()
    return found


def in_short(by_method: dict[str, int]) -> str:
    """ "GET HEAD 200, POST 201, else 405": the commonest status of what is left comes last."""
    by_status: dict[int, list[str]] = {}
    for method, status in by_method.items():
        by_status.setdefault(status, []).append(method)
    if len(by_status) == 1:
        return str(next(iter(by_status)))
    common = max(by_status, key=lambda status: len(by_status[status]))
    parts = [f"{' '.join(methods)} {status}" for status, methods in by_status.items() if status != common]
    return ", ".join([*parts, f"else {common}"])


def kind_of(name: str) -> str:
    """The admin's pages of one sort stand in one row, whatever they are of."""
    return re.sub(r"^/admin/(?:accounts|auth|chat|orders)/\w+/", "/admin/<app>/<model>/", name)


def table(rows: dict[str, dict[str, str]]) -> str:
    """Markdown: one row a route, one column a role."""
    lines = [f"| route | {' | '.join(ROLES)} |", f"|---{'|---' * len(ROLES)}|"]
    for name, cells in rows.items():
        shown = name.replace("|", "\\|")
        lines.append(f"| `{shown}` | {' | '.join(cells[role] for role in ROLES)} |")
    return "\n".join(lines)


def written() -> str:
    """The table as the documentation has it."""
    return DOCS.read_text().partition(BEGIN)[2].partition(END)[0].strip()


def write(found: str) -> None:
    """Put the table into the documentation."""
    before, _begin, rest = DOCS.read_text().partition(BEGIN)
    DOCS.write_text(f"{before}{BEGIN}\n\n{found}\n\n{END}{rest.partition(END)[2]}")
