"""What asking a provider about our account brings: `manage.py doctor --live` tells it."""

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """How much an answer matters: WRONG ends the doctor with 1."""

    WELL = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Answer:
    """What one question brought, in a sentence or two."""

    kind: Kind
    sentence: str

    @property
    def is_wrong(self) -> bool:
        """Whether something must be mended."""
        return self.kind is Kind.WRONG
