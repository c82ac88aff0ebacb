"""What comes back of a call: each status of each phone, stored once by `receive`, folded into the call's story by the worker."""

from typing import Any

from django.db import transaction
from django.db.models import Q

from chat import incoming, outbox
from chat.outbox import BackendError, Work
from chat.phones import calls
from chat.phones.models import CallReport, PhoneCall, Side
from chat.phones.story import ENDED, OF_LEG, stage_of

JSON = dict[str, Any]
# A webhook can be faster than the reply to our own call; after these attempts it is a stranger's.
ATTEMPTS_TO_BE_KNOWN = 6
# When both phones go down, their news comes in any order; so long the end of one waits for the other's.
ATTEMPTS_FOR_THE_OTHER_PHONE = 3
MOST_SECONDS = 24 * 60 * 60


def receive(payload: JSON, *, call_name: str, side: str, jti: str = "") -> bool:
    """Store one webhook; False where it tells nothing that we keep, or what we know already. Raises incoming.ReplayedError.

    `payload`: {"status", "uuid", "conversation_uuid", "duration"?, …}; `call_name` and `side`: from the webhook's address, or "".
    """
    status, leg_id = str(payload.get("status")), incoming.text_of(payload, "uuid")
    with transaction.atomic():
        incoming.use(jti)
        if not leg_id or status not in {*OF_LEG, *ENDED}:
            return False
        told = {
            "call_name": call_name[:100],
            "side": side if side in Side.values else "",
            "provider_conversation_id": incoming.text_of(payload, "conversation_uuid"),
            "seconds": _seconds(payload.get("duration")),
        }
        _report, is_new = CallReport.objects.get_or_create(leg_id=leg_id, status=status, defaults=told)
    return is_new


@outbox.works_on(CallReport)
def fold(report: CallReport) -> Work:
    """Read the call's stage anew with this report, and tell of it where it is a later one."""
    yield from ()  # nothing leaves the house here
    call = _call_of(report)
    if call is None:
        if report.attempts < ATTEMPTS_TO_BE_KNOWN:
            raise BackendError("The call is not known yet.", code="unknown_call")
        report.cancel("The call is none of ours.")
        return
    side = report.side or (Side.AGENT if report.leg_id == call.provider_id else Side.CUSTOMER)
    CallReport.objects.filter(pk=report.pk).update(call=call, side=side)
    stage = stage_of(call.reports.all())
    if stage is None:
        return
    if stage.may_change and report.attempts < ATTEMPTS_FOR_THE_OTHER_PHONE:
        raise BackendError("The other phone's end is not known yet.", code="waits_for_the_other_phone")
    calls.advance(call, stage)


def call_named(*, leg_id: str, conversation_id: str, call_name: str) -> PhoneCall | None:
    """The call that the provider means: by its own ids, else by our name of it in the webhook's address."""
    by_id = Q(provider_id=leg_id) if leg_id else Q()
    if conversation_id:
        by_id |= Q(provider_conversation_id=conversation_id)
    known = PhoneCall.objects.filter(by_id).exclude(provider_id="").first() if by_id else None
    return known or PhoneCall.objects.filter(public_id=call_name).first()


def _call_of(report: CallReport) -> PhoneCall | None:
    conversation_id = report.provider_conversation_id
    call = call_named(leg_id=report.leg_id, conversation_id=conversation_id, call_name=report.call_name)
    if call and not call.provider_id and report.side == Side.AGENT:
        # The reply to our own call has not come, or never will: this is how we know that the call was placed.
        PhoneCall.objects.filter(pk=call.pk, provider_id="").update(provider_id=report.leg_id, provider_conversation_id=conversation_id)
    return call


def _seconds(value: object) -> int | None:
    """Vonage writes a number as text."""
    digits = str(value)
    return min(int(digits), MOST_SECONDS) if digits.isdecimal() and len(digits) < 10 else None
