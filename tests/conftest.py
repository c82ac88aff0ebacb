"""People that every test knows, and the door to the outside shut."""

import signal
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db import transaction
from pytest_django import Settings

from accounts.models import AGENTS_GROUP, ApiKey, User
from chat import backoff, gathering
from orders.models import Order, OrderLine, Status

Lines = tuple[tuple[str, int, str], ...]
FIRST_SECONDS = backoff.FIRST_SECONDS
DEFAULT_LINES: Lines = (("Widget", 2, "4.99"), ("Blue mug", 1, "12.50"))


def pytest_configure() -> None:
    """Hear Ctrl-C where a shell started the tests in the background: what ignores it, every process that a test starts ignores too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _embedded_mail(settings: Settings) -> None:
    """pytest-django puts a mail backend of its own in; ours is part of what is tested."""
    settings.EMAIL_BACKEND = "orders.backends.embedded.EmailBackend"


@pytest.fixture(autouse=True)
def _what_failed_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that failed may come back after two tenths of a second, which pass while a test on a busy machine still looks."""
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 60.0)


@pytest.fixture(autouse=True)
def _nobody_was_counted_before() -> None:
    """All tests call from one address: what others asked for in the same minute is not counted against this one."""
    cache.clear()


@pytest.fixture(autouse=True)
def _writers_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a socket wrote with is closed when nobody has come for a second. In a test it is the test's own connection, in its transaction,
    and a second passes between two steps on a busy machine.
    """
    monkeypatch.setattr(gathering, "KEPT_SECONDS", 60.0)


@pytest.fixture
def as_soon_as_the_product_has_it(_what_failed_waits: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test of that time itself."""
    monkeypatch.setattr(backoff, "FIRST_SECONDS", FIRST_SECONDS)


@pytest.fixture
def alice(db: None) -> User:
    """A customer."""
    return User.objects.create_user("alice", "alice@example.com", name="Alice Martin")


@pytest.fixture
def bob(db: None) -> User:
    """Another customer, who may see nothing of Alice's."""
    return User.objects.create_user("bob", "bob@example.com", name="Bob Stone")


@pytest.fixture
def agent(db: None) -> User:
    """Somebody who answers chats."""
    person = User.objects.create_user("agent", "agent@example.com", password="a long password", name="Ada Agent")
    # A test that commits leaves tables behind that were flushed, the migrations' own rows with them.
    group, _is_new = Group.objects.get_or_create(name=AGENTS_GROUP)
    group.permissions.add(Permission.objects.get(codename="answer_chats"))
    person.groups.add(group)
    return person


@pytest.fixture
def clerk(db: None) -> User:
    """Staff with every permission."""
    return User.objects.create_superuser("clerk", "clerk@example.com", password="a long password", name="Carl Clerk")


@pytest.fixture
def api_key(clerk: User) -> str:
    """A key of a client that may do everything."""
    client = User.objects.create_superuser("shop", name="The shop")
    client.set_unusable_password()
    client.save()
    _row, key = ApiKey.objects.create_key(user=client, name="shop")
    return str(key)


@pytest.fixture
def place(db: None) -> Callable[..., Order]:
    """Place an order with lines, as the doors do."""

    def place_one(customer: User, *, status: str = Status.PLACED, currency: str = "EUR", lines: Lines = DEFAULT_LINES) -> Order:
        with transaction.atomic():
            order = Order.objects.create(customer=customer, status=status, currency=currency)
            for name, quantity, price in lines:
                OrderLine.objects.create(order=order, name=name, quantity=quantity, unit_price=Decimal(price))
        return order

    return place_one
