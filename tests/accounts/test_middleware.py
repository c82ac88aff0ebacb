"""Times are read by people in different places."""

from collections.abc import Callable

import time_machine
from django.test import Client

from accounts.languages import zone_of
from accounts.models import User
from chat import conversations
from chat.coordinator import drain
from chat.models import Event
from orders.models import Order
from tests.opening import enter

# One day in UTC and in Tokyo: of another one, or another year, staff read less of a time.
NOON, AFTERNOON = "2026-11-22T12:00:00Z", "2026-11-22T13:00:00Z"


@time_machine.travel(AFTERNOON)
def test_staff_read_times_in_their_own_zone(client: Client, clerk: User, alice: User, place: Callable[..., Order]) -> None:
    User.objects.filter(pk=clerk.pk).update(time_zone="Asia/Tokyo")
    Order.objects.filter(pk=place(alice).pk).update(placed_at=NOON)
    client.force_login(clerk)
    assert "21:00" in client.get("/admin/orders/order/").content.decode()


def test_a_customers_page_has_the_customers_times(client: Client, alice: User, place: Callable[..., Order]) -> None:
    User.objects.filter(pk=alice.pk).update(time_zone="Asia/Tokyo")
    order = place(alice)
    drain()
    Event.objects.update(created_at=NOON)
    assert "21:00" in enter(client, conversations.open_for(alice), order.number).content.decode()


@time_machine.travel(AFTERNOON)
def test_one_persons_zone_does_not_stay_for_the_next(
    client: Client, clerk: User, agent: User, alice: User, place: Callable[..., Order]
) -> None:
    User.objects.filter(pk=clerk.pk).update(time_zone="Asia/Tokyo")
    Order.objects.filter(pk=place(alice).pk).update(placed_at=NOON)
    client.force_login(clerk)
    client.get("/admin/orders/order/")
    User.objects.filter(pk=clerk.pk).update(time_zone="UTC")
    assert "12:00" in client.get("/admin/orders/order/").content.decode()


def test_an_unknown_zone_reads_as_utc() -> None:
    assert zone_of(User(time_zone="Mars/Olympus")).key == "UTC"
