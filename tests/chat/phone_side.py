"""People with phones for tests: agents on duty, a customer's browser, and what the conversation tells of a call."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import AGENTS_GROUP, User
from chat import conversations
from chat.coordinator import drain
from chat.mirrored import EventKind, MirrorRefusal
from chat.models import Conversation, Event
from chat.phones.models import CallReport, Notice, PhoneCall, StoredText
from tests.chat.vonage_side import order_told
from tests.opening import enter

MARIA, ROBIN = "+1 202 555 0143", "+1 202 555 0144"
CUSTOMER = "+46 70 555 01 20"
Json = dict[str, Any]


def on_duty(username: str, phone: str, **more: Any) -> User:
    """An agent on duty."""
    person = User.objects.create_user(username, f"{username}@example.com", name=username.title(), phone=phone, on_duty=True, **more)
    # A test that commits leaves tables behind that were flushed, the migrations' own rows with them.
    group, _is_new = Group.objects.get_or_create(name=AGENTS_GROUP)
    group.permissions.add(Permission.objects.get(codename="answer_chats"))
    person.groups.add(group)
    return person


def messaging_is_over() -> None:
    """Vonage copies no conversation, as since 2026-04-30; texts and calls go on, and the tests save its copies' time."""
    MirrorRefusal.objects.create(kind=EventKind.EVERYTHING, code="over", reason="In-App Messaging has ended.")


def browser_of(customer: User) -> Client:
    """A browser in which the customer opened the link of their mail."""
    order_told(customer)
    client = Client(enforce_csrf_checks=False)
    enter(client, conversation_of(customer), 1002)
    return client


def log_in(person: User) -> Client:
    """A browser in which an agent has logged in."""
    client = Client()
    client.force_login(person)
    return client


def conversation_of(customer: User) -> Conversation:
    """The customer's one conversation."""
    return conversations.open_for(customer)


def address(customer: User, door: str) -> str:
    """A door of the customer's conversation: events, present, calls."""
    return f"/api/conversations/{conversation_of(customer).public_id}/{door}/"


def write(client: Client, customer: User, text: str = "Hello") -> HttpResponse:
    """Write a message in the customer's conversation."""
    body = {"type": "message", "body": {"message_type": "text", "text": text}}
    return client.post(address(customer, "events"), body, content_type="application/json")


def ask(client: Client, customer: User, phone: str = CUSTOMER, **more: Any) -> HttpResponse:
    """Press "Call me"."""
    return client.post(address(customer, "calls"), {"phone": phone} | more, content_type="application/json")


def work() -> None:
    """Everything that is due."""
    drain()


def work_later() -> None:
    """Everything that waits, its pause being over."""
    for kind in (Notice, PhoneCall, CallReport):
        kind.objects.filter(lease_token=None).update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    drain()


def minutes_pass(count: float) -> None:
    """As if everything that was said, and every call, were so much older."""
    ago = timezone.now() - timedelta(minutes=count)
    Event.objects.update(created_at=ago)
    PhoneCall.objects.update(changed_at=ago, created_at=ago)
    PhoneCall.objects.exclude(placing_at=None).update(placing_at=ago)


def texts() -> list[tuple[str, str]]:
    """What the demo's phones show, oldest first: (number, text)."""
    return list(StoredText.objects.order_by("pk").values_list("to", "text"))


def told(customer: User) -> list[str]:
    """What the conversation tells of calls, in order: "ringing agent", …"""
    events = conversation_of(customer).events.filter(type="custom:call-event").order_by("sequence")
    return [f"{event.body['state']} {event.body['side']}" for event in events]


def last_told(customer: User) -> Json:
    """The body of the last event that tells of a call."""
    event = conversation_of(customer).events.filter(type="custom:call-event").order_by("sequence").last()
    assert event
    return event.body
