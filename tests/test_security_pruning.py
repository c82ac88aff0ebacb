"""What `manage.py prune` forgets, and what it never does."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.audit import record
from accounts.models import AuditEntry, User
from chat import conversations
from chat.coordinator import drain
from chat.entry import codes, devices
from chat.entry.models import AccessLink, Device, LinkUse, MailedCode
from chat.mirrored import WebhookReceipt
from chat.models import Event
from chat.outbox import State
from orders import feed
from orders.feed_models import FeedEvent
from orders.mail_models import MailEvent, StoredMail
from orders.models import Order, OrderConfirmation
from orders.webhook_models import WebhookDelivery, WebhookEndpoint
from ordersupport import pruning

Place = Callable[..., Order]
AGES: list[tuple[str, int]] = [("old", 4000), ("young", 0)]


@pytest.fixture
def traces(alice: User, place: Place) -> None:
    """One of each kind from long ago, and one of now."""
    now = timezone.now()
    place(alice)
    drain()
    conversations.send_text(conversations.join(conversations.open_for(alice), alice), "Hello")
    for name, days in AGES:
        then = now - timedelta(days=days)
        MailEvent.objects.create(message_id=name, recipient="a@example.com", type="opened", occurred_at=then, received_at=then)
        mail = {"to": "a@example.com", "from_email": "b@example.com", "subject": name}
        StoredMail.objects.create(idempotency_key=name, created_at=then, **mail)
        row = WebhookReceipt.objects.create(provider_conversation_id="CON-1", provider_event_id=name, type="message")
        WebhookReceipt.objects.filter(pk=row.pk).update(state=State.DONE, finished_at=then, created_at=then)
        AuditEntry.objects.filter(pk=record(None, name, alice).pk).update(at=then)
        Session.objects.create(session_key=name, session_data="", expire_date=then + timedelta(days=1))
        attempt = AccessAttempt.objects.create(username=name, ip_address="192.0.2.1", failures_since_start=1)
        AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=then)


def left() -> list[list[str]]:
    """The names of what is there."""
    return [
        list(MailEvent.objects.values_list("message_id", flat=True)),
        list(StoredMail.objects.filter(subject__in=["old", "young"]).values_list("subject", flat=True)),
        list(WebhookReceipt.objects.values_list("provider_event_id", flat=True)),
        list(AuditEntry.objects.values_list("action", flat=True)),
        list(Session.objects.values_list("session_key", flat=True)),
        list(AccessAttempt.objects.values_list("username", flat=True)),
    ]


def test_what_is_old_goes_and_what_is_young_stays(traces: None) -> None:
    pruning.prune()
    assert left() == [["young"]] * 6


def test_orders_their_confirmations_and_what_was_said_are_never_old(traces: None) -> None:
    before = [model.objects.count() for model in (Order, OrderConfirmation, Event, User)]
    pruning.prune(timezone.now() + timedelta(days=10_000))
    assert [model.objects.count() for model in (Order, OrderConfirmation, Event, User)] == before


def test_zero_days_keep_it_for_ever(traces: None, settings: Settings) -> None:
    settings.KEEP_TRACES_DAYS = settings.KEEP_AUDIT_DAYS = 0
    pruning.prune()
    assert [len(names) for names in left()] == [2, 2, 2, 2, 1, 1]


def test_a_webhook_that_still_waits_is_kept_however_old(traces: None) -> None:
    WebhookReceipt.objects.filter(provider_event_id="old").update(state=State.WAITING)
    pruning.prune()
    assert WebhookReceipt.objects.filter(provider_event_id="old").exists()


def test_the_command_says_what_went(traces: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prune")
    call_command("prune")
    said = capsys.readouterr().out
    assert ("mail events 1" in said, "nothing was old" in said) == (True, True)


def test_many_rows_go_some_at_a_time(traces: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH", 2)
    for number in range(5):
        record(None, f"more {number}", "x")
    AuditEntry.objects.all().update(at=timezone.now() - timedelta(days=4000))
    assert pruning.prune()["audit log"] == 7


def test_a_link_goes_long_after_it_ended_with_what_came_by_it(traces: None) -> None:
    link = AccessLink.objects.get()
    devices.enter(link, "first")
    codes.ask(devices.enter(link, "second"))
    pruning.prune(link.expires_at + timedelta(days=1))
    assert AccessLink.objects.count() == 1
    pruning.prune(link.expires_at + timedelta(days=400))
    assert [model.objects.count() for model in (AccessLink, Device, LinkUse, MailedCode)] == [0, 0, 0, 0]


@pytest.fixture
def told(alice: User, place: Place) -> WebhookDelivery:
    """Of what happened to an order an address was told, all of it long ago."""
    endpoint = WebhookEndpoint.objects.create(url="https://shop.example.com/hooks", types=["order.placed"])
    place(alice)
    feed.number()
    then = timezone.now() - timedelta(days=4000)
    FeedEvent.objects.update(happened_at=then)
    WebhookDelivery.objects.update(state=State.DONE, created_at=then, finished_at=then)
    return WebhookDelivery.objects.get(endpoint=endpoint)


def test_what_happened_long_ago_goes_with_the_tellings_of_it_and_the_numbers_go_on(
    told: WebhookDelivery, alice: User, place: Place
) -> None:
    last = FeedEvent.objects.count()
    gone = pruning.prune()
    assert (gone["deliveries of webhooks"], gone["events of the feed"]) == (1, last)
    place(alice)
    feed.number()
    assert [event.sequence for event in feed.page(after=0, limit=10, types=[])[0]] == [last + 1]


@pytest.mark.parametrize("state", [State.WAITING, State.FAILED])
def test_an_event_stays_while_the_telling_of_it_waits_or_is_young(told: WebhookDelivery, state: str) -> None:
    finished = None if state == State.WAITING else timezone.now()
    WebhookDelivery.objects.update(state=state, finished_at=finished)
    pruning.prune()
    assert list(FeedEvent.objects.values_list("pk", "deliveries")) == [(told.event_id, told.pk)]


def test_an_event_that_has_no_number_yet_is_kept_however_old(told: WebhookDelivery) -> None:
    FeedEvent.objects.filter(pk=told.event_id).update(sequence=None)
    WebhookDelivery.objects.all().delete()
    pruning.prune()
    assert [event.pk for event in FeedEvent.objects.all()] == [told.event_id]


def test_a_telling_that_is_sent_again_while_the_old_ones_go_is_kept(told: WebhookDelivery) -> None:
    def press(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("DELETE") and "webhookdelivery" in sql:
            assert WebhookDelivery.objects.get().send_again()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(press):
        pruning.prune()
    assert [row.state for row in WebhookDelivery.objects.all()] == [State.WAITING]


def test_zero_days_keep_what_happened_for_ever(told: WebhookDelivery, settings: Settings) -> None:
    settings.KEEP_TRACES_DAYS = 0
    pruning.prune()
    assert (WebhookDelivery.objects.exists(), FeedEvent.objects.exists()) == (True, True)
