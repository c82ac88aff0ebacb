"""An order that moves on shows in its customer's conversation."""

from collections.abc import Callable

from accounts.models import User
from chat.coordinator import drain
from chat.models import Event
from orders.models import Order, OrderStatusChange, Status

Place = Callable[..., Order]


def move(order: Order, status: str) -> None:
    """As the admin does it: read, change, save."""
    fresh = Order.objects.get(pk=order.pk)
    fresh.status = status
    fresh.save()


def status_events() -> list[dict[str, object]]:
    """The bodies of all status events, in order."""
    return list(Event.objects.filter(type="custom:order-status-event").order_by("sequence").values_list("body", flat=True))


def test_a_shipped_order_shows_in_the_conversation(alice: User, place: Place) -> None:
    order = place(alice)
    drain()
    move(order, Status.SHIPPED)
    drain()
    assert status_events() == [
        {"id": order.number, "version": 1, "status": "shipped", "previous": "placed", "total": "22.48", "currency": "EUR"}
    ]


def test_saving_without_a_new_status_adds_nothing(alice: User, place: Place) -> None:
    order = place(alice)
    move(order, Status.PLACED)
    drain()
    assert status_events() == []


def test_placing_a_draft_is_told_by_the_order_itself(alice: User, place: Place) -> None:
    order = place(alice, status=Status.DRAFT)
    move(order, Status.PLACED)
    drain()
    assert list(Event.objects.values_list("type", flat=True)) == ["member:joined", "custom:order-confirm-event"]


def test_two_moves_in_one_object_are_two_events(alice: User, place: Place) -> None:
    order = place(alice)
    drain()
    order.status = Status.SHIPPED
    order.save()
    order.status = Status.DELIVERED
    order.save()
    drain()
    assert [(body["previous"], body["status"]) for body in status_events()] == [("placed", "shipped"), ("shipped", "delivered")]


def test_an_order_cancelled_before_it_was_told_stays_unknown_to_the_customer(alice: User, place: Place) -> None:
    order = place(alice)
    move(order, Status.CANCELLED)
    drain()
    OrderStatusChange.objects.update(next_attempt_at=order.created_at)
    drain()
    assert (Event.objects.filter(type__startswith="custom:").count(), OrderStatusChange.objects.get().state) == (0, "cancelled")


def test_running_a_change_twice_adds_one_event(alice: User, place: Place) -> None:
    order = place(alice)
    drain()
    move(order, Status.SHIPPED)
    drain()
    OrderStatusChange.objects.update(state="waiting", next_attempt_at=order.created_at)
    drain()
    assert len(status_events()) == 1
