"""What several tests of the chat begin with."""

from collections.abc import Callable

import pytest

from accounts.models import User
from chat import gathering
from chat.coordinator import drain
from orders.mail_models import StoredMail
from orders.models import Order


@pytest.fixture(autouse=True)
def _writers_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a socket wrote with is closed when nobody has come for a second. In a test it is the test's own connection, in its transaction,
    and a second passes between two steps on a busy machine."""
    monkeypatch.setattr(gathering, "KEPT_SECONDS", 60.0)


@pytest.fixture
def order(alice: User, place: Callable[..., Order]) -> Order:
    """An order that Alice was told of, long ago: nothing else is in her mailbox."""
    placed = place(alice)
    drain()
    StoredMail.objects.all().delete()
    return placed
