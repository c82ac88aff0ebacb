"""Click to call: a customer asks for a call, the agent's phone rings, then theirs, and the conversation tells how it went.

The row is written with the event that tells of the request, and worked on by the worker. A call whose reply was lost may be ringing,
so it is never placed a second time: Vonage's webhook, whose address names the call, tells that it was placed; where none comes within
half a minute the call has failed, and the customer decides. The row then waits until the call is over, so that every call ends, news
or not (`chat/phones/news.py`).
"""

from datetime import datetime, timedelta
from functools import partial
from typing import NoReturn

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import User
from chat import backends, conversations, outbox
from chat.backends.phones import CallPlan, Placed
from chat.conversations import RefusedError
from chat.models import JSON, Conversation, Event, Member
from chat.outbox import BackendError, Call, TooEarlyError, Work
from chat.phones import numbers, story, waiting
from chat.phones.models import PhoneCall, Progress, Side
from chat.phones.story import Stage
from chat.sentences import said

CALL_EVENT = "custom:call-event"
MOST_CALLS = 3
PER = timedelta(hours=1)
# A call that comes later than this after it was asked for is a nuisance.
GOOD_FOR = timedelta(minutes=3)
HEARD_WITHIN = timedelta(seconds=30)
LOOK_SECONDS = 5.0
# Both phones ring for half a minute at most, and nobody talks longer than Vonage lets them (chat/backends/phones_vonage.py).
LONGEST_RINGING = timedelta(minutes=2)
LONGEST_TALK = timedelta(hours=2, minutes=5)


def offered() -> bool:
    """Whether customers can ask for a call at all, now or when somebody is on duty again."""
    return backends.phones().can_call


def ask(me: Member, phone: str, *, about: int | None = None) -> tuple[Event, bool]:
    """The event that tells of the customer's request, and whether it is new: asking twice while it is under way is asking once.

    `phone`: as a person writes it; empty means the number that we have. Raises RefusedError with the code `invalid_phone`,
    `not_called_there`, `not_available`, `nobody_on_duty`, `call_open` or `too_many_calls`.
    """
    digits = numbers.number(phone or me.user.phone)
    if not digits:
        raise RefusedError(_("Write the number with its country code, like +46 70 555 01 20."), code="invalid_phone", field="phone")
    if not numbers.may_be_called(digits):
        raise RefusedError(_("We can't call numbers of this country. Write to us here."), code="not_called_there", field="phone")
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update(no_key=True).get(pk=me.conversation_id)
        under_way = conversation.calls.filter(ended_at=None).first()
        if under_way and under_way.number == digits:
            return conversation.events.get(from_member=me, client_key=_key(under_way, Progress.REQUESTED, Side.AGENT)), False
        if under_way:
            raise RefusedError(_("A call is under way already."), code="call_open", field="phone")
        _check_chances(conversation, digits)
        call = PhoneCall.objects.create(conversation=conversation, number=digits, about=about)
        return _tell(call, sender=me), True


@outbox.works_on(PhoneCall)
def run(call: PhoneCall) -> Work:
    """Place the call once, then look after it until it is over."""
    if not call.ended_at and not call.provider_id:
        if call.placing_at and not backends.phones().is_local:
            _wait_to_hear(call, call.placing_at)
        else:
            yield from _place(call)
    call.refresh_from_db(fields=["ended_at", "changed_at", "progress"])
    if not call.ended_at:
        _watch(call)


def advance(call: PhoneCall, stage: Stage) -> None:
    """Tell the conversation of a new stage of the call, once; one that is no later than what was told last tells nothing."""
    with transaction.atomic():
        locked = (
            PhoneCall.objects.select_for_update(of=("self",), no_key=True).select_related("conversation__customer", "agent").get(pk=call.pk)
        )
        if not stage.is_after(Stage(Progress(locked.progress), Side(locked.side))):
            return
        now = timezone.now()
        locked.progress, locked.side, locked.changed_at = stage.progress, stage.side, now
        locked.talked_seconds, locked.ended_at = stage.seconds, now if stage.has_ended else None
        locked.save(update_fields=["progress", "side", "changed_at", "talked_seconds", "ended_at"])
        _tell(locked)
        if stage.has_ended:
            locked.close()


def plan_of(call: PhoneCall, agent: User) -> CallPlan:
    """What the provider needs to know."""
    with translation.override(agent.language):
        about_order = _("A customer asked for a call about order %d. We connect you.")
        greeting = about_order % call.about if call.about else _("A customer asked for a call. We connect you.")
    return CallPlan(
        name=call.public_id,
        agent_number=numbers.number(agent.phone),
        customer_number=call.number,
        greeting=greeting,
        language=agent.language,
    )


def _check_chances(conversation: Conversation, digits: str) -> None:
    """Raise RefusedError where the call would come to nothing, or there were too many."""
    if not offered():
        raise RefusedError(_("We can't call you from here. Write to us instead."), code="not_available", field="phone")
    if not numbers.on_duty():
        raise RefusedError(_("Nobody can call you right now. Write to us, and we answer here."), code="nobody_on_duty", field="phone")
    recent = PhoneCall.objects.filter(Q(conversation=conversation) | Q(number=digits), created_at__gt=outbox.clock() - PER)
    if recent.count() >= MOST_CALLS:
        sentence = _("You have asked for several calls this hour. Write to us, and we answer here.")
        raise RefusedError(sentence, code="too_many_calls", field="phone", retry=True)


