"""What the API says of telling a customer: why it was or wasn't done, and what it would come to."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts.api.schema import answer
from chat.shapes import timestamp
from orders import journey
from orders.api import examples
from orders.models import Order, OrderConfirmation
from orders.rehearsal import Rehearsal

CODES = [condition.name.lower() for condition in journey.Condition]
STEPS = ["conversation_opened", "event_added", "mail_sent"]


class ReasonShape(serializers.Serializer[Any]):
    """The same twice: for programs, and for people."""

    code = serializers.CharField()
    text = serializers.CharField()


class StepShape(serializers.Serializer[Any]):
    """One of the three steps; `at` is null while it is not done."""

    code = serializers.ChoiceField(choices=STEPS)
    at = serializers.DateTimeField(allow_null=True)


class MailEventShape(serializers.Serializer[Any]):
    """What the mail provider told of the mail."""

    type = serializers.CharField()
    at = serializers.DateTimeField()
    reason = serializers.CharField()


class TellingShape(serializers.Serializer[Any]):
    """One version of the order, and how far telling it is."""

    version = serializers.IntegerField()
    code = serializers.ChoiceField(choices=CODES)
    text = serializers.CharField()
    steps = StepShape(many=True)
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    error = ReasonShape(allow_null=True)
    message_id = serializers.CharField()
    delivery = serializers.CharField()
    mail_events = MailEventShape(many=True)


@extend_schema_serializer(examples=[answer(examples.EXPLAINED)])
class ExplainShape(serializers.Serializer[Any]):
    """Why the customer was or wasn't told, the latest version first; `versions` is empty where nobody was to be told yet."""

    order = serializers.IntegerField()
    status = serializers.CharField()
    is_told = serializers.BooleanField()
    code = serializers.ChoiceField(choices=CODES)
    text = serializers.CharField()
    versions = TellingShape(many=True)


class MailShape(serializers.Serializer[Any]):
    """The mail as it would go out."""

    to = serializers.CharField()
    subject = serializers.CharField()
    text = serializers.CharField()
    html = serializers.CharField()
    language = serializers.CharField()


class EventToBe(serializers.Serializer[Any]):
    """The event that the conversation would get."""

    type = serializers.CharField()
    body = serializers.JSONField()


class ConversationToBe(serializers.Serializer[Any]):
    """The customer's conversation; `id` is null where there is none yet, and `is_new` says that it would be opened."""

    id = serializers.CharField(allow_null=True)
    is_new = serializers.BooleanField()


class WebhookToBe(serializers.Serializer[Any]):
    """A webhook of the caller's that would be told, and of what: `order.not_told` where no mail can be sent."""

    id = serializers.CharField()
    type = serializers.CharField()


def explain(order: Order) -> dict[str, Any]:
    """ExplainShape. Reads `confirmations__mail_events`."""
    tellings = journey.told(order)
    latest = tellings[0]
    return {
        "order": order.number,
        "status": order.status,
        "is_told": any(told.row and told.row.mail_sent_at for told in tellings),
        "code": latest.code,
        "text": latest.sentence,
        "versions": [_telling(told, told.row) for told in tellings if told.row],
    }


def rehearsal(found: Rehearsal, order: Order) -> dict[str, Any]:
    """The part of a dry run that is about telling."""
    mail = found.mail
    return {
        "conversation": {"id": found.conversation_id, "is_new": found.opens_conversation},
        "event": found.event,
        "mail": mail
        and {
            "to": mail.to[0],
            "subject": mail.subject,
            "text": mail.body,
            "html": str(mail.alternatives[0][0]),
            "language": order.customer.language,
        },
        "why_no_mail": found.why_not,
    }


def _telling(told: journey.Told, row: OrderConfirmation) -> dict[str, Any]:
    stamps = zip(STEPS, [row.conversation_opened_at, row.event_added_at, row.mail_sent_at], strict=True)
    error = {"code": row.error_code or told.code, "text": told.error} if told.error else None
    return {
        "version": row.version,
        "code": told.code,
        "text": told.sentence,
        "steps": [{"code": code, "at": at and timestamp(at)} for code, at in stamps],
        "attempts": row.attempts,
        "next_attempt_at": timestamp(row.next_attempt_at) if told.is_moving else None,
        "error": error,
        "message_id": row.message_id,
        "delivery": row.delivery,
        "mail_events": [
            {"type": event.type, "at": timestamp(event.occurred_at), "reason": event.reason} for event in row.mail_events.all()
        ],
    }
