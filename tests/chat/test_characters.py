"""Where words are cut."""

import pytest

from chat.characters import cut


@pytest.mark.parametrize(
    ("words", "most", "expected"),
    [
        ("Alice", 5, "Alice"),
        ("Alice Martin", 5, "Alice"),
        ("a🎉b", 2, "a"),
        ("a🎉b", 3, "a🎉"),
        ("ae\u0301b", 2, "a"),
        ("a👩\u200d👩\u200d👧b", 6, "a"),
        ("a👍🏽b", 3, "a"),
        ("🇩🇪🇫🇷", 6, "🇩🇪"),
        ("🇩🇪🇫🇷", 3, ""),
        ("❤\ufe0fx", 1, ""),
        ("李小明先生", 3, "李小明"),
    ],
)
def test_words_are_cut_between_characters_as_people_see_them(words: str, most: int, expected: str) -> None:
    assert cut(words, most) == expected
