"""Words cut to a provider's limit without breaking a character. Lengths are in UTF-16 units, as JavaScript counts: an emoji is two."""

import unicodedata

JOINER = "\u200d"
REGIONAL_LETTERS = "".join(chr(code) for code in range(0x1F1E6, 0x1F200))


def cut(words: str, most: int) -> str:
    """`words` within so many UTF-16 units, cut before a character as people see it: never within a flag or before an accent."""
    if units(words) <= most:
        return words
    end = used = 0
    while end < len(words) and used + units(words[end]) <= most:
        used += units(words[end])
        end += 1
    while end > 0 and _belongs_to_the_one_before(words, end):
        end -= 1
    return words[:end]


def units(words: str) -> int:
    """How many UTF-16 units the words are."""
    return len(words.encode("utf-16-le", "surrogatepass")) // 2


def _belongs_to_the_one_before(words: str, at: int) -> bool:
    """Whether a cut right before `words[at]` would tear a visible character apart."""
    after, before = words[at], words[at - 1]
    if after == JOINER or before == JOINER or unicodedata.category(after) in {"Mn", "Me", "Mc"} or "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    # A flag is a pair of regional letters: an odd number of them before the cut means that it falls within one.
    letters = len(words[:at]) - len(words[:at].rstrip(REGIONAL_LETTERS))
    return after in REGIONAL_LETTERS and letters % 2 == 1
