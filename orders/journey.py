"""Whether a customer was told of their order, in words: one line for the list, a sentence and three steps for the page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from babel import Locale
from babel.dates import format_skeleton
from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, ngettext, to_locale
from django.utils.translation import gettext as _

from accounts.models import User
from chat.outbox import State
from orders.delivery import Delivery
from orders.models import Order, OrderConfirmation, Status

# A row that is due and that nobody takes for so long tells of a worker that isn't there.
PATIENCE = timedelta(seconds=30)
LONGEST_REASON = 60
# The provider took the mail, and yet the customer doesn't know.
RETURNED = {Delivery.BOUNCED, Delivery.BLOCKED, Delivery.FAILED, Delivery.SPAM}
# In the order in which a clerk cares.
TOLD_STATES = {
    "failed": gettext_lazy("failed"),
    "returned": gettext_lazy("mail returned"),
    "unknown": gettext_lazy("outcome unknown"),
    "waiting": gettext_lazy("not told yet"),
    "done": gettext_lazy("told"),
    "nobody": gettext_lazy("nobody was told"),
}
OPENED = {Delivery.OPENED, Delivery.CLICKED}


class Condition(Enum):
    """How far the telling is."""

    DRAFT = auto()
    NOBODY = auto()
    BEGUN = auto()
    STALLED = auto()
    LATE = auto()
    UNKNOWN = auto()
    FAILED = auto()
    UNSURE = auto()
    TAKEN_BACK = auto()
    RETURNED = auto()
    TOLD = auto()


# The tone of the words (`ok`, `quiet`, `busy`, `warn` or `bad`) and their icon in `chat/icons.svg`.
LOOKS = {
    Condition.DRAFT: ("quiet", "draft"),
    Condition.NOBODY: ("quiet", "cancelled"),
    Condition.BEGUN: ("busy", "clock"),
    Condition.STALLED: ("warn", "alert"),
    Condition.LATE: ("warn", "clock"),
    Condition.UNKNOWN: ("warn", "alert"),
    Condition.FAILED: ("bad", "alert"),
    Condition.UNSURE: ("bad", "alert"),
    Condition.TAKEN_BACK: ("quiet", "cancelled"),
    Condition.RETURNED: ("bad", "alert"),
    Condition.TOLD: ("ok", "confirmed"),
}


@dataclass(frozen=True)
class Told:
    """What one confirmation (or its absence) says of an order."""

    order: Order
    row: OrderConfirmation | None
    condition: Condition

    @property
    def code(self) -> str:
        """The same for programs: "told", "failed", "late"…, listed in docs/api.md."""
        return self.condition.name.lower()

    @property
    def tone(self) -> str:
        """How the words look."""
        return LOOKS[self.condition][0]

    @property
    def icon(self) -> str:
        """What stands before them."""
        return LOOKS[self.condition][1]

    @property
    def is_moving(self) -> bool:
        """Whether a look some seconds later may say something else."""
        return bool(self.row and self.row.state == State.WAITING)

    @property
    def is_open(self) -> bool:
        """Whether a step is still missing that somebody, or we, will do."""
        return self.is_moving or self.condition in {Condition.FAILED, Condition.UNSURE}

    @property
    def brief(self) -> str:
        """For the list: "told 14:03", "2 of 3 steps, tries again 14:05", "failed: no mail address"."""
        return str(BRIEF[self.condition]) % _facts(self.order, self.row)

    @property
    def sentence(self) -> str:
        """For the page: "Anna was told at 14:03."."""
        words = SENTENCES[self.condition]
        if self.row and self.condition is Condition.TOLD and self.row.delivery in OPENED:
            words = OPENED_SENTENCE
        elif self.row and self.condition is Condition.TOLD and self.row.version > 1:
            words = AGAIN_SENTENCE
        return str(words) % _facts(self.order, self.row)

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
        if self.row is None or not self.row.attempts:
            return ""
        words = ngettext("%d attempt", "%d attempts", self.row.attempts) % self.row.attempts
        if self.condition in {Condition.LATE, Condition.UNKNOWN}:
            words += " · " + _("tries again %s") % moment(self.row.next_attempt_at)
        return words

    @property
    def delivery(self) -> str:
        """What the mail provider told of the mail; empty while it told nothing."""
        return self.row.delivery_summary() if self.row and self.row.delivery else ""

    @property
    def error(self) -> str:
        """What went wrong last and what helps, in a sentence; empty once all is well."""
        if self.condition is Condition.RETURNED:
            return _("Check the customer's mail address, then press “Resend”.")
        return self.row.error_in_words() if self.row and self.row.state != State.DONE else ""


def told(order: Order) -> list[Told]:
    """What each telling of the order says, the latest first; never empty. Reads `order.confirmations`, so prefetch them for many."""
    rows = sorted(order.confirmations.all(), key=lambda row: -row.version)
    return [Told(order, row, _condition(order, row)) for row in rows] or [Told(order, None, _condition(order, None))]


def by_told(orders: QuerySet[Order], value: str) -> QuerySet[Order]:
    """Orders by how their latest confirmation stands: one of TOLD_STATES. The order's version is that of its latest confirmation."""
    latest = Q(confirmations__version=F("version"))
    if value == "nobody":
        return orders.filter(Q(confirmations=None) | latest & Q(confirmations__state=State.CANCELLED))
    if value == "unknown":
        return orders.filter(latest, confirmations__is_unknown=True)
    if value == "returned":
        return orders.filter(latest, confirmations__delivery__in=RETURNED)
    return orders.filter(latest, confirmations__state=value)


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
    if row.state == State.DONE and row.delivery in RETURNED:
        return Condition.RETURNED
    if row.state == State.FAILED and row.is_unknown:
        return Condition.UNSURE
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
    words = known.get(row.error_code, row.error_in_words().rstrip(".。"))
    return words if len(words) <= LONGEST_REASON else words[: LONGEST_REASON - 1] + "…"


