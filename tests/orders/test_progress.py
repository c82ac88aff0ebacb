"""An order that moves on shows in its customer's conversation."""

from collections.abc import Callable
from datetime import timedelta

from django.db import transaction

from accounts.models import User
from chat import conversations, folds
from chat.coordinator import drain
from chat.models import Event
from orders.models import Order, OrderConfirmation, OrderStatusChange, Status

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
    (told,) = status_events()
    assert (told["id"], told["version"], told["previous"], told["status"]) == (order.number, 1, "placed", "shipped")


def test_when_an_order_moved_is_told_however_late_a_worker_came(alice: User, place: Place) -> None:
    order = place(alice)
    drain()
    move(order, Status.SHIPPED)
    OrderStatusChange.objects.update(created_at="2026-11-22T09:48:35.123Z")
    drain()
    assert folds.orders(conversations.open_for(alice))[0]["moved_at"] == "2026-11-22T09:48:35.123Z"


def test_lines_and_status_changed_in_one_save_are_told_together(alice: User, place: Place) -> None:
    order = place(alice, lines=(("Oak board", 1, "89.00"),))
    drain()
    with transaction.atomic():
        move(order, Status.DELIVERED)
        order.lines.update(quantity=9)
    drain()
    (told,) = folds.orders(conversations.open_for(alice))
    assert ([line["total"] for line in told["lines"]], told["total"], told["status"]) == (["801.00"], "801.00", "delivered")


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


def test_moves_before_the_order_is_told_show_in_their_order(alice: User, place: Place) -> None:
    order = place(alice)
    # The order itself has to wait, so both moves are tried too early.
    OrderConfirmation.objects.update(next_attempt_at=order.created_at + timedelta(hours=1))
    move(order, Status.CONFIRMED)
    move(order, Status.SHIPPED)
    drain()
    OrderConfirmation.objects.update(next_attempt_at=order.created_at)
    drain()
    # The second one's turn comes first by the clock.
    first, second = OrderStatusChange.objects.order_by("pk")
    for change in (second, first):
        OrderStatusChange.objects.filter(pk=change.pk).update(next_attempt_at=order.created_at)
        drain()
    drain()
    assert [body["status"] for body in status_events()] == ["confirmed", "shipped"]


def test_a_move_waits_for_no_other_order(alice: User, place: Place) -> None:
    waiting, told = place(alice), place(alice)
    OrderConfirmation.objects.filter(order=waiting).update(next_attempt_at=waiting.created_at + timedelta(hours=1))
    for order in (waiting, told):
        move(order, Status.SHIPPED)
    drain()
    assert [body["id"] for body in status_events()] == [told.number]


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
