"""What a customer who writes now may expect where nobody answers: said only where it is true, and with what happens next."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from chat import hours
from chat.entry import answers
from chat.folds import Fold
from chat.models import Conversation, Event

# Who wrote this recently is there; who has waited for longer is told that they need not.
A_WHILE = timedelta(minutes=5)


def notice(conversation: Conversation, newest: Sequence[Event], orders: Sequence[Fold]) -> dict[str, Any]:
    """For the customer's page, in the active language and time zone; `newest` are the last events, in order.

    {"line": what is true now, "" for nothing, "now": this moment, "closed": [[from, until, its line], …] of the coming week,
    "waiting": the line for who waits}. Moments are milliseconds since 1970, as scripts count.
    """
    now, by_mail = timezone.now(), answers.can_be_mailed(conversation.customer, orders)
    periods = hours.closed(settings.DESK_HOURS, now, ZoneInfo(settings.TIME_ZONE))
    lines = [_closed(since, until, by_mail=by_mail) for since, until in periods]
    waiting = (
        _("Nobody has answered yet. You need not wait here: we mail you the answer.")
        if by_mail
        else _("Nobody has answered yet. You need not wait here: the answer stays in this chat.")
    )
    line = ""
    if not _is_answered(conversation, newest, since=now - A_WHILE):
        waits = conversation.waiting_since is not None and conversation.waiting_since <= now - A_WHILE
        line = lines[0] if periods and periods[0][0] <= now else waiting if waits else ""
    closed = [[_milliseconds(since), _milliseconds(until), text] for (since, until), text in zip(periods, lines, strict=True)]
    return {"line": line, "now": _milliseconds(now), "closed": closed, "waiting": waiting}


def _is_answered(conversation: Conversation, newest: Sequence[Event], *, since: datetime) -> bool:
    fresh = [event for event in newest if event.type == "message" and event.created_at > since]
    return any(event.from_member is not None and event.from_member.user_id != conversation.customer_id for event in fresh)


def _closed(since: datetime, until: datetime, *, by_mail: bool) -> str:
    # Within a day the time alone is plain.
    opens = date_format(timezone.localtime(until), "G:i" if until - since < timedelta(days=1) else "l G:i")
    if by_mail:
        return _("Nobody is at the desk until %(time)s. Write now, we answer by mail.") % {"time": opens}
    return _("Nobody is at the desk until %(time)s. Write now, the answer will be here.") % {"time": opens}


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
