"""Addresses in messages, as links of the page without scripts."""

import re
from html import unescape

import pytest

from chat.addresses import linked
from tests.addresses import CASES

LINK = re.compile(r'<a href="([^"]*)"(?: title="([^"]*)")? target="_blank" rel="noopener noreferrer nofollow">([^<]*)</a>')


@pytest.mark.parametrize(("text", "links"), CASES)
def test_addresses_are_links_to_what_they_say(text: str, links: list[tuple[str, str]]) -> None:
    found = [tuple(map(unescape, link)) for link in LINK.findall(linked(text))]
    assert found == [(address, title, address) for address, title in links]


@pytest.mark.parametrize("text", [text for text, _links in CASES])
def test_every_character_stays_and_nothing_else_is_markup(text: str) -> None:
    said = LINK.sub(r"\3", linked(text))
    assert (unescape(said), "<" in said) == (text, False)
