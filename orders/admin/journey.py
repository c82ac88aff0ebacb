"""Whether a customer was told of their order, in words: one line for the list, a sentence and three steps for the page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from babel import Locale
from babel.dates import format_skeleton
from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language, ngettext, to_locale
from django.utils.translation import gettext as _

from accounts.models import User
from chat.outbox import State
from orders.models import Order, OrderConfirmation, Status

# A row that is due and that nobody takes for so long tells of a worker that isn't there.
PATIENCE = timedelta(seconds=30)
LONGEST_REASON = 60


class Condition(Enum):
    """How far the telling is: the tone its words are shown in, and their icon."""

    DRAFT = ("quiet", "draft")
    NOBODY = ("quiet", "cancelled")
    BEGUN = ("busy", "clock")
    STALLED = ("warn", "alert")
    LATE = ("warn", "clock")
    UNKNOWN = ("warn", "alert")
    FAILED = ("bad", "alert")
    TAKEN_BACK = ("quiet", "cancelled")
    TOLD = ("ok", "confirmed")

    @property
    def tone(self) -> str:
        """`ok`, `quiet`, `busy`, `warn` or `bad`."""
        return self.value[0]

    @property
    def icon(self) -> str:
        """The icon's name in `chat/icons.svg`."""
        return self.value[1]


@dataclass(frozen=True)
class Told:
    """What one confirmation (or its absence) says of an order."""

    order: Order
    row: OrderConfirmation | None
    condition: Condition

    @property
    def is_moving(self) -> bool:
        """Whether a look some seconds later may say something else."""
        return bool(self.row and self.row.state == State.WAITING)

    @property
    def is_open(self) -> bool:
        """Whether a step is still missing that somebody, or we, will do."""
        return self.is_moving or self.condition is Condition.FAILED

    @property
    def brief(self) -> str:
        """For the list: "told 14:03", "2 of 3 steps, tries again 14:05", "failed: no mail address"."""
        return BRIEF[self.condition](self.row)

    @property
    def sentence(self) -> str:
        """For the page: "Anna was told at 14:03."."""
        return SENTENCE[self.condition](self.row) % _facts(self.order, self.row)

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The three steps: each {"words", "at", "is_next"}; `is_next` is the one that the attempts and the error are about."""
        stamps = _stamps(self.row)
        following = stamps.index(None) if self.is_open and None in stamps else None
        words = [_("conversation opened"), _("event added"), _("mail sent")]
        return [{"words": words[place], "at": moment(at) if at else "", "is_next": place == following} for place, at in enumerate(stamps)]

    @property
    def attempts(self) -> str:
        """How often it was tried, and when again."""
        if self.row is None:
            return ""
        words = ngettext("%d attempt", "%d attempts", self.row.attempts) % self.row.attempts
        if self.condition in {Condition.LATE, Condition.UNKNOWN}:
            words += " · " + _("tries again %s") % moment(self.row.next_attempt_at)
        return words

    @property
    def error(self) -> str:
        """What went wrong last, in a sentence; empty once all is well."""
        return self.row.last_error if self.row and self.row.state != State.DONE else ""


def told(order: Order) -> list[Told]:
    """What each telling of the order says, the latest first; never empty. Reads `order.confirmations`, so prefetch them for many."""
    rows = sorted(order.confirmations.all(), key=lambda row: -row.version)
    return [Told(order, row, _condition(order, row)) for row in rows] or [Told(order, None, _condition(order, None))]


def address(customer: User) -> str:
    """Where mails for this customer go; empty where there is no address."""
    return settings.SENDINBLUE_TO_EMAIL or customer.email


def moment(at: datetime) -> str:
    """A time as people say it: 14:03 today, Nov 22 14:03 this year, Nov 22, 2025 before that."""
    local, today = timezone.localtime(at), timezone.localdate()
    locale = Locale.parse(to_locale(get_language() or "en"))
    if local.date() == today:
        return f"{local:%H:%M}"
    if local.year == today.year:
        return f"{format_skeleton('MMMd', local.date(), locale=locale)} {local:%H:%M}"
    return str(format_skeleton("yMMMd", local.date(), locale=locale))


def _condition(order: Order, row: OrderConfirmation | None) -> Condition:
    if row is None:
        return Condition.DRAFT if order.status == Status.DRAFT else Condition.NOBODY
    ended = {State.DONE: Condition.TOLD, State.FAILED: Condition.FAILED, State.CANCELLED: Condition.TAKEN_BACK}
    if row.state in ended:
        return ended[State(row.state)]
    now = timezone.now()
    if row.next_attempt_at < now - PATIENCE:
        return Condition.STALLED
    if row.lease_token or row.next_attempt_at <= now:
        return Condition.BEGUN
    return Condition.UNKNOWN if row.is_unknown else Condition.LATE


def _stamps(row: OrderConfirmation | None) -> list[datetime | None]:
    return [row.conversation_opened_at, row.event_added_at, row.mail_sent_at] if row else [None, None, None]


def _reason(row: OrderConfirmation) -> str:
    """The error in a few words; a provider's sentence is cut."""
    known = {"no_address": _("no mail address")}
    words = known.get(row.error_code, row.last_error.rstrip("."))
    return words if len(words) <= LONGEST_REASON else words[: LONGEST_REASON - 1] + "…"


