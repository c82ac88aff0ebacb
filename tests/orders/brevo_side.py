"""Sendinblue's side for tests: our twin of it on loopback, with the settings that point at it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.utils import timezone
from pytest_django import Settings

from chat.coordinator import drain
from orders.backends import sendinblue_wire
from orders.models import Order, OrderConfirmation
from tests.twins import BrevoTwin


@contextmanager
def sendinblue(settings: Settings, **options: Any) -> Iterator[BrevoTwin]:
    """A running twin that every mail of this test goes to; `options` are the twin's."""
    with BrevoTwin(**options) as twin:
        settings.EMAIL_BACKEND = "orders.backends.sendinblue.SendinblueBackend"
        settings.SENDINBLUE_API_KEY = twin.api_key
        settings.SENDINBLUE_API_URL = twin.url
        settings.SENDINBLUE_FROM_EMAIL = settings.DEFAULT_FROM_EMAIL = "shop@example.com"
        settings.SENDINBLUE_FROM_NAME = settings.DEFAULT_FROM_NAME = "The Shop"
        try:
            yield twin
        finally:
            forget_connections()


def forget_connections() -> None:
    """Close what this process keeps open to Sendinblue, and forget how it fared."""
    sendinblue_wire._circuits.clear()
    while sendinblue_wire._clients:
        _key, client = sendinblue_wire._clients.popitem()
        client.rest_client.pool_manager.clear()


def sent(twin: BrevoTwin) -> list[dict[str, Any]]:
    """The JSON of each mail that was asked for, whatever became of it."""
    return [json.loads(entry.body) for entry in twin.log.entries("brevo.send_mail")]


def told(order: Order) -> OrderConfirmation:
    """The order's confirmation, after every row that is due was worked on."""
    drain()
    return order.confirmations.get()


def told_again(order: Order, *, minutes_later: float = 0) -> OrderConfirmation:
    """The same after its back-off, and with the first attempt so many minutes ago."""
    rows = OrderConfirmation.objects.filter(order=order)
    rows.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    if minutes_later:
        rows.filter(mail_tried_at__isnull=False).update(mail_tried_at=timezone.now() - timedelta(minutes=minutes_later))
    return told(order)
