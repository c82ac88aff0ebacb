"""The chat page and the inbox on the wire."""

import gzip

import pytest
from django.test import Client

from accounts.models import User
from chat import conversations, links
from chat.models import Conversation
from tests.chat.vonage_side import order_told

ZIPPED = {"Accept-Encoding": "gzip"}


@pytest.fixture
def conversation(alice: User) -> Conversation:
    return conversations.open_for(alice)


@pytest.fixture
def number(conversation: Conversation, alice: User) -> int:
    """The order that Alice was told of."""
    told = order_told(alice)
    return int(str(told.body["id"]))


def test_the_chat_page_is_compressed_for_browsers_that_take_it(client: Client, conversation: Conversation, number: int) -> None:
    answer = client.get(links.path_for(conversation, number), {"key": links.key_for(conversation, number)}, headers=ZIPPED)
    assert answer["Content-Encoding"] == "gzip"
    assert b"page-data" in gzip.decompress(answer.content)


def test_other_browsers_get_it_as_it_is(client: Client, conversation: Conversation, number: int) -> None:
    answer = client.get(links.path_for(conversation, number), {"key": links.key_for(conversation, number)})
    assert b"page-data" in answer.content


def test_the_mails_key_is_nowhere_in_the_page(client: Client, conversation: Conversation, number: int) -> None:
    key = links.key_for(conversation, number)
    page = client.get(links.path_for(conversation, number), {"key": key}).content.decode()
    assert key.rpartition(":")[2] not in page


def test_pages_with_many_peoples_words_are_not_compressed(client: Client, conversation: Conversation, agent: User) -> None:
    client.force_login(agent)
    answer = client.get("/inbox/", headers=ZIPPED)
    assert (answer.status_code, answer.has_header("Content-Encoding")) == (200, False)
