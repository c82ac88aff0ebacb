"""What several tests of the chat begin with."""

from collections.abc import Callable

import pytest

from accounts.models import User
from chat.coordinator import drain
from orders.mail_models import StoredMail
from orders.models import Order


@pytest.fixture
def order(alice: User, place: Callable[..., Order]) -> Order:
    """An order that Alice was told of, long ago: nothing else is in her mailbox."""
    placed = place(alice)
    drain()
    StoredMail.objects.all().delete()
    return placed
