"""The free JSON that a shop keeps with an order: any object that every engine stores and every program reads back."""

import json
import math
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.storable import is_storable

MOST_LEVELS = 32
MOST_BYTES = 64_000


def check(value: Any) -> None:
    """Raise ValidationError with the code `not_an_object`, `too_deep`, `bad_text`, `bad_number` or `too_large`."""
    if not isinstance(value, dict):
        raise ValidationError(_('Write a JSON object, such as {"gift": true}.'), code="not_an_object")
    _check_part(value, level=1)
    if len(json.dumps(value, ensure_ascii=False).encode()) > MOST_BYTES:
        raise ValidationError(_("The data is too large. It may have %(bytes)d bytes."), code="too_large", params={"bytes": MOST_BYTES})


def _check_part(value: Any, *, level: int) -> None:
    if level > MOST_LEVELS:
        raise ValidationError(_("The data is nested too deep."), code="too_deep")
    if isinstance(value, str):
        if not is_storable(value):
            raise ValidationError(_("The data holds characters that can't be stored."), code="bad_text")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValidationError(_("The data holds a number that JSON does not know."), code="bad_number")
    elif isinstance(value, dict | list):
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            _check_part(part, level=level + 1)
