"""What the API takes in and gives out about conversations. (What comes out is made by `chat/shapes.py`; this describes it.)"""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chat import conversations


class AsItCame(serializers.Field[Any, Any, Any, Any]):
    """A value that `chat/conversations.py` checks, as it does for every door: in its words and under its code."""

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
    """

    type = serializers.ChoiceField(choices=["message"], default="message")
    body = MessageBody()
    client_key = KeyField(required=False, allow_null=True)
    vonage_after = serializers.IntegerField(required=False, min_value=0, max_value=2**53)


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


class Wanted(serializers.Serializer[Any]):
    """Which conversations are asked for."""

    waiting = serializers.BooleanField(default=False)


class UserShape(serializers.Serializer[Any]):
    """A person, as others see them."""

    id = serializers.CharField()
    name = serializers.CharField()
    display_name = serializers.CharField()


class EventShape(serializers.Serializer[Any]):
    """An event in Vonage's shape; `id` is its gap-free number in the conversation, `from` (not listed here) a member's id or null."""

    id = serializers.IntegerField()
    type = serializers.CharField()
    conversation_id = serializers.CharField()
    timestamp = serializers.DateTimeField()
    body = serializers.JSONField()
    client_key = serializers.CharField(allow_null=True)


class MemberShape(serializers.Serializer[Any]):
    """A member and how far they have read."""

    id = serializers.CharField()
    user = UserShape()
    role = serializers.ChoiceField(choices=["customer", "agent"])
    seen = serializers.IntegerField()
    state = serializers.CharField()


class EventsShape(serializers.Serializer[Any]):
    """A page of events in order."""

    events = EventShape(many=True)
    sequence = serializers.IntegerField()
    has_more = serializers.BooleanField()
    members = MemberShape(many=True)


class ConversationShape(serializers.Serializer[Any]):
    """A row of the inbox."""

    id = serializers.CharField()
    customer = UserShape()
    sequence = serializers.IntegerField()
    last_text = serializers.CharField()
    last_event_at = serializers.DateTimeField(allow_null=True)
    waiting_since = serializers.DateTimeField(allow_null=True)
    unread = serializers.IntegerField()
    order = serializers.JSONField(allow_null=True)
    url = serializers.CharField()
    new_device = serializers.BooleanField()
