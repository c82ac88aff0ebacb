"""The link in the mail opens one conversation, for a while, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import signing
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import conversations, links
from chat.models import Conversation

NOW = datetime(2026, 11, 22, 9, 48, tzinfo=UTC)


@pytest.fixture
def conversation(alice: User) -> Conversation:
    """Alice's conversation."""
    return conversations.open_for(alice)


def test_a_key_opens_its_conversation(conversation: Conversation) -> None:
    assert links.opens(links.key_for(conversation, 1001), conversation)


def test_a_key_opens_no_other_conversation(conversation: Conversation, bob: User) -> None:
    assert not links.opens(links.key_for(conversation, 1001), conversations.open_for(bob))


def test_a_key_names_its_order(conversation: Conversation) -> None:
    assert links.names(links.key_for(conversation, 1001), conversation, 1001)


def test_a_key_names_no_other_order(conversation: Conversation) -> None:
    assert not links.names(links.key_for(conversation, 1001), conversation, 1002)


@pytest.mark.parametrize(("days", "opens"), [(89, True), (91, False)])
def test_a_key_opens_for_ninety_days(conversation: Conversation, days: int, opens: bool) -> None:
    with time_machine.travel(NOW, tick=False):
        key = links.key_for(conversation, 1001)
    with time_machine.travel(NOW + timedelta(days=days), tick=False):
        assert links.opens(key, conversation) is opens


def test_how_long_a_key_opens_is_a_setting(conversation: Conversation, settings: Settings) -> None:
    settings.LINK_MAX_AGE_DAYS = 1
    with time_machine.travel(NOW, tick=False):
        key = links.key_for(conversation, 1001)
    with time_machine.travel(NOW + timedelta(days=2), tick=False):
        assert not links.opens(key, conversation)


def test_a_key_of_another_installation_opens_nothing(conversation: Conversation, settings: Settings) -> None:
    key = links.key_for(conversation, 1001)
    settings.SECRET_KEY = "another secret key that is as long as it has to be"
    assert not links.opens(key, conversation)


def test_what_was_signed_for_another_purpose_opens_nothing(conversation: Conversation) -> None:
    assert not links.opens(signing.dumps([conversation.public_id, 1001], salt="something.else"), conversation)


@pytest.mark.parametrize("content", ["text", 5, None, [], ["CON-1"], ["CON-1", "x"], ["CON-1", 1, 2], {"a": 1}])
def test_what_was_signed_in_another_shape_opens_nothing(conversation: Conversation, content: object) -> None:
    assert not links.opens(signing.dumps(content, salt=links.SALT), conversation)


@pytest.mark.parametrize("key", ["", ":", "::", "a:b:c", "\x00", "\ud800", "é" * 100, "x" * 100_000, ".:" * 1000, "....", "-1:-1:-1"])
def test_rubbish_opens_nothing(conversation: Conversation, key: str) -> None:
    assert not links.opens(key, conversation)


@pytest.mark.parametrize("position", [0, 10, 40, -1])
def test_a_key_with_one_character_changed_opens_nothing(conversation: Conversation, position: int) -> None:
    key = list(links.key_for(conversation, 1001))
    key[position] = "x" if key[position] != "x" else "y"
    assert not links.opens("".join(key), conversation)


def test_the_whole_link_is_the_page_with_its_key(conversation: Conversation, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://shop.example"
    url, _question_mark, query = links.url_for(conversation, 1001).partition("?")
    assert url == f"https://shop.example/chat/alice/{conversation.public_id}/1001"
    assert query.startswith("key=")


@pytest.mark.parametrize("username", ["o+neil@example.com", "名前", "a.b-c_d"])
def test_the_link_of_an_unusual_name_leads_to_the_page(conversation: Conversation, client: Client, username: str) -> None:
    User.objects.filter(pk=conversation.customer_id).update(username=username)
    conversation.customer.refresh_from_db()
    link = links.url_for(conversation, 1001).removeprefix("http://localhost:3000")
    assert client.get(link).status_code == 200
