"""A column of the admin's lists: whose conversation a row belongs to. Its id is 40 letters, and says nothing to a person."""

from typing import Protocol

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chat.models import Conversation


class OfConversation(Protocol):
    """A row of one conversation."""

    conversation: Conversation


class ConversationColumn:
    """Lists that name `talk_with` select `conversation__customer` along."""

    @admin.display(description=_("conversation"), ordering="conversation")
    def talk_with(self, row: OfConversation) -> SafeString:
        """The customer's name, leading to the conversation."""
        url = reverse("admin:chat_conversation_change", args=[row.conversation.pk])
        return format_html('<a href="{}">{}</a>', url, row.conversation.customer.display_name)
