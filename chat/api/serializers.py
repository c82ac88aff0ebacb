"""What the API takes in and gives out about conversations. (What comes out is made by `chat/shapes.py`; this describes it.)"""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from accounts.api.schema import answer
from chat import conversations, finding
from chat.api import examples


class AsItCame(serializers.Field[Any, Any, Any, Any]):
    """A value that `chat/conversations.py` checks, as it does for every door: in its words and under its code."""

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Null is a value like any other."""
        return (False, None) if data is None else super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Any:
        """The value itself."""
        return data

    def to_representation(self, value: Any) -> Any:
        """The value itself."""
        return value


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": conversations.LONGEST_TEXT})
class TextField(AsItCame):
    """What a person wrote."""


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": conversations.HIGHEST_NUMBER})
class AboutField(AsItCame):
    """The number of the order that a message is about."""


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": conversations.LONGEST_KEY})
class KeyField(AsItCame):
    """The sender's own key of a message."""


class MessageBody(serializers.Serializer[Any]):
    """The body of a message: {"message_type": "text", "text": "…", "about": 1002}."""

    message_type = serializers.ChoiceField(choices=["text"], default="text")
    text = TextField()
    about = AboutField(required=False, allow_null=True)


class NewEvent(serializers.Serializer[Any]):
    """A message to add. `client_key`: the sender's own key of it; the same key again answers the stored event.

    `vonage_after`: the sender's browser may have sent it through Vonage already, when the log's last number was this one.
    `based_on`: the last event that an agent had read when they wrote; where another agent wrote after it, the answer is a 409.
    """

    type = serializers.ChoiceField(choices=["message"], default="message")
    body = MessageBody()
    client_key = KeyField(required=False, allow_null=True)
    vonage_after = serializers.IntegerField(required=False, min_value=0, max_value=2**53)
    based_on = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2**53)


class Seen(serializers.Serializer[Any]):
    """How far the caller has read."""

    sequence = serializers.IntegerField(min_value=0, max_value=2**53)


class Solve(serializers.Serializer[Any]):
    """That it is solved. `sequence`: the last event that the agent has read; where the customer wrote after it, the answer is a 409."""

    client_key = KeyField(required=False, allow_null=True)
    sequence = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2**53)


class Window(serializers.Serializer[Any]):
    """Which events are asked for."""

    after = serializers.IntegerField(required=False, min_value=0, max_value=2**53)
    before = serializers.IntegerField(required=False, min_value=0, max_value=2**53)
    limit = serializers.IntegerField(default=conversations.PAGE, min_value=1, max_value=conversations.LONGEST_PAGE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A page goes one way."""
        if "after" in attrs and "before" in attrs:
            raise serializers.ValidationError({"before": [_("Ask for what is after a number or before one.")]}, code="after_and_before")
        return attrs


class Wanted(serializers.Serializer[Any]):
    """Which conversations are asked for."""

    waiting = serializers.BooleanField(default=False)
    q = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=finding.LONGEST,
        help_text="Only those that these words find: a part of the customer's name or mail address, or an order's number, "
        "which is then the `order` of its row.",
    )


class UserShape(serializers.Serializer[Any]):
    """A person, as others see them."""

    id = serializers.CharField()
    name = serializers.CharField()
    display_name = serializers.CharField()


class MemberNamed(serializers.Serializer[Any]):
    """A member by their id."""

    id = serializers.CharField()


class SenderShape(serializers.Serializer[Any]):
    """Who an event is from; empty where it is from nobody, such as an order's."""

    from_user = UserShape(required=False)
    from_member = MemberNamed(required=False)


@extend_schema_serializer(examples=[answer(examples.MESSAGE)])
class EventShape(serializers.Serializer[Any]):
    """An event in Vonage's shape; `id` is its gap-free number in the conversation, `from` a member's id or null."""

    id = serializers.IntegerField()
    type = serializers.CharField()
    conversation_id = serializers.CharField()
    timestamp = serializers.DateTimeField()
    body = serializers.JSONField()
    client_key = serializers.CharField(allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With the two whose names can't be a class's own: one is a word of Python's, one begins like a private one."""
        sender = serializers.CharField(allow_null=True)
        return {**super().get_fields(), "from": sender, "_embedded": SenderShape()}


class MemberShape(serializers.Serializer[Any]):
    """A member and how far they have read."""

    id = serializers.CharField()
    user = UserShape()
    role = serializers.ChoiceField(choices=["customer", "agent"])
    seen = serializers.IntegerField()
    seen_at = serializers.DateTimeField(allow_null=True)
    state = serializers.CharField()


@extend_schema_serializer(examples=[answer(examples.PAGE)])
class EventsShape(serializers.Serializer[Any]):
    """A page of events in order."""

    events = EventShape(many=True)
    sequence = serializers.IntegerField()
    has_more = serializers.BooleanField()
    members = MemberShape(many=True)


class OrderInBrief(serializers.Serializer[Any]):
    """The order that was sought, else that of the last pinned message, else the newest, as the conversation's events tell of it."""

    id = serializers.IntegerField()
    status = serializers.CharField(required=False)
    total = serializers.CharField(required=False)
    currency = serializers.CharField(required=False)


@extend_schema_serializer(examples=[answer(examples.ROW)])
class ConversationShape(serializers.Serializer[Any]):
    """A row of the inbox."""

    id = serializers.CharField()
    customer = UserShape()
    sequence = serializers.IntegerField()
    last_text = serializers.CharField()
    last_event_at = serializers.DateTimeField(allow_null=True)
    waiting_since = serializers.DateTimeField(allow_null=True)
    unread = serializers.IntegerField()
    order = OrderInBrief(allow_null=True)
    url = serializers.CharField()
    new_device = serializers.BooleanField()
    solved = serializers.BooleanField()
