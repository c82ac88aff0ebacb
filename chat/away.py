"""What a customer who writes now may expect where nobody answers: said only where it is true, and with what happens next."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from chat import hours
from chat.entry import answers
from chat.folds import Fold
from chat.models import Conversation, Event

# Who wrote this recently is there; who has waited for longer is told that they need not.
A_WHILE = timedelta(minutes=5)


def notice(conversation: Conversation, newest: Sequence[Event], orders: Sequence[Fold]) -> dict[str, Any]:
    """For the customer's page, in the active language and time zone; `newest` are the last events, in order.

    {"line": what is true now, "" for nothing, "now": this moment, "closed": [[from, until], …] of the coming week, "shut": the line for
    these, with a place for {time}, "waiting": the line for who waits}. Moments are milliseconds since 1970, as scripts count. The page's
    script writes {time} on the clock of all its times, which on a first visit only the browser knows; until then, `line` names the zone.
    """
    now, by_mail = timezone.now(), answers.can_be_mailed(conversation.customer, orders)
    periods = hours.closed(settings.DESK_HOURS, now, ZoneInfo(settings.TIME_ZONE))
    shut = (
        _("Nobody is at the desk until %(time)s. Write now, we answer by mail.")
        if by_mail
        else _("Nobody is at the desk until %(time)s. Write now, the answer will be here.")
    )
    waiting = (
        _("Nobody has answered yet. You need not wait here: we mail you the answer.")
        if by_mail
        else _("Nobody has answered yet. You need not wait here: the answer stays in this chat.")
    )
    line = ""
    if not _is_answered(conversation, newest, since=now - A_WHILE):
        waits = conversation.waiting_since is not None and conversation.waiting_since <= now - A_WHILE
        is_shut = bool(periods and periods[0][0] <= now)
        line = shut % {"time": _opens(*periods[0], conversation.customer)} if is_shut else waiting if waits else ""
    closed = [[_milliseconds(since), _milliseconds(until)] for since, until in periods]
    return {"line": line, "now": _milliseconds(now), "closed": closed, "shut": shut % {"time": "{time}"}, "waiting": waiting}


def _is_answered(conversation: Conversation, newest: Sequence[Event], *, since: datetime) -> bool:
    fresh = [event for event in newest if event.type == "message" and event.created_at > since]
    return any(event.from_member is not None and event.from_member.user_id != conversation.customer_id for event in fresh)


def _opens(since: datetime, until: datetime, customer: User) -> str:
    """When, as `awayLine` in stream.js writes it; with its zone where the customer's own is not known."""
    # Within a day the time alone is plain.
    opens = date_format(timezone.localtime(until), "G:i" if until - since < timedelta(days=1) else "l G:i")
    return opens if customer.time_zone else f"{opens} ({timezone.get_current_timezone_name()})"


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
