"""Whether a customer was told of their order, in words: one line for the list, a sentence and three steps for the page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from chat import formats
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
    "changed": gettext_lazy("changed since"),
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
    CHANGED = auto()
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
    Condition.CHANGED: ("warn", "alert"),
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
        return self._look[0]

    @property
    def icon(self) -> str:
        """What stands before them."""
        return self._look[1]

    @property
    def _look(self) -> tuple[str, str]:
        return LOOKS[Condition.NOBODY if self.is_past_help else self.condition]

    @property
    def is_past_help(self) -> bool:
        """Whether it went wrong with an order that was cancelled, of which nobody is told again."""
        return self.condition in {Condition.FAILED, Condition.UNSURE, Condition.RETURNED} and self.order.status == Status.CANCELLED

    @property
    def is_moving(self) -> bool:
        """Whether a look some seconds later may say something else."""
        return bool(self.row and self.row.state == State.WAITING) and self.condition is not Condition.TAKEN_BACK

    @property
    def is_open(self) -> bool:
        """Whether a step is still missing that somebody, or we, will do."""
        return self.is_moving or (self.condition in {Condition.FAILED, Condition.UNSURE} and not self.is_past_help)

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
        told = str(words) % _facts(self.order, self.row)
        return _("%(told)s The order is cancelled, so nobody is told again.") % {"told": told} if self.is_past_help else told

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The three steps: each {"words", "at", "is_next"}; `is_next` is the one that the attempts and the error are about."""
        stamps = _stamps(self.row)
        following = stamps.index(None) if self.is_open and None in stamps else None
        return [
            {"words": str(words[at is None]), "at": moment(at) if at else "", "is_next": place == following}
            for place, (words, at) in enumerate(zip(STEPS, stamps, strict=True))
        ]

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
        """What went wrong last and what helps, in a sentence; empty once all is well, or where nothing helps any more."""
        if self.condition is Condition.RETURNED and not self.is_past_help:
            return _("Check the customer's mail address, then press “Resend”.")
        return self.row.error_in_words() if self.row and self.row.state != State.DONE and not self.is_past_help else ""

    @property
    def before(self) -> str:
        """For a telling that was not the last."""
        words = BEFORE if self.row and self.row.mail_sent_at else _("Before that: %(brief)s.")
        return str(words) % {"brief": self.brief, **_facts(self.order, self.row)}

    @property
    def is_about_the_address(self) -> bool:
        """Whether another mail address of the customer would help."""
        lacks_one = self.row is not None and self.condition is Condition.FAILED and self.row.error_code == "no_address"
        return not self.is_past_help and (lacks_one or self.condition is Condition.RETURNED)


def told(order: Order) -> list[Told]:
    """What each telling of the order says, the latest first; never empty. Reads `order.confirmations`, so prefetch them for many."""
    rows = sorted(order.confirmations.all(), key=lambda row: -row.version)
    return [Told(order, row, _condition(order, row)) for row in rows] or [Told(order, None, _condition(order, None))]


def by_told(orders: QuerySet[Order], value: str) -> QuerySet[Order]:
    """Orders by how their latest confirmation stands: one of TOLD_STATES. The order's version is that of its latest confirmation."""
    latest = Q(confirmations__version=F("version"))
    # Of a cancelled order nobody is told again, so it would stay with what a clerk has to mend for good.
    standing = ~Q(status=Status.CANCELLED)
    if value == "nobody":
        return orders.filter(Q(confirmations=None) | latest & Q(confirmations__state=State.CANCELLED))
    # What is rare comes first, by an index of its own; by themselves databases would go through all orders in order.
    if value == "unknown":
        unknown = OrderConfirmation.objects.filter(is_unknown=True)
        return orders.filter(latest, standing | Q(confirmations__state=State.WAITING), confirmations__in=unknown)
    if value == "changed":
        ever = Order.objects.filter(articles_changed_at__isnull=False).order_by().values("pk")
        since = Q(pk__in=ever, articles_changed_at__gt=F("confirmations__event_added_at"))
        return orders.filter(latest, standing, since, confirmations__state=State.DONE)
    if value == State.DONE:  # nearly all of them: joined, every one would be sorted before the first is shown
        return orders.filter(Exists(OrderConfirmation.objects.filter(order=OuterRef("pk"), version=OuterRef("version"), state=value)))
    if value == "returned":
        return orders.filter(latest, standing, confirmations__delivery__in=RETURNED)
    return orders.filter(latest, standing if value == State.FAILED else Q(), confirmations__state=value)


