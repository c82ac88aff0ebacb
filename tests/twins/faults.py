"""The fault dial: which calls go wrong, how, how often. Seeded, so that a run can be repeated.

    faults.load({
        "vonage.create_event": [{"fault": "lost_reply", "times": 1}],
        "brevo.*": [{"fault": "status", "status": 500, "probability": 0.1}, {"fault": "reset", "probability": 0.05}],
        "GET /v1/conversations*": [{"fault": "latency", "ms": 80, "jitter_ms": 20}],
    })

A pattern is matched (with * and ?) against the operation's name and against "METHOD /path". The faults of one pattern share
one throw of the dice, so 10 % and 5 % are 15 % together and never both; a fault that is used up (`times`) leaves its place to
the next one, so a list is also a sequence. `latency` is thrown by itself and goes together with any other fault.
"""

import fnmatch
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

# Fault -> (how the connection is left, whether the work is done first), see `Reply` for the manners.
FAULTS: dict[str, tuple[str, bool]] = {
    "latency": ("answer", True),
    "status": ("answer", False),  # `status`, `code`, `body`, `headers`; in the provider's own error shape unless `body` is given
    "rate_limited": ("answer", False),  # 429; with the provider's headers when `reset` (seconds) is given
    "html_502": ("answer", False),  # a gateway's page
    "reset": ("reset", False),  # RST before the work
    "close": ("close", False),  # FIN before the work
    "hang": ("hang", False),
    "reset_after": ("reset", True),  # RST after the work
    "lost_reply": ("close", True),  # the work is done, the connection is closed without an answer
    "hang_after": ("hang", True),
    "late_work": ("hang", False),  # no answer, and the work is done `ms` after the question all the same
    "malformed": ("answer", True),  # the right status, a body that is no JSON
    "cut_json": ("answer", True),  # half of the JSON with a Content-Length that fits
    "cut_body": ("cut", True),  # half of the promised bytes, then the end
    "empty_200": ("answer", True),
    "close_after": ("last", True),  # a good answer, then the connection is closed although the client may reuse it
}


class FaultError(ValueError):
    """A fault is described wrongly."""


@dataclass
class Fault:
    """One way to fail. `probability` 0..1; `times` how often at most; `skip` how many matching calls go well first;
    `contains` only calls whose body has this text; `work` overrides whether the work is done."""

    fault: str
    probability: float = 1.0
    times: int | None = None
    skip: int = 0
    contains: str = ""
    work: bool | None = None
    status: int = 500
    code: str = ""
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    reset: float | None = None
    ms: float = 0
    jitter_ms: float = 0
    seen: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise FaultError(f"unknown fault {self.fault!r}; known: {', '.join(FAULTS)}")
        if not 0 <= self.probability <= 1:
            raise FaultError(f"probability {self.probability} is not within 0..1")

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> "Fault":
        unknown = set(described) - {item.name for item in fields(cls)}
        if unknown:
            raise FaultError(f"unknown fault setting: {', '.join(sorted(unknown))}")
        return cls(**described)

    @property
    def manner(self) -> str:
        return FAULTS[self.fault][0]

    @property
    def does_work(self) -> bool:
        return FAULTS[self.fault][1] if self.work is None else self.work

    def is_open_to(self, body: bytes) -> bool:
        """Whether this call could be hit; counts the calls that are to be skipped."""
        if self.contains and self.contains.encode() not in body:
            return False
        self.seen += 1
        return self.seen > self.skip and (self.times is None or self.hits < self.times)


@dataclass(frozen=True)
class Plan:
    """What will happen to one call."""

    delay_seconds: float = 0
    fault: Fault | None = None


class Faults:
    """The dial of one twin. Not locked: the twin asks from one thread, and setting replaces a whole list at once."""

    def __init__(self, seed: int = 0) -> None:
        self._rules: dict[str, list[Fault]] = {}
        self.seed(seed)

    def seed(self, seed: int) -> None:
        self._random = random.Random(seed)

    def set(self, pattern: str, *faults: Fault | Mapping[str, Any]) -> None:
        """Replaces what was set for this pattern; no faults = the pattern is forgotten."""
        rules = {key: value for key, value in self._rules.items() if key != pattern}
        if faults:
            rules[pattern] = [fault if isinstance(fault, Fault) else Fault.from_json(fault) for fault in faults]
        self._rules = rules

    def load(self, rules: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Replaces everything. Raises FaultError and changes nothing when one description is wrong."""
        self._rules = {pattern: [Fault.from_json(described) for described in faults] for pattern, faults in rules.items()}

    def clear(self) -> None:
        self._rules = {}

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        return {pattern: [asdict(fault) for fault in faults] for pattern, faults in self._rules.items()}

    def plan(self, *, operation: str, line: str, body: bytes) -> Plan:
        delay_ms, chosen = 0.0, None
        for pattern, faults in self._rules.items():
            if not (fnmatch.fnmatchcase(operation, pattern) or fnmatch.fnmatchcase(line, pattern)):
                continue
            dice = self._random.random()
            for fault in faults:
                if not fault.is_open_to(body):
                    continue
                if fault.fault == "latency":
                    delay_ms += self._throw_latency(fault)
                elif chosen is None and dice < fault.probability:
                    fault.hits += 1
                    chosen = fault
                else:
                    dice -= fault.probability
        return Plan(delay_ms / 1000, chosen)

    def _throw_latency(self, fault: Fault) -> float:
        if self._random.random() >= fault.probability:
            return 0.0
        fault.hits += 1
        return max(0.0, fault.ms + self._random.uniform(-fault.jitter_ms, fault.jitter_ms))
