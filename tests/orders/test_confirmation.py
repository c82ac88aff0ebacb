"""How a placed order becomes a conversation, an event and one mail."""

from collections.abc import Callable

from accounts.models import User
from chat.coordinator import drain
from chat.models import Event
from chat.outbox import State
from orders.models import Order, Status, StoredMail


def test_a_placed_order_is_told_with_its_lines(alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    confirmation = order.confirmations.get()
    mail = StoredMail.objects.get()
    event = Event.objects.get(type="custom:order-confirm-event")
    assert confirmation.state == State.DONE
    assert [line["name"] for line in event.body["lines"]] == ["Widget", "Blue mug"]
    assert event.body["id"] == order.number
    assert "2 × Widget" in mail.text
    assert mail.params["order_text"] == "You purchased 2 × Widget, 1 × Blue mug for €22.48. Thank you for your order!"


def test_a_draft_is_told_to_nobody_until_it_is_placed(alice: User, place: Callable[..., Order]) -> None:
    order = place(alice, status=Status.DRAFT)
    drain()
    assert not StoredMail.objects.exists()
    order.status = Status.PLACED
    order.save()
    drain()
    assert StoredMail.objects.count() == 1
