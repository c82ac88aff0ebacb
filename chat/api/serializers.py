"""What the API takes in and gives out about conversations. (What comes out is made by `chat/shapes.py`; this describes it.)"""

from typing import Any

from rest_framework import serializers

from chat import conversations


class MessageBody(serializers.Serializer[Any]):
    """The body of a message: {"message_type": "text", "text": "…", "about": 1002}."""

    message_type = serializers.ChoiceField(choices=["text"], default="text")
    text = serializers.CharField(max_length=conversations.LONGEST_TEXT * 4, trim_whitespace=False, allow_blank=True)
    about = serializers.IntegerField(required=False, min_value=1, max_value=2**53)


class NewEvent(serializers.Serializer[Any]):
    """A message to add. `client_key`: the sender's own key of it; the same key again answers the stored event.

    `vonage_after`: the sender's browser may have sent it through Vonage already, when the log's last number was this one.
    """

    type = serializers.ChoiceField(choices=["message"], default="message")
    body = MessageBody()
    client_key = serializers.CharField(required=False, max_length=conversations.LONGEST_KEY, allow_null=True)
    vonage_after = serializers.IntegerField(required=False, min_value=0, max_value=2**53)


class Seen(serializers.Serializer[Any]):
    """How far the caller has read."""

    sequence = serializers.IntegerField(min_value=0, max_value=2**53)


class Window(serializers.Serializer[Any]):
    """Which events are asked for."""

    after = serializers.IntegerField(required=False, min_value=0, max_value=2**53)
    before = serializers.IntegerField(required=False, min_value=0, max_value=2**53)
    limit = serializers.IntegerField(default=conversations.PAGE, min_value=1, max_value=conversations.LONGEST_PAGE)


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
