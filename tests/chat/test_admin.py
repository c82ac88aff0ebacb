"""The record as operators see it: readable, and nothing else."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from chat import conversations
from chat.models import Conversation, Event, Member

CONVERSATIONS = reverse("admin:chat_conversation_changelist")
EVENTS = reverse("admin:chat_event_changelist")


@pytest.fixture
def desk(client: Client, clerk: User) -> Client:
    """A browser in which staff is logged in."""
    client.force_login(clerk)
    return client


@pytest.fixture
def talk(db: None) -> Callable[[User, str], Conversation]:
    """Somebody says something."""

    def say(customer: User, text: str) -> Conversation:
        conversation = conversations.open_for(customer)
        conversations.send_text(conversations.join(conversation, customer), text)
        return conversation

    return say


Talk = Callable[[User, str], Conversation]


def test_a_conversation_shows_its_members_and_leads_to_its_events(desk: Client, alice: User, bob: User, talk: Talk) -> None:
    conversation = talk(alice, "Where is my mug?")
    talk(bob, "Something else")
    page = desk.get(reverse("admin:chat_conversation_change", args=[conversation.pk])).content.decode()
    assert "Alice Martin (alice)" in page
    url = f"{EVENTS}?conversation__id__exact={conversation.pk}"
    assert f'href="{url}"' in page
    shown = desk.get(url).content.decode()
    assert "Where is my mug?" in shown
    assert "Something else" not in shown


def test_an_event_names_its_customer_and_leads_to_the_conversation(desk: Client, alice: User, talk: Talk) -> None:
    conversation = talk(alice, "Where is my mug?")
    url = reverse("admin:chat_conversation_change", args=[conversation.pk])
    page = desk.get(EVENTS).content.decode()
    assert f'<a href="{url}">Alice Martin</a>' in page
    assert conversation.public_id not in page


def test_what_a_stranger_wrote_is_shown_as_text(desk: Client, alice: User, talk: Talk) -> None:
    talk(alice, "<img src=x onerror=1>")
    pages = desk.get(EVENTS).content.decode() + desk.get(CONVERSATIONS).content.decode()
    assert "<img src=x" not in pages


@pytest.mark.parametrize("model", [Conversation, Event])
def test_nothing_can_be_changed_or_deleted(desk: Client, alice: User, talk: Talk, model: type[Conversation | Event]) -> None:
    talk(alice, "Hello")
    name, row = model._meta.model_name, model._default_manager.first()
    assert row is not None
    assert desk.get(reverse(f"admin:chat_{name}_change", args=[row.pk])).status_code == 200
    assert desk.post(reverse(f"admin:chat_{name}_change", args=[row.pk]), {"body": "{}"}).status_code == 403
    assert desk.post(reverse(f"admin:chat_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert desk.get(reverse(f"admin:chat_{name}_add")).status_code == 403
    assert Member.objects.count() == 1


@pytest.mark.parametrize("url", [CONVERSATIONS, EVENTS])
def test_the_lists_need_no_more_queries_for_many(desk: Client, alice: User, bob: User, agent: User, talk: Talk, url: str) -> None:
    talk(alice, "One")
    desk.get(url)
    with CaptureQueriesContext(connection) as few:
        desk.get(url)
    for person in (bob, agent, alice, bob):
        talk(person, "More")
    with CaptureQueriesContext(connection) as many:
        desk.get(url)
    assert len(many) == len(few)


@pytest.mark.parametrize("who", ["bob", "agent"])
@pytest.mark.parametrize("url", [CONVERSATIONS, EVENTS])
def test_customers_and_agents_without_staff_rights_get_the_log_in(client: Client, bob: User, agent: User, who: str, url: str) -> None:
    client.force_login(User.objects.get(username=who))
    assert client.get(url).status_code == 302


def test_staff_without_permission_read_nothing(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("helper", "helper@example.com", is_staff=True))
    assert client.get(CONVERSATIONS).status_code == 403
    assert client.get(EVENTS).status_code == 403
