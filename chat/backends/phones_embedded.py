"""The demo's phones, in our own database: texts stay on their screens, and calls ring until somebody presses a button there.

What a press does comes back as the same reports that Vonage's webhooks would bring.
"""

import uuid

from django.db import transaction
from django.utils import timezone

from chat.backends.phones import CallPlan, Phones, Placed
from chat.phones.models import CallReport, Progress, Side, StoredLeg, StoredText

ANSWER, DECLINE, HANG_UP = "answer", "decline", "hang-up"
BUTTONS = {Progress.RINGING: [ANSWER, DECLINE], Progress.ANSWERED: [HANG_UP]}


class EmbeddedPhones(Phones):
    """Keeps instead of sending; asked twice under the same name, it does nothing more."""

    is_local = True
    name = "embedded"

    @property
    def can_text(self) -> bool:
        """Always."""
        return True

    @property
    def can_call(self) -> bool:
        """Always."""
        return True

    def send_text(self, to: str, text: str, *, name: str) -> str:
        """Onto the screen."""
        StoredText.objects.get_or_create(key=name, defaults={"to": to, "text": text})
        return name

    def place_call(self, plan: CallPlan) -> Placed:
        """The agent's phone rings."""
        found = StoredLeg.objects.filter(call_name=plan.name, side=Side.AGENT).first()
        leg = found or _ring(plan.name, Side.AGENT, plan.agent_number)
        if found is None:
            # The customer's phone is known from the beginning, and rings once the agent's is answered.
            StoredLeg.objects.create(
                leg_id=str(uuid.uuid4()), call_name=plan.name, side=Side.CUSTOMER, number=plan.customer_number, status=Progress.REQUESTED
            )
        return Placed(leg.leg_id, f"CON-{plan.name}")


def press(leg: StoredLeg, button: str) -> None:
    """A person presses a button of a phone; one that it does not offer (any more) does nothing."""
    with transaction.atomic():
        leg = StoredLeg.objects.select_for_update(no_key=True).get(pk=leg.pk)
        if button not in BUTTONS.get(Progress(leg.status), []):
            return
        if button == ANSWER:
            _answer(leg)
        else:
            _end(leg, Progress.REJECTED if button == DECLINE else Progress.COMPLETED)


def _ring(name: str, side: Side, number: str) -> StoredLeg:
    leg = StoredLeg.objects.create(leg_id=str(uuid.uuid4()), call_name=name, side=side, number=number)
    _report(leg, Progress.STARTED)
    _report(leg, Progress.RINGING)
    return leg


def _answer(leg: StoredLeg) -> None:
    leg.status, leg.answered_at = Progress.ANSWERED, timezone.now()
    leg.save(update_fields=["status", "answered_at"])
    _report(leg, Progress.ANSWERED)
    other = _other(leg)
    if leg.side == Side.AGENT and other:
        other.status = Progress.RINGING
        other.save(update_fields=["status"])
        _report(other, Progress.STARTED)
        _report(other, Progress.RINGING)


def _end(leg: StoredLeg, status: Progress) -> None:
    """When one phone goes down, so does the other."""
    other = _other(leg)
    for one, ending in ((leg, status), (other, _ending_of(other))):
        if one is None or ending is None:
            continue
        seconds = int((timezone.now() - one.answered_at).total_seconds()) if one.answered_at else None
        one.status = ending
        one.save(update_fields=["status"])
        _report(one, ending, seconds=seconds)


def _other(leg: StoredLeg) -> StoredLeg | None:
    return StoredLeg.objects.filter(call_name=leg.call_name).exclude(pk=leg.pk).first()


def _ending_of(leg: StoredLeg | None) -> Progress | None:
    """How a phone's own call ends when the other one goes down; None where it has ended or never rang."""
    if leg is None or leg.status not in BUTTONS:
        return None
    return Progress.COMPLETED if leg.status == Progress.ANSWERED else Progress.CANCELLED


def _report(leg: StoredLeg, status: Progress, *, seconds: int | None = None) -> None:
    told = {"call_name": leg.call_name, "side": leg.side, "provider_conversation_id": f"CON-{leg.call_name}", "seconds": seconds}
    CallReport.objects.get_or_create(leg_id=leg.leg_id, status=status, defaults=told)
