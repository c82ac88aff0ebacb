"""The reckoning: what was said, what the record holds and what each client saw, compared."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.chat_proof.plan import Line

JSON = dict[str, Any]
# [number, sender's member id or null, client key or null, text or null]
Row = list[Any]


@dataclass(frozen=True)
class Seen:
    """What one client was told: its log (number, sender, key, text), the number acknowledged for each key, and what it noticed itself."""

    name: str
    member: str
    conversation: str
    lines: list[Line]
    log: list[Row]
    acks: dict[str, int]
    gaps: int = 0
    false_lives: int = 0


@dataclass(frozen=True)
class Verdict:
    """`sent` and `stored` messages; `faults` must all be zero; `same`: clients that saw exactly the record, of so many."""

    sent: int
    stored: int
    faults: dict[str, int]
    same: int
    clients: int

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, doubled, changed or out of order, and everybody saw the same."""
        return not any(self.faults.values()) and self.same == self.clients and self.sent == self.stored


def judge(seen: list[Seen], record: dict[str, list[Row]]) -> Verdict:
    """Compare. `record`: the events of each conversation, by number, as the tables hold them."""
    said = {line.key: (one, line) for one in seen for line in one.lines}
    found: dict[str, list[tuple[str, Row]]] = {}
    for conversation, rows in record.items():
        for row in rows:
            if row[3] is not None:
                found.setdefault(str(row[2]), []).append((conversation, row))
    stored = {key: rows[0] for key, rows in found.items() if key in said}
    texts = Counter(row[3] for rows in found.values() for _conversation, row in rows)
    changed = [key for key, (place, row) in stored.items() if (place, row[1], row[3]) != _meant(*said[key])]
    faults = {
        "lost": len(said.keys() - stored.keys()),
        "doubled": sum(count - 1 for count in texts.values()),
        "changed, or in another's name": len(changed),
        "said by nobody": len(found.keys() - said.keys()),
        "out of order": sum(_out_of_order(one, stored) for one in seen),
        "gaps in the record": sum(row[0] != number for rows in record.values() for number, row in enumerate(rows, 1)),
        "gaps that clients saw": sum(one.gaps for one in seen),
        "told to be live too early": sum(one.false_lives for one in seen),
        "acknowledged under a wrong number": sum(
            one.acks.get(line.key) != stored[line.key][1][0] for one in seen for line in one.lines if line.key in stored
        ),
    }
    same = sum(one.log == record[one.conversation] for one in seen)
    return Verdict(len(said), len(stored), faults, same, len(seen))


def _meant(one: Seen, line: Line) -> tuple[str, str, str]:
    return one.conversation, one.member, line.text


def _out_of_order(one: Seen, stored: dict[str, tuple[str, Row]]) -> int:
    """How many of a sender's messages stand before one that they had sent earlier."""
    numbers = [stored[line.key][1][0] for line in one.lines if line.key in stored]
    return sum(later < earlier for earlier, later in pairwise(numbers))
