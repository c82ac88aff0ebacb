"""The reckoning: what clients were told, what the twins really did, and what the database says, compared into one table."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.chaos.clients import Told
from tests.chaos.plan import Wanted

JSON = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """Everything that is compared. `ours`: `tests.chaos.inside.audit`; the rest is the twins' own account."""

    ours: JSON
    mails: list[JSON]
    copies: list[JSON]
    conversations: list[JSON]


@dataclass(frozen=True)
class Verdict:
    """The counts that must be zero (`faults`), and those that only tell (`figures`); `examples` of what is wrong."""

    faults: dict[str, int]
    figures: dict[str, str]
    examples: list[str]

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, doubled, unknown or left behind."""
        return not any(self.faults.values())


def judge(wanted: list[Wanted], told: Told, found: Found) -> Verdict:
    """Compare. An order counts as accepted once a client was told so, whatever happened to the process that said it."""
    mails, events, copies = _mails(found), _events(found), _copies(found)
    states: dict[int, set[str]] = {}
    for row in found.ours["confirmations"]:
        states.setdefault(row["order_id"], set()).add(row["state"])
    stored, accepted = found.ours["orders"], told.numbers.values()
    moves = {told.numbers[order.external_id]: list(order.moves) for order in wanted if order.external_id in told.numbers}
    entered = {number for name, number in told.numbers.items() if stored.get(str(number)) == name}
    lost = [number for number in accepted if not (number in entered and mails[number] and events[number] and copies[number])]
    twice = [number for number in mails.keys() | events.keys() if mails[number] > 1 or events[number] > 1]
    keys = Counter(str(mail["key"]) for mail in found.mails)
    of_kinds = found.ours["rows"].values()
    faults = {
        "orders lost": len(lost),
        "orders that nobody was told of": len(set(stored.values()) - {""} - told.numbers.keys()),
        "mails doubled at the provider, by order": _doubled(mails),
        "mails doubled at the provider, by key": _doubled(keys),
        "events doubled in our conversation": _doubled(events),
        "events doubled at Vonage": _doubled(copies),
        "orders doubled for the customer": len(twice),
        "orders whose chat tells of other moves": _differing(moves, found.ours["moves"]),
        "orders whose copy at Vonage tells of other moves": _differing(moves, _copied_moves(found)),
        "orders entered twice": _doubled(Counter(stored.values())),
        "conversations with a gap or a double at Vonage": found.ours["gaps"] + _doubled(Counter(c["name"] for c in found.conversations)),
        "rows whose outcome is unknown": sum(kind["unknown"] for kind in of_kinds),
        "rows failed": sum(kind["states"].get("failed", 0) for kind in of_kinds),
        "rows not ended": sum(kind["states"].get("waiting", 0) for kind in of_kinds),
    }
    figures = {
        "orders wanted": str(len(wanted)),
        "orders accepted": str(len(accepted)),
        "orders confirmed": str(sum(states.get(number) == {"done"} and number not in lost for number in accepted)),
    }
    examples = [
        f"order {number}: {mails[number]} mails, {events[number]} events, {copies[number]} copies" for number in (lost + twice)[:10]
    ]
    examples += [f"{name}: {kind}" for name, kind in found.ours["rows"].items() if kind["errors"]]
    return Verdict(faults, figures | _waits(accepted, found), examples)


def _mails(found: Found) -> Counter[int]:
    tags = [tag.removeprefix("order-") for mail in found.mails for tag in mail["tags"] if tag.startswith("order-")]
    return Counter(int(tag) for tag in tags if tag.isdecimal())


def _events(found: Found) -> Counter[int]:
    counts: Counter[int] = Counter()
    for number, _version, count in found.ours["events"]:
        counts[int(number)] += int(count)
    return counts


def _copies(found: Found) -> Counter[int]:
    return Counter(int(event["body"]["id"]) for event in found.copies if event["type"] == "custom:order-confirm-event")


def _copied_moves(found: Found) -> list[list[Any]]:
    moved = [event["body"] for event in found.copies if event["type"] == "custom:order-status-event"]
    return [[body["id"], body["status"]] for body in moved]


def _differing(moves: dict[int, list[str]], told: list[list[Any]]) -> int:
    """How many orders have other moves than these, or in another order, or one twice."""
    said: dict[int, list[str]] = {}
    for number, status in told:
        said.setdefault(int(number), []).append(str(status))
    return sum(moves.get(number, []) != said.get(number, []) for number in moves.keys() | said.keys())


def _doubled(counts: "Counter[Any]") -> int:
    return sum(count > 1 for name, count in counts.items() if name != "")


def _waits(numbers: Iterable[int], found: Found) -> dict[str, str]:
    """From the order's commit to its mail at the provider."""
    sent: dict[str, float] = {}
    for mail in found.mails:
        for tag in mail["tags"]:
            sent.setdefault(tag, mail["at"])
    saved = {int(number): at for number, at in found.ours["saved_at"].items()}
    waits = sorted(sent[f"order-{number}"] - saved[number] for number in numbers if f"order-{number}" in sent and number in saved)
    kinds = found.ours["rows"]
    attempts = ", ".join(f"{kind['attempts']} {name} (most {kind['most']})" for name, kind in kinds.items() if kind["attempts"])
    if not waits:
        return {"attempts": attempts}
    middle, worst = waits[len(waits) // 2], waits[-1]
    return {"wait from order to mail": f"median {middle:.1f} s, longest {worst:.1f} s", "attempts": attempts}
