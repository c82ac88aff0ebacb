"""Vonage's limits, and how our words are made to fit them without breaking a character.

Names 100, display names 50 characters, a custom event's body 4096 bytes: OpenAPI 5.5.1 and
https://developer.vonage.com/en/conversation/guides/custom-events. Lengths are checked by a JavaScript library, which counts
UTF-16 units: an emoji counts two.
"""

import json
import unicodedata
from typing import Any

LONGEST_NAME = 100
LONGEST_DISPLAY_NAME = 50
MOST_BODY_BYTES = 4096
# What a reader of a custom event's body relies on goes last.
KEPT = ("_id", "id", "text")
JOINER = "\u200d"


def cut(words: str, most: int) -> str:
    """`words` within so many UTF-16 units, cut before a character as people see it: never within a flag or before an accent."""
    if _units(words) <= most:
        return words
    end = used = 0
    while end < len(words) and used + _units(words[end]) <= most:
        used += _units(words[end])
        end += 1
    while end > 0 and _belongs_to_the_one_before(words, end):
        end -= 1
    return words[:end]


def fit_body(body: dict[str, Any]) -> dict[str, Any]:
    """A custom event's body within 4096 bytes: lists lose their last items and `<list>_left_out` counts them, then whole keys go,
    the largest first, then the text is cut; `cut` is true where more than list items went. `_id` and `id` always stay.
    """
    fitted = dict(body)
    while size(fitted) > MOST_BODY_BYTES and (name := _longest_list(fitted)):
        fitted[name] = fitted[name][:-1]
        fitted[f"{name}_left_out"] = _number(fitted.get(f"{name}_left_out")) + 1
    while size(fitted) > MOST_BODY_BYTES and (names := [name for name in fitted if name not in KEPT and name != "cut"]):
        del fitted[max(names, key=lambda name: size({name: fitted[name]}))]
        fitted["cut"] = True
    while size(fitted) > MOST_BODY_BYTES and fitted.get("text"):
        fitted["text"], fitted["cut"] = cut(str(fitted["text"]), _units(str(fitted["text"])) * 9 // 10), True
    return fitted


def size(body: dict[str, Any]) -> int:
    """Bytes of `body` as the request carries it (non-ASCII escaped): at least as many as by any other way of counting."""
    return len(json.dumps(body))


def _longest_list(body: dict[str, Any]) -> str | None:
    lists = [name for name, value in body.items() if isinstance(value, list) and value]
    return max(lists, key=lambda name: len(json.dumps(body[name])), default=None)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _units(words: str) -> int:
    return len(words.encode("utf-16-le", "surrogatepass")) // 2


def _belongs_to_the_one_before(words: str, at: int) -> bool:
    """Whether a cut right before `words[at]` would tear a visible character apart."""
    after, before = words[at], words[at - 1]
    if after == JOINER or before == JOINER or unicodedata.category(after) in {"Mn", "Me", "Mc"} or "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    # A flag is a pair of regional letters: an odd number of them before the cut means that it falls within one.
    letters = len(words[:at]) - len(words[:at].rstrip(REGIONAL_LETTERS))
    return after in REGIONAL_LETTERS and letters % 2 == 1


REGIONAL_LETTERS = "".join(chr(code) for code in range(0x1F1E6, 0x1F200))