def _place(call: PhoneCall) -> Work:
    """Ask the provider to ring an agent."""
    agent = _next_agent(call)
    if agent is None:
        return
    if _is_too_late(call, 0):
        # What kept it waiting, where that is known, tells an operator more.
        reason = call.last_error or said("No worker placed the call within three minutes; later than that, nobody is rung.")
        _fail(call, reason, code=call.error_code or "too_late")
    sender = backends.phones()
    call.stamp(placing_at=timezone.now(), agent=agent)
    try:
        placed: Placed = yield Call(partial(sender.place_call, plan_of(call, agent)), local=sender.is_local, provider=sender.name)
    except BackendError as refused:
        if refused.unknown:
            raise
        call.stamp(placing_at=None)
        if refused.permanent or _is_too_late(call, refused.retry_after or 0):
            _fail(call, str(refused), code=refused.code)
        raise
    with transaction.atomic():
        call.stamp(provider_id=placed.leg_id, provider_conversation_id=placed.conversation_id)
        advance(call, Stage(Progress.STARTED, Side.AGENT))


def _next_agent(call: PhoneCall) -> User | None:
    """Who is rung: who answered here last, else who was called least lately; never who is on the phone. None closes the row."""
    on_duty = numbers.on_duty()
    talking = set(PhoneCall.objects.filter(ended_at=None, agent__in=on_duty).exclude(pk=call.pk).values_list("agent_id", flat=True))
    free = [agent for agent in on_duty if agent.pk not in talking]
    if on_duty and not free and not _is_too_late(call, 0):
        raise BackendError("Every agent on duty is on the phone.", code="agents_busy")
    if not free:
        advance(call, Stage(Progress.BUSY if on_duty else Progress.FAILED, Side.AGENT))
        call.cancel(said("Every agent on duty was on the phone.") if on_duty else said("No agent is on duty any more."))
        return None
    answer = waiting.last_answer(call.conversation)
    known = answer.from_member.user_id if answer and answer.from_member else None
    lately = dict(PhoneCall.objects.filter(agent__in=free).values("agent_id").annotate(at=Max("pk")).values_list("agent_id", "at"))
    return min(free, key=lambda agent: (agent.pk != known, lately.get(agent.pk, 0), agent.pk))


def _wait_to_hear(call: PhoneCall, placing_at: datetime) -> None:
    """An attempt's outcome is open: whether the call was placed, only a webhook can tell."""
    left = (placing_at + HEARD_WITHIN - timezone.now()).total_seconds()
    if left > 0:
        message = said("It is unknown whether the call was placed; a webhook will tell.")
        # Its turn, and no fault: a pause that grew with the attempts would end after the half minute.
        raise TooEarlyError(message, code="waits_for_news", unknown=True, retry_after=min(left, LOOK_SECONDS))
    _fail(call, said("It is unknown whether the call was placed, and no webhook told of it."), code="outcome_unknown", unknown=True)


def _watch(call: PhoneCall) -> None:
    """The call is under way; without any news it is over after a while."""
    longest = LONGEST_TALK if call.progress == Progress.ANSWERED else LONGEST_RINGING
    left = (call.changed_at + longest - timezone.now()).total_seconds()
    if left > 0:
        raise BackendError("The call is under way.", code="under_way", retry_after=left)
    if call.progress == Progress.RINGING:
        advance(call, Stage(Progress.TIMEOUT, Side(call.side)))
    else:
        reason = said("No webhook told how the call went on. Check PUBLIC_URL and the application's voice webhooks.")
        _fail(call, reason, code="no_news")


def _fail(call: PhoneCall, reason: str, *, code: str, unknown: bool = False) -> NoReturn:
    """The conversation is told, and an operator sees why."""
    advance(call, Stage(Progress.FAILED, Side.AGENT))
    raise BackendError(reason, code=code, permanent=True, unknown=unknown)


def _is_too_late(call: PhoneCall, seconds: float) -> bool:
    return outbox.clock() + timedelta(seconds=seconds) - call.created_at > GOOD_FOR


def _tell(call: PhoneCall, *, sender: Member | None = None) -> Event:
    customer = call.conversation.customer
    body: JSON = {
        "id": call.public_id,
        "state": call.progress,
        "side": call.side,
        "agent": {"display_name": call.agent.display_name} if call.agent else None,
        "phone": numbers.masked(call.number),
        "about": call.about,
        "seconds": call.talked_seconds,
    }
    with translation.override(customer.language):
        body["text"] = story.sentence(body, role="customer", customer=customer.display_name)
    return conversations.add_event(call.conversation, CALL_EVENT, body, sender=sender, key=_key(call, call.progress, call.side))


def _key(call: PhoneCall, progress: str, side: str) -> str:
    return f"{call.public_id}:{progress}:{side}"
