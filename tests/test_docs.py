"""What the documents name is there: pages and their sections, commands, make's targets, the outbox's kinds."""

import re
from collections.abc import Iterator

import pytest
from django.core.management import get_commands

from chat import outbox
from orders.api.serializers import OrderSerializer
from orders.models import MOVES
from tests.chaos.processes import ROOT

PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    """The sections that a link can lead to, named as GitHub names them."""
    words = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(FENCED.sub("", PAGES[page])))
    return set(words)


def dead_links(page: str) -> Iterator[str]:
    """Links of a page that lead nowhere."""
    for link in LINK.findall(PAGES[page]):
        file, _hash, section = link.partition("#")
        target = (ROOT / page).parent / file if file else ROOT / page
        name = target.resolve().relative_to(ROOT).as_posix() if target.exists() else ""
        if not name or (section and section not in anchors(name)):
            yield link


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    assert list(dead_links(page)) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_there(page: str) -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", PAGES[page]))
    assert named - set(get_commands()) == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_target_of_make_is_there(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", PAGES[page], re.MULTILINE))
    assert named - targets == set()


def test_the_operators_table_has_every_kind_of_row_in_the_outbox() -> None:
    section = PAGES["docs/operations.md"].partition("| `kind` |")[2]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == sorted(str(model._meta.model_name) for model in outbox.rules())


def test_every_decision_is_in_the_list_of_its_page() -> None:
    page = PAGES["docs/decisions.md"]
    decisions = re.findall(r"^## (.+)$", page, re.MULTILINE)
    listed = re.findall(r"\[(.+?)\]\(#[^)]+\)", page.partition("\n## ")[0])
    assert sorted(listed) == sorted(decisions)


MOVES_TOLD = sorted((before, sorted(after)) for before, after in MOVES.items())


def moves_in(text: str) -> list[tuple[str, list[str]]]:
    """The moves of a status that a text tells of: "draft → placed, cancelled"."""
    found = re.findall(r"(\w+) → ((?:\w+, )*\w+)", text.replace("`", ""))
    return sorted([*((before, sorted(after.split(", "))) for before, after in found), ("refunded", [])])


def test_the_apis_page_tells_which_moves_an_order_may_make() -> None:
    assert moves_in(PAGES["docs/api.md"]) == MOVES_TOLD


def test_the_apis_document_tells_which_moves_an_order_may_make() -> None:
    description = str(OrderSerializer.__doc__)
    assert (moves_in(description), "bad_move" in description) == (MOVES_TOLD, True)
