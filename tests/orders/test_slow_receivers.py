"""A receiver that drips holds up neither other receivers nor the end of the process."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from chat.coordinator import Coordinator
from chat.outbox import BackendError
from orders import feed
from orders.backends import endpoints
from orders.models import Order
from orders.webhook_models import WebhookDelivery, WebhookEndpoint
from tests.accounts.threads import THREADS
from tests.orders.slow_side import CONTINUES, DRIP, SILENT, SlowReceiver
from tests.running import wait_for

Place = Callable[..., Order]
PATIENCE_SECONDS = 20


@pytest.fixture(autouse=True)
def _to_this_machine(settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE = True


@pytest.fixture
def slow() -> Iterator[SlowReceiver]:
    """One that drips."""
    with SlowReceiver() as receiver:
        yield receiver


@pytest.mark.parametrize("manner", [DRIP, CONTINUES, SILENT], ids=["a head that drips", "100 for ever", "silence"])
def test_a_call_ends_at_its_deadline_however_the_receiver_goes_on(
    monkeypatch: pytest.MonkeyPatch, manner: tuple[bytes, bytes], db: None
) -> None:
    monkeypatch.setattr(endpoints, "EXCHANGE_SECONDS", 1.0)
    with SlowReceiver(manner) as receiver:
        began = time.monotonic()
        with pytest.raises(BackendError) as refused:
            endpoints.post(receiver.url, b"{}", {}, name=receiver.url)
    assert (refused.value.code, refused.value.permanent, time.monotonic() - began < 10) == ("too_slow", False, True)


def test_a_call_ends_at_its_deadline_though_the_handshake_of_tls_drips(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr(endpoints, "EXCHANGE_SECONDS", 1.0)
    # The head of a record of 16 kB that comes a byte at a time.
    with SlowReceiver((b"\x16\x03\x03\x40\x00", b"\x02")) as receiver:
        began = time.monotonic()
        with pytest.raises(BackendError) as refused:
            endpoints.post(receiver.url.replace("http:", "https:"), b"{}", {}, name=receiver.url)
    assert (refused.value.code, time.monotonic() - began < 10) == ("too_slow", True)


def test_all_of_a_call_is_over_before_its_lease(settings: Settings) -> None:
    assert endpoints.CONNECT_SECONDS + endpoints.EXCHANGE_SECONDS < settings.OUTBOX_LEASE_SECONDS / 2


def waiting(place: Place, alice: User, *, slow: int, quick: int) -> tuple[WebhookEndpoint, WebhookEndpoint]:
    """So many deliveries to a slow endpoint, and after them so many to another."""
    first = WebhookEndpoint.objects.create(url="https://slow.example.com/")
    for _number in range(slow):
        place(alice, status="draft")
    feed.number()
    WebhookEndpoint.objects.update(is_active=False)
    other = WebhookEndpoint.objects.create(url="https://quick.example.com/")
    for _number in range(quick):
        place(alice, status="draft")
    feed.number()
    return first, other


def claimed() -> list[str]:
    """Whose deliveries the next claim takes."""
    return sorted(row.endpoint.url for row in WebhookDelivery.claim(50))


def test_an_endpoint_takes_two_at_once_and_leaves_room_for_the_others(alice: User, place: Place) -> None:
    waiting(place, alice, slow=30, quick=1)
    assert (claimed(), claimed()) == (["https://quick.example.com/", "https://slow.example.com/", "https://slow.example.com/"], [])


def test_where_one_has_come_back_the_endpoints_next_one_is_taken(alice: User, place: Place) -> None:
    waiting(place, alice, slow=30, quick=0)
    first, _second = WebhookDelivery.claim(50)
    first.finish()
    assert claimed() == ["https://slow.example.com/"]


def test_the_oldest_of_an_endpoint_goes_first(alice: User, place: Place) -> None:
    waiting(place, alice, slow=5, quick=0)
    oldest = list(WebhookDelivery.objects.order_by("pk").values_list("pk", flat=True)[:2])
    assert [row.pk for row in WebhookDelivery.claim(50)] == oldest


def test_all_endpoints_together_take_ten_at_once(alice: User, place: Place) -> None:
    for number in range(8):
        WebhookEndpoint.objects.create(url=f"https://shop{number}.example.com/")
    place(alice, status="draft")
    place(alice, status="draft")
    feed.number()
    assert (len(claimed()), len(claimed())) == (WebhookDelivery.MOST_AT_ONCE, 0)


@THREADS
def test_a_worker_that_is_stopped_breaks_off_what_drips(slow: SlowReceiver, alice: User, place: Place) -> None:
    endpoint = WebhookEndpoint.objects.create(url=slow.url)
    place(alice, status="draft")
    worker = Coordinator(threads=4)
    thread = threading.Thread(target=worker.run)
    thread.start()
    wait_for(lambda: slow.met, "the delivery to begin")
    began = time.monotonic()
    worker.stop()
    thread.join(PATIENCE_SECONDS)
    row = WebhookDelivery.objects.get()
    endpoint.refresh_from_db()
    assert (thread.is_alive(), time.monotonic() - began < 10) == (False, True)
    assert (row.state, row.error_code, row.lease_token, endpoint.failing_since) == ("waiting", "stopped", None, None)
