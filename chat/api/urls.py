"""Addresses of the conversations' API, below /api/."""

from django.urls import path

from chat.api import token, views
from chat.phones import api as phones

urlpatterns = [
    path("conversations/", views.ConversationList.as_view(), name="conversations"),
    path("conversations/<str:conversation_id>/events/", views.Events.as_view(), name="conversation-events"),
    path("conversations/<str:conversation_id>/seen/", views.Seen.as_view(), name="conversation-seen"),
    path("conversations/<str:conversation_id>/solve/", views.Solve.as_view(), name="conversation-solve"),
    path("conversations/<str:conversation_id>/present/", phones.Present.as_view(), name="conversation-present"),
    path("conversations/<str:conversation_id>/calls/", phones.Calls.as_view(), name="conversation-calls"),
    path("conversations/<str:conversation_id>/token/", token.ClientToken.as_view(), name="conversation-token"),
]