def _facts(order: Order, row: OrderConfirmation | None) -> dict[str, Any]:
    """What the words below may name."""
    if row is None:
        return {"name": order.customer.display_name}
    return {
        "name": order.customer.display_name,
        "done": sum(stamp is not None for stamp in _stamps(row)),
        "at": moment(row.mail_sent_at or row.finished_at or row.created_at),
        "next": moment(row.next_attempt_at),
        "reason": _reason(row),
        "delivery": row.get_delivery_display(),
    }


BRIEF = {
    Condition.DRAFT: gettext_lazy("nobody is told yet"),
    Condition.NOBODY: gettext_lazy("nobody was told"),
    Condition.BEGUN: gettext_lazy("being told"),
    Condition.STALLED: gettext_lazy("waiting since %(next)s"),
    Condition.LATE: gettext_lazy("%(done)d of 3 steps, tries again %(next)s"),
    Condition.UNKNOWN: gettext_lazy("unknown, asks again %(next)s"),
    Condition.FAILED: gettext_lazy("failed: %(reason)s"),
    Condition.UNSURE: gettext_lazy("unknown, a person must look"),
    Condition.TAKEN_BACK: gettext_lazy("not told"),
    Condition.RETURNED: gettext_lazy("mail %(delivery)s"),
    Condition.TOLD: gettext_lazy("told %(at)s"),
}
SENTENCES = {
    Condition.DRAFT: gettext_lazy("This is a draft. %(name)s is told once it is placed."),
    Condition.NOBODY: gettext_lazy("%(name)s was not told of this order."),
    Condition.BEGUN: gettext_lazy("%(name)s is being told right now."),
    Condition.STALLED: gettext_lazy("%(name)s waits to be told since %(next)s, and nobody works on it. Is a worker running?"),
    Condition.LATE: gettext_lazy("%(name)s is not told yet: %(done)d of 3 steps are done. We try again at %(next)s."),
    Condition.UNKNOWN: gettext_lazy("We don't know yet whether the mail to %(name)s left. We ask again at %(next)s."),
    Condition.FAILED: gettext_lazy("%(name)s could not be told."),
    Condition.UNSURE: gettext_lazy("We can't tell whether the mail to %(name)s left."),
    Condition.TAKEN_BACK: gettext_lazy("%(name)s was not told: the order was taken back before."),
    Condition.RETURNED: gettext_lazy("%(name)s was mailed at %(at)s, but the mail is %(delivery)s."),
    Condition.TOLD: gettext_lazy("%(name)s was told at %(at)s."),
}
OPENED_SENTENCE = gettext_lazy("%(name)s was told at %(at)s and has opened the mail.")
AGAIN_SENTENCE = gettext_lazy("%(name)s was told again at %(at)s.")
