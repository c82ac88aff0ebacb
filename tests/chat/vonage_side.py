"""Vonage's side for tests: our twin of it on loopback over TLS, with the settings that point at it."""

import atexit
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat import conversations
from chat.backends import vonage_client
from chat.backends.circuit import Circuit
from chat.backends.vonage_tokens import server_token
from chat.coordinator import drain
from chat.mirrored import MirroredEvent
from chat.models import Conversation, Event, Member
from tests.twins import Twins, VonageTwin

ORDER: dict[str, Any] = {"id": 1002, "text": "You purchased 1 × Widget for $4.99. Thank you for your order!"}


@functools.cache
def _twins() -> Twins:
    """Started once: an authority and two ports take a while."""
    twins = Twins().start()
    atexit.register(twins.stop)
    return twins


@contextmanager
def vonage_side(settings: Settings) -> Iterator[VonageTwin]:
    """An empty Vonage that this test's conversations are copied to."""
    twins = _twins()
    twins.reset()
    vonage_client.close()
    server_token.forget(server_token._token)
    settings.VONAGE_APPLICATION_ID = twins.vonage.application_id
    settings.VONAGE_PRIVATE_KEY = twins.private_key_file
    settings.VONAGE_API_HOST = twins.vonage.host
    with (
        mock.patch.dict(os.environ, {"REQUESTS_CA_BUNDLE": twins.ca_file}),
        mock.patch.object(vonage_client, "circuit", Circuit("Vonage")),
        mock.patch.object(vonage_client, "phones_circuit", Circuit("Vonage's texts and calls")),
    ):
        yield twins.vonage
    vonage_client.close()


def order_told(customer: User, number: int = 1002) -> Event:
    """The event of an order in the customer's conversation, not copied yet."""
    body = ORDER | {"id": number}
    return conversations.add_event(conversations.open_for(customer), "custom:order-confirm-event", body, key=f"order:{number}")


def member_of(user: User, conversation: Conversation) -> Member:
    """Their membership, with the conversation at hand."""
    member = conversations.join(conversation, user)
    member.conversation = conversation
    return member


def known_member(customer: User) -> Member:
    """The customer in their conversation, both known at Vonage."""
    member = member_of(customer, conversations.open_for(customer))
    work()
    member.refresh_from_db()
    return member


def work() -> None:
    """Everything that is due."""
    drain()


def work_again() -> None:
    """Everything that waits, its back-off being over."""
    MirroredEvent.objects.filter(lease_token=None).update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    drain()


def row_of(event: Event) -> MirroredEvent:
    """The event's row as it is now."""
    return MirroredEvent.objects.get(event=event)


def calls(twin: VonageTwin) -> list[str]:
    """What was asked, in order: create_user, create_conversation, …"""
    return [entry.operation.removeprefix("vonage.") for entry in twin.log.entries()]


def own_ids(twin: VonageTwin) -> list[str]:
    """Our ids in the bodies of the custom events that Vonage holds, in order."""
    return [event["body"]["_id"] for event in twin.events(kind="custom:order-confirm-event")]
