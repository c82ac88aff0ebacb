"""Lines that a member's page is about to send through Vonage's Client SDK, announced over our own socket.

The SDK has no key for a message, and a browser repeats a request by itself where a connection broke: Vonage then holds one line twice
and tells of it twice. Each announcement stands for one line; the same words again, soon and not announced, are its repeat. Only digests
of words are kept, on the member's row, and not for long.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat.models import Conversation, Member

KEPT = timedelta(hours=1)
REPEATED_WITHIN = timedelta(seconds=60)
MOST = 20
Line = dict[str, Any]  # {"key", "words", "about", "at", "taken_at": null until its webhook or the page itself brought it}


def announce(member: Member, *, about: int | None, key: str, text: str) -> None:
    """Keep that this line will come; once, however often its key is announced."""
    with transaction.atomic():
        # One after the other with the worker that takes announcements.
        Conversation.objects.select_for_update(no_key=True).get(pk=member.conversation_id)
        lines = _kept(member)
        if all(line["key"] != key for line in lines):
            lines.append({"key": key, "words": _digest(text), "about": about, "at": timezone.now().isoformat(), "taken_at": None})
            _keep(member, lines[-MOST:])


def take(member: Member, text: str, *, at: datetime) -> Line | None:
    """The oldest announcement of these words that nothing has come of yet, which is used up by that; None where there is none.

    The conversation is locked by the caller.
    """
    return _take(member, lambda line: line["words"] == _digest(text), at=at)


def take_key(member: Member, key: str | None) -> None:
    """The page brings this line through our own door. The conversation is locked by the caller."""
    _take(member, lambda line: line["key"] == key, at=timezone.now())


def is_repeat(member: Member, text: str, *, at: datetime) -> bool:
    """Whether an announced line of these words came at most a minute before."""
    taken = [datetime.fromisoformat(line["taken_at"]) for line in _kept(member) if line["words"] == _digest(text) and line["taken_at"]]
    return any(abs(at - moment) <= REPEATED_WITHIN for moment in taken)


def _take(member: Member, is_it: Callable[[Line], bool], *, at: datetime) -> Line | None:
    lines = _kept(member)
    found = next((line for line in lines if line["taken_at"] is None and is_it(line)), None)
    if found:
        found["taken_at"] = at.isoformat()
        _keep(member, lines)
    return found


def _kept(member: Member) -> list[Line]:
    lines: list[Line] = Member.objects.values_list("announced", flat=True).get(pk=member.pk)
    oldest = timezone.now() - KEPT
    return [line for line in lines if datetime.fromisoformat(line["at"]) > oldest]


def _keep(member: Member, lines: list[Line]) -> None:
    Member.objects.filter(pk=member.pk).update(announced=lines)


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode()).hexdigest()
