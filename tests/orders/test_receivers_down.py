"""A receiver that is down, with many deliveries waiting for it, costs the worker next to nothing."""

from collections.abc import Callable

import pytest

from accounts.models import User
from chat.backends.circuit import FAILURES_IN_A_ROW, Circuit
from orders import feed
from orders.models import Order
from orders.webhook_models import WebhookDelivery, WebhookEndpoint, circuit_of

Place = Callable[..., Order]


@pytest.fixture
def down(alice: User, place: Place) -> Circuit:
    """The circuit of a receiver that failed ten times, beside another that is well; for each waits one delivery."""
    endpoint = WebhookEndpoint.objects.create(url="https://down.example.com/")
    WebhookEndpoint.objects.create(url="https://well.example.com/")
    place(alice, status="draft")
    feed.number()
    circuit = Circuit(circuit_of(endpoint.public_id))
    for _call in range(FAILURES_IN_A_ROW):
        circuit.failed()
    return circuit


def claimed() -> list[str]:
    """Whose deliveries the next claim takes."""
    return sorted(row.endpoint.url for row in WebhookDelivery.claim(50))


def test_nothing_is_taken_for_a_receiver_that_is_down(down: Circuit) -> None:
    assert claimed() == ["https://well.example.com/"]


def test_what_waits_for_it_is_taken_once_it_is_back(down: Circuit) -> None:
    claimed()
    down.succeeded()
    assert claimed() == ["https://down.example.com/"]


def test_its_deliveries_count_no_attempt_meanwhile(down: Circuit) -> None:
    claimed()
    waiting = WebhookDelivery.objects.get(endpoint__url="https://down.example.com/")
    assert (waiting.attempts, waiting.last_error, waiting.lease_token) == (0, "", None)
