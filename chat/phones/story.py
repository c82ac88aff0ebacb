"""What the news of a call's two phones comes to, and how it is told.

News comes late, twice and in any order, so a call is never moved on from where it stood: its stage is read anew from all reports that
are there, and only a later stage than the one told last is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from chat.models import JSON
from chat.phones.models import CallReport, Progress, Side

ENDED = {
    Progress.COMPLETED,
    Progress.BUSY,
    Progress.FAILED,
    Progress.TIMEOUT,
    Progress.UNANSWERED,
    Progress.REJECTED,
    Progress.CANCELLED,
}
# What a leg goes through, and with it the call: the agent's phone first, then the customer's.
OF_LEG = (Progress.STARTED, Progress.RINGING, Progress.ANSWERED)
OF_CALL = (
    (Progress.REQUESTED, Side.AGENT),
    (Progress.STARTED, Side.AGENT),
    (Progress.RINGING, Side.AGENT),
    (Progress.ANSWERED, Side.AGENT),
    (Progress.RINGING, Side.CUSTOMER),
    (Progress.ANSWERED, Side.CUSTOMER),
)


@dataclass(frozen=True)
class Stage:
    """How far a call is. `seconds`: how long both talked, once that is known. `may_change`: news of the other phone is still missing."""

    progress: Progress
    side: Side
    seconds: int | None = None
    may_change: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing comes after it."""
        return self.progress in ENDED

    @property
    def place(self) -> int:
        """How far along it is."""
        return len(OF_CALL) if self.has_ended else OF_CALL.index((self.progress, self.side))

    def is_after(self, other: "Stage") -> bool:
        """Whether the call got further; after an end there is nothing."""
        return self.place > other.place


def stage_of(reports: Iterable[CallReport]) -> Stage | None:
    """The stage that all reports of one call come to, in whatever order they came; None where they tell nothing."""
    told = list(reports)
    agent, customer = _furthest(told, Side.AGENT), _furthest(told, Side.CUSTOMER)
    if customer and customer.status in ENDED:
        seconds = customer.seconds if customer.status == Progress.COMPLETED else None
        return Stage(Progress(customer.status), Side.CUSTOMER, seconds)
    if agent and agent.status in ENDED:
        return _ended_by_agent(agent, customer)
    if customer and customer.status != Progress.STARTED:
        return Stage(Progress(customer.status), Side.CUSTOMER)
    if customer:
        return Stage(Progress.ANSWERED, Side.AGENT)  # the customer's phone is called for no other reason
    return Stage(Progress(agent.status), Side.AGENT) if agent else None


def in_words(body: JSON, *, role: str, customer: str) -> dict[str, str]:
    """A call's card in the active language, for the party of that role: `title`, `text`, and `length` ("" where none is known)."""
    agent, seconds = _agent(body), body.get("seconds")
    title = _("Call with %(agent)s") if role == "customer" else _("%(agent)s's call with %(customer)s")
    minutes, rest = divmod(seconds, 60) if isinstance(seconds, int) else (0, 0)
    length = _("%(minutes)d min %(seconds)d s") if minutes else _("%(seconds)d s") if rest else ""
    return {
        "title": title % {"agent": agent, "customer": customer} if agent else _("Call"),
        "text": sentence(body, role=role, customer=customer),
        "length": length % {"minutes": minutes, "seconds": rest},
    }


def sentence(body: JSON, *, role: str, customer: str) -> str:
    """The body of a call's event in words, in the active language, for the party of that role. `customer`: their name."""
    names = {"agent": _agent(body) or _("our agent"), "customer": customer}
    return (_under_way(str(body.get("state")), str(body.get("side")), role) or _ending(str(body.get("state")))) % names


def _agent(body: JSON) -> str:
    agent = body.get("agent")
    return str(agent.get("display_name", "")) if isinstance(agent, dict) else ""


def _ended_by_agent(agent: CallReport, customer: CallReport | None) -> Stage:
    """The agent's phone went down and the customer's is not known to have done so."""
    if agent.status != Progress.COMPLETED:
        return Stage(Progress(agent.status), Side.AGENT)
    if customer and customer.status == Progress.ANSWERED:
        return Stage(Progress.COMPLETED, Side.CUSTOMER, may_change=True)
    return Stage(Progress.CANCELLED, Side.AGENT, may_change=True)


def _furthest(reports: list[CallReport], side: Side) -> CallReport | None:
    of_side = [report for report in reports if report.side == side]
    ended = [report for report in of_side if report.status in ENDED]
    if ended:
        return min(ended, key=lambda report: report.pk)
    known = [report for report in of_side if report.status in OF_LEG]
    return max(known, key=lambda report: OF_LEG.index(Progress(report.status)), default=None)


def _under_way(state: str, side: str, role: str) -> str:
    if state == Progress.REQUESTED:
        return _("We are placing the call.")
    if state not in OF_LEG:
        return ""
    if side == Side.AGENT and state != Progress.ANSWERED:
        return _("We are ringing %(agent)s.")
    if side == Side.CUSTOMER and state == Progress.ANSWERED:
        return _("You are talking with %(agent)s.") if role == "customer" else _("%(agent)s and %(customer)s are talking.")
    if role == "customer":
        return _("%(agent)s has picked up. Now your phone rings.")
    return _("%(agent)s has picked up. Now %(customer)s's phone rings.")


def _ending(state: str) -> str:
    sentences: dict[str, str] = {
        Progress.COMPLETED: _("The call is over."),
        Progress.BUSY: _("The line was busy."),
        Progress.REJECTED: _("The call was declined."),
        Progress.UNANSWERED: _("Nobody picked up."),
        Progress.TIMEOUT: _("Nobody picked up."),
        Progress.CANCELLED: _("The call ended before both had picked up."),
    }
    return sentences.get(state, _("The call failed. Please try again, or write to us here."))