def moment(at: datetime) -> str:
    """A time as people say it: 14:03 today, Nov 22, 14:03 this year, Nov 22, 2025 before that."""
    local, today = timezone.localtime(at), timezone.localdate()
    if local.year == today.year and local.date() != today:
        return date_format(local, pgettext("a moment of this year, a date format", "M j, H:i"))
    return formats.day_or_time(at)


def _condition(order: Order, row: OrderConfirmation | None) -> Condition:
    if row is None:
        return Condition.DRAFT if order.status == Status.DRAFT else Condition.NOBODY
    ended = {State.DONE: Condition.TOLD, State.FAILED: Condition.FAILED, State.CANCELLED: Condition.TAKEN_BACK}
    if row.state == State.DONE and row.delivery in RETURNED:
        return Condition.RETURNED
    if row.state == State.FAILED and row.is_unknown:
        return Condition.UNSURE
    if row.state == State.DONE and _is_changed_since(order, row):
        return Condition.CHANGED
    if row.state in ended:
        return ended[State(row.state)]
    if row.is_taken_back:
        # The worker has yet to see it, and will do no more than write it down.
        return Condition.TAKEN_BACK
    now = timezone.now()
    if row.next_attempt_at < now - PATIENCE:
        return Condition.STALLED
    if row.lease_token or row.next_attempt_at <= now:
        return Condition.BEGUN
    return Condition.UNKNOWN if row.is_unknown else Condition.LATE


def _is_changed_since(order: Order, row: OrderConfirmation) -> bool:
    """Whether the customer knows other articles or prices. Nobody is told again of what was cancelled."""
    changed_at, told_at = order.articles_changed_at, row.event_added_at
    return bool(changed_at and told_at and changed_at > told_at) and order.status != Status.CANCELLED


def _stamps(row: OrderConfirmation | None) -> list[datetime | None]:
    return [row.conversation_opened_at, row.event_added_at, row.mail_sent_at] if row else [None, None, None]


def _reason(row: OrderConfirmation) -> str:
    """The error in a few words; a provider's sentence is cut."""
    words = _("no mail address") if row.error_code == "no_address" else row.error_in_words().rstrip(".。")
    return words if len(words) <= LONGEST_REASON else words[: LONGEST_REASON - 1] + "…"


def _facts(order: Order, row: OrderConfirmation | None) -> dict[str, Any]:
    """What the words below may name."""
    if row is None:
        return {"name": order.customer.display_name}
    return {
        "name": order.customer.display_name,
        "done": sum(stamp is not None for stamp in _stamps(row)),
        "at": moment(row.mail_sent_at or row.finished_at or row.created_at),
        "changed": moment(order.articles_changed_at) if order.articles_changed_at else "",
        "next": moment(row.next_attempt_at),
        "reason": _reason(row),
        "delivery": row.get_delivery_display(),
    }


# Each as it is called once it is done, and before.
STEPS = (
    (gettext_lazy("conversation opened"), gettext_lazy("conversation not opened")),
    (gettext_lazy("event added"), gettext_lazy("event not added")),
    (gettext_lazy("mail sent"), gettext_lazy("mail not sent")),
)
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
    Condition.CHANGED: gettext_lazy("told %(at)s, changed since"),
    Condition.TOLD: gettext_lazy("told %(at)s"),
}
SENTENCES = {
    Condition.DRAFT: gettext_lazy("This is a draft. %(name)s is told once it is placed."),
    Condition.NOBODY: gettext_lazy("%(name)s was not told of this order."),
    Condition.BEGUN: gettext_lazy("%(name)s is being told right now."),
    Condition.STALLED: gettext_lazy("%(name)s has waited to be told since %(next)s: other orders are before it, or no worker is running."),
    Condition.LATE: gettext_lazy("%(name)s is not told yet: %(done)d of 3 steps are done. We try again at %(next)s."),
    Condition.UNKNOWN: gettext_lazy("We don't know yet whether the mail to %(name)s left. We ask again at %(next)s."),
    Condition.FAILED: gettext_lazy("%(name)s could not be told."),
    Condition.UNSURE: gettext_lazy("We can't tell whether the mail to %(name)s left."),
    Condition.TAKEN_BACK: gettext_lazy("%(name)s was not told: the order was taken back before."),
    Condition.RETURNED: gettext_lazy("%(name)s was mailed at %(at)s, but the mail is %(delivery)s."),
    Condition.CHANGED: gettext_lazy("%(name)s was told at %(at)s, but the order changed at %(changed)s. Press “Resend”."),
    Condition.TOLD: gettext_lazy("%(name)s was told at %(at)s."),
}
OPENED_SENTENCE = gettext_lazy("%(name)s was told at %(at)s and has opened the mail.")
BEFORE = gettext_lazy("Told before, at %(at)s.")
AGAIN_SENTENCE = gettext_lazy("%(name)s was told again at %(at)s.")
