"""Sentences that are stored, and read later by people of another language: why a row failed, what it waits for.

They are stored in English, as they are logged, searched for and given out by the API. On a page the sentence finds its pattern in the
reader's catalogue again (context "stored") and is worded anew with what had been filled in; a provider's own words stay as they are.
`manage.py messages` gathers the patterns: the first argument of `said`, `BackendError` and `cancel`.
"""

import re
from functools import lru_cache
from pathlib import Path

from babel.messages.mofile import read_mo
from django.conf import settings
from django.utils.translation import get_language, pgettext, to_locale

CONTEXT = "stored"
GAP = re.compile(r"%\((\w+)\)[sd]")


def said(sentence: str, **facts: object) -> str:
    """The sentence with its %(name)s filled in."""
    return sentence % facts


def in_words(stored: str) -> str:
    """The stored sentence in the active language; as it is where the catalogue does not know it."""
    for pattern, sentence in _patterns(get_language() or "en"):
        if found := pattern.fullmatch(stored):
            return pgettext(CONTEXT, sentence) % {name: in_words(fact) for name, fact in found.groupdict().items()}
    return stored


@lru_cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """What each stored sentence may look like; those that say more by themselves come first."""
    found = [sentence for folder in settings.LOCALE_PATHS for sentence in _sentences(Path(folder), language)]
    return [(_pattern(sentence), sentence) for sentence in sorted(found, key=lambda sentence: -len(GAP.sub("", sentence)))]


def _sentences(folder: Path, language: str) -> list[str]:
    file = folder / to_locale(language) / "LC_MESSAGES" / "django.mo"
    if not file.is_file():
        return []
    with file.open("rb") as stream:
        # Babel leaves the context of a compiled catalogue undecoded.
        return [str(message.id) for message in read_mo(stream) if message.context in {CONTEXT, CONTEXT.encode()}]


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = GAP.split(sentence)
    words = [f"(?P<{part}>.*)" if place % 2 else re.escape(part) for place, part in enumerate(parts)]
    return re.compile("".join(words), re.DOTALL)
