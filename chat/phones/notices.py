"""Texts to the agents on duty: one in each waiting episode (`chat/phones/waiting.py` writes the rows, this works on them).

A text names the order and the way to the chat, and nothing of the customer: texts pass many hands, and none of them is sworn to silence.

Neither of Vonage's two ways to send one has an idempotency key, so a text whose reply was lost is not sent again by itself: a second
one costs money and wakes somebody who most probably got the first. The row fails as `outcome_unknown`; Vonage's status webhook, which
carries our own name of the text, settles that, and so can a person ("Retry now" in the admin sends it anyway).

This is the first rung of a ladder. A further one (a mail, the next agent) is another kind of row for the same episode.
"""

from functools import partial
from typing import NoReturn

from django.conf import settings
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from chat import backends, links, outbox, subjects
from chat.models import Event
from chat.outbox import BackendError, Call, State, Work
from chat.phones import numbers, waiting
from chat.phones.models import Notice
from chat.sentences import said

# What either of Vonage's APIs says of a text before its end. Webhooks come in any order: none of these replaces an end.
ON_ITS_WAY = ("submitted", "accepted", "buffered")


@outbox.works_on(Notice)
def run(notice: Notice) -> Work:
    """Send one text, unless it is no longer needed, or not yet."""
    if notice.provider_id:
        return  # Vonage's webhook was faster than the reply
    sender, answer = backends.phones(), waiting.last_answer(notice.conversation)
    reason = _why_not(notice, answer) if sender.can_text else said("Texts are not configured any more.")
    if reason:
        notice.cancel(reason)
        return
    if answer:
        _leave_to_who_is_there(notice, answer)
    if notice.tried_at and not sender.is_local:
        _give_up(notice)  # a worker died in the middle of the call
    notice.stamp(tried_at=timezone.now())
    send = partial(sender.send_text, numbers.number(notice.agent.phone), text(notice), name=notice.client_ref)
    try:
        message_id = yield Call(send, local=sender.is_local, provider=sender.name)
    except BackendError as refused:
        if refused.unknown:
            _give_up(notice)
        notice.stamp(tried_at=None)
        raise
    notice.stamp(provider_id=message_id, tried_at=None)


def text(notice: Notice) -> str:
    """What the agent reads, in their language: the order's number, where there is one, and the way to the chat."""
    conversation, agent = notice.conversation, notice.agent
    number = subjects.number_of(conversation)
    url = f"{settings.PUBLIC_URL}{links.path_for(conversation, number, username=agent.username)}"
    with translation.override(agent.language):
        if number:
            return _("A customer waits in the chat about order %(number)d: %(url)s") % {"number": number, "url": url}
        return _("A customer waits in the chat: %(url)s") % {"url": url}


def note_delivery(name: str, message_id: str, status: str) -> bool:
    """Keep what Vonage says became of a text of ours; False where it is none. A text in doubt is thereby known to have left."""
    pk = name.removeprefix("order-support-")
    named = Notice.objects.filter(pk=int(pk)) if pk != name and pk.isdecimal() and len(pk) < 19 else Notice.objects.none()
    found = Notice.objects.filter(provider_id=message_id).first() or named.filter(provider_id="").first()
    if found is None:
        return False
    ours = Notice.objects.filter(pk=found.pk)
    ours.update(provider_id=message_id)
    not_later = ours.filter(delivery__in=("", *ON_ITS_WAY)) if status in ON_ITS_WAY else ours
    not_later.update(delivery=status)
    ours.filter(state=State.FAILED, is_unknown=True).update(state=State.DONE, is_unknown=False, last_error="", error_code="")
    return True


def doubt_unsent() -> int:
    """Take every text that is not known as sent for one that may have left, as after a backup was put back; how many."""
    unsent = Notice.objects.filter(state=State.WAITING, provider_id="")
    unsent.filter(tried_at=None).update(tried_at=F("created_at"))
    return unsent.count()


def _why_not(notice: Notice, answer: Event | None) -> str:
    if answer and answer.sequence > notice.episode:
        return said("Somebody has answered.")
    if notice.agent.pk not in {agent.pk for agent in numbers.on_duty()}:
        return said("The agent is not on duty any more.")
    return ""


def _leave_to_who_is_there(notice: Notice, answer: Event) -> None:
    """Who answered a moment ago and has seen the customer's last words needs no text; but after a while somebody else may."""
    member, left = answer.from_member, answer.created_at + waiting.AROUND - timezone.now()
    words = notice.conversation.events.filter(type="message", from_member__user=notice.conversation.customer_id)
    newest = words.order_by("-sequence").first()
    if waiting.is_around(answer) and member and newest and answer.sequence < newest.sequence <= member.seen_sequence:
        raise BackendError("An agent is there and has seen it.", code="agent_is_there", retry_after=left.total_seconds())


def _give_up(notice: Notice) -> NoReturn:
    """Nobody can tell whether the text left, so a person decides; their "Retry now" finds no open attempt."""
    notice.stamp(tried_at=None)
    raise BackendError(
        "It is unknown whether the text left. Look into Vonage's log of messages; “Retry now” sends it again.",
        code="outcome_unknown",
        permanent=True,
        unknown=True,
    )