def _facts(order: Order, row: OrderConfirmation | None) -> dict[str, Any]:
    if row is None:
        return {"name": order.customer.display_name}
    return {
        "name": order.customer.display_name,
        "done": sum(stamp is not None for stamp in _stamps(row)),
        "at": moment(row.mail_sent_at or row.finished_at or row.created_at),
        "next": moment(row.next_attempt_at),
    }


def _late(row: OrderConfirmation) -> str:
    done = sum(stamp is not None for stamp in _stamps(row))
    return _("%(done)d of 3 steps, tries again %(next)s") % {"done": done, "next": moment(row.next_attempt_at)}


Words = Callable[[Any], str]

BRIEF: dict[Condition, Words] = {
    Condition.DRAFT: lambda row: _("nobody is told yet"),
    Condition.NOBODY: lambda row: _("nobody was told"),
    Condition.BEGUN: lambda row: _("being told"),
    Condition.STALLED: lambda row: _("waiting since %s") % moment(row.next_attempt_at),
    Condition.LATE: _late,
    Condition.UNKNOWN: lambda row: _("unknown, asks again %s") % moment(row.next_attempt_at),
    Condition.FAILED: lambda row: _("failed: %s") % _reason(row),
    Condition.TAKEN_BACK: lambda row: _("not told"),
    Condition.TOLD: lambda row: _("told %s") % moment(row.mail_sent_at or row.finished_at),
}
SENTENCE: dict[Condition, Words] = {
    Condition.DRAFT: lambda row: _("This is a draft. %(name)s is told once it is placed."),
    Condition.NOBODY: lambda row: _("%(name)s was not told of this order."),
    Condition.BEGUN: lambda row: _("%(name)s is being told right now."),
    Condition.STALLED: lambda row: _("%(name)s waits to be told since %(next)s, and nobody works on it. Is a worker running?"),
    Condition.LATE: lambda row: _("%(name)s is not told yet: %(done)d of 3 steps are done. We try again at %(next)s."),
    Condition.UNKNOWN: lambda row: _("We don't know yet whether the mail to %(name)s left. We ask again at %(next)s."),
    Condition.FAILED: lambda row: _("%(name)s could not be told."),
    Condition.TAKEN_BACK: lambda row: _("%(name)s was not told: the order was taken back before."),
    Condition.TOLD: lambda row: _("%(name)s was told again at %(at)s.") if row.version > 1 else _("%(name)s was told at %(at)s."),
}
