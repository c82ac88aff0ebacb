"""Addresses of the conversations' API, below /api/."""

from django.urls import URLPattern, path
from rest_framework.views import APIView

from chat.api import token, views
from chat.phones import api as phones

ONE = "conversations/<str:conversation_id>/"


def _both(route: str, view: type[APIView], name: str) -> list[URLPattern]:
    """With and without the last slash: most programs follow a redirect with a GET, and the message would be lost without a word."""
    return [path(route, view.as_view(), name=name), path(route.removesuffix("/"), view.as_view(schema=None))]


urlpatterns = [
    *_both("conversations/", views.ConversationList, "conversations"),
    *_both(ONE + "events/", views.Events, "conversation-events"),
    *_both(ONE + "seen/", views.Seen, "conversation-seen"),
    *_both(ONE + "solve/", views.Solve, "conversation-solve"),
    *_both(ONE + "present/", phones.Present, "conversation-present"),
    *_both(ONE + "calls/", phones.Calls, "conversation-calls"),
    *_both(ONE + "token/", token.ClientToken, "conversation-token"),
]
