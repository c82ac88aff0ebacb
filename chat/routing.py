"""The addresses of the sockets."""

from typing import Any, cast

from django.urls import re_path

from chat.consumers import ConversationConsumer
from chat.frames import nowhere
from chat.inbox import InboxConsumer

urlpatterns = [
    re_path(r"^ws/conversations/(?P<conversation_id>[^/]{1,60})/$", ConversationConsumer.as_asgi()),
    re_path(r"^ws/inbox/$", InboxConsumer.as_asgi()),
    re_path("", cast(Any, nowhere)),
]
