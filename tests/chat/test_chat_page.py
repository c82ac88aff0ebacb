"""The chat page and the inbox on the wire."""

import gzip
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import conversations, links
from chat.models import Conversation
from tests.chat.vonage_side import order_told
from tests.opening import come_in, enter, link_to

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
    enter(client, conversation, number)
    answer = client.get(links.path_for(conversation, number), headers=ZIPPED)
    assert answer["Content-Encoding"] == "gzip"
    assert b"page-data" in gzip.decompress(answer.content)


def test_other_browsers_get_it_as_it_is(client: Client, conversation: Conversation, number: int) -> None:
    answer = enter(client, conversation, number)
    assert b"page-data" in answer.content


def test_the_mails_key_is_nowhere_in_the_page(client: Client, conversation: Conversation, number: int) -> None:
    link = link_to(conversation, number)
    assert link.partition("key=")[2] not in come_in(client, link).content.decode()


def test_the_page_with_the_key_is_never_compressed(client: Client, conversation: Conversation, number: int) -> None:
    answer = client.get(link_to(conversation, number), headers=ZIPPED)
    assert (answer.status_code, answer.has_header("Content-Encoding")) == (200, False)


def test_pages_with_many_peoples_words_are_not_compressed(client: Client, conversation: Conversation, agent: User) -> None:
    client.force_login(agent)
    answer = client.get("/inbox/", headers=ZIPPED)
    assert (answer.status_code, answer.has_header("Content-Encoding")) == (200, False)


# What the page's Client SDK is made of.


def page_of(agent: User, conversation: Conversation) -> Any:
    """The data that the page hands to its scripts, and its HTML."""
    client = Client()
    client.force_login(agent)
    answer = client.get(f"/chat/{agent.username}/{conversation.public_id}/1002")
    return answer.context["page"]["vonage"], answer.content.decode()


def test_the_default_page_knows_nothing_of_vonages_sdk(conversation: Conversation, agent: User) -> None:
    vonage, html = page_of(agent, conversation)
    assert (vonage, "client-sdk" in html, "detour" in html) == (None, False, False)


def test_the_client_sdks_page_has_the_script_its_hash_and_the_addresses(
    conversation: Conversation, agent: User, settings: Settings
) -> None:
    settings.CHAT_TRANSPORT, settings.VONAGE_CLIENT_SDK_URL = "client-sdk", "https://cdn.example/sdk.js"
    settings.VONAGE_CLIENT_SDK_INTEGRITY, settings.VONAGE_API_HOST = "sha384-abc", "localhost:4001"
    settings.VONAGE_WS_URL = "wss://localhost:4001"
    assert page_of(agent, conversation)[0] == {
        "script": "https://cdn.example/sdk.js",
        "integrity": "sha384-abc",
        "apiUrl": "https://localhost:4001",
        "websocketUrl": "wss://localhost:4001",
    }


@pytest.mark.parametrize(
    ("api_host", "socket_url", "expected"),
    [
        ("api.nexmo.com", "wss://ws-us.vonage.com", "https://api-us.vonage.com"),
        ("api.nexmo.com", "wss://ws-eu.vonage.com", "https://api-eu.vonage.com"),
        ("api-ap.vonage.com", "wss://ws-us.vonage.com", "https://api-ap.vonage.com"),
        ("api.nexmo.com", "wss://relay.example", "https://api.nexmo.com"),
    ],
)
def test_both_addresses_are_of_one_region(
    conversation: Conversation, agent: User, settings: Settings, api_host: str, socket_url: str, expected: str
) -> None:
    settings.CHAT_TRANSPORT, settings.VONAGE_API_HOST, settings.VONAGE_WS_URL = "client-sdk", api_host, socket_url
    assert page_of(agent, conversation)[0]["apiUrl"] == expected
