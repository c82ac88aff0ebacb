"""What becomes of a mail, in our words: the states, the mail provider's events that speak for them, and which of them counts.

Events come late, twice and in any order, so a state is never moved on; it is read anew from all events that are there.
https://developers.brevo.com/docs/transactional-webhooks
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _


class Delivery(models.TextChoices):
    """What became of a mail after it was handed over, as far as we were told."""

    UNKNOWN = "", _("nothing heard yet")
    ACCEPTED = "accepted", _("accepted for delivery")
    DEFERRED = "deferred", _("delayed")
    DELIVERED = "delivered", _("delivered")
    OPENED = "opened", _("opened")
    CLICKED = "clicked", _("link followed")
    SOFT_BOUNCED = "soft_bounced", _("returned for now")
    FAILED = "failed", _("failed")
    BLOCKED = "blocked", _("blocked")
    BOUNCED = "bounced", _("returned for good")
    SPAM = "spam", _("reported as spam")


# Sendinblue's events, by all names they go by. A proxy that opens a mail fetched it for a mailbox: it is there, and not yet read.
OF_EVENT: dict[str, str] = {
    "request": Delivery.ACCEPTED,
    "sent": Delivery.ACCEPTED,
    "deferred": Delivery.DEFERRED,
    "delivered": Delivery.DELIVERED,
    "proxy_open": Delivery.DELIVERED,
    "unique_proxy_open": Delivery.DELIVERED,
    "opened": Delivery.OPENED,
    "unique_opened": Delivery.OPENED,
    "first_opening": Delivery.OPENED,
    "click": Delivery.CLICKED,
    "soft_bounce": Delivery.SOFT_BOUNCED,
    "error": Delivery.FAILED,
    "blocked": Delivery.BLOCKED,
    "hard_bounce": Delivery.BOUNCED,
    "invalid_email": Delivery.BOUNCED,
    "invalid": Delivery.BOUNCED,
    "spam": Delivery.SPAM,
    "complaint": Delivery.SPAM,
}
# Whatever else is told, one of these stays the truth; the first counts most.
LASTING = (Delivery.SPAM, Delivery.BOUNCED, Delivery.BLOCKED, Delivery.CLICKED, Delivery.OPENED)
# Of these the latest is the truth; in the same second, the last one of this list.
PASSING = (Delivery.DEFERRED, Delivery.FAILED, Delivery.SOFT_BOUNCED, Delivery.DELIVERED)


def state_of(events: Iterable[tuple[str, datetime]]) -> str:
    """The state that all (event type, time) of one mail come to, in whatever order they are given."""
    told = [(moment, OF_EVENT[name]) for name, moment in events if name in OF_EVENT]
    states = {state for _moment, state in told}
    for state in LASTING:
        if state in states:
            return state
    passing = [(moment, PASSING.index(Delivery(state)), state) for moment, state in told if state in PASSING]
    if passing:
        return max(passing)[2]
    return Delivery.ACCEPTED if states else Delivery.UNKNOWN
