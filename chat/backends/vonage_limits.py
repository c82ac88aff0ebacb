"""Vonage's limits, and how our words are made to fit them.

Names 100, display names 50 characters, a custom event's body 4096 bytes: OpenAPI 5.5.1 and
https://developer.vonage.com/en/conversation/guides/custom-events. Lengths are checked by a JavaScript library, which counts
UTF-16 units: an emoji counts two.
"""

import json
from typing import Any

from chat.characters import cut, units

LONGEST_NAME = 100
LONGEST_DISPLAY_NAME = 50
MOST_BODY_BYTES = 4096
# What a reader of a custom event's body relies on goes last.
KEPT = ("_id", "id", "text")


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
        fitted["text"], fitted["cut"] = cut(str(fitted["text"]), units(str(fitted["text"])) * 9 // 10), True
    return fitted


def size(body: dict[str, Any]) -> int:
    """Bytes of `body` as the request carries it (non-ASCII escaped): at least as many as by any other way of counting."""
    return len(json.dumps(body))


def _longest_list(body: dict[str, Any]) -> str | None:
    lists = [name for name, value in body.items() if isinstance(value, list) and value]
    return max(lists, key=lambda name: len(json.dumps(body[name])), default=None)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
