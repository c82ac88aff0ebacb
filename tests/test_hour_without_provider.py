"""A provider is away for an hour, on a simulated clock: it is asked now and then, and what has waited goes out at its limit, once each."""

import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat.coordinator import Coordinator
from chat.outbox import State
from orders.backends import sendinblue_wire
from orders.models import Order, OrderConfirmation
from tests.orders.brevo_side import sendinblue
from tests.simulated import Simulation, simulated
from tests.twins import BrevoTwin

HOUR = 3600.0
ORDERS = 200
CALLS_PER_SECOND = 50
LATENCY_SECONDS = 0.05


@dataclass
class Hour:
    """What happened; moments in seconds since it began."""

    calls: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    mails: list[float] = field(default_factory=list)
    doubled: int = 0
    attempts: int = 0
    left: int = 0

    def told(self) -> str:
        """The figures, for people (`pytest -s`)."""
        after = sorted(at - HOUR for at in self.mails)
        seconds = ", ".join(f"{second} s: {count}" for second, count in sorted(Counter(math.floor(at) for at in after).items())[:12])
        return (
            f"in the hour: {self.calls_between(0, HOUR)} calls, {self.most_in_a_second(60, HOUR)} in the fullest second, "
            f"{self.attempts} attempts in all; after it: {self.calls_between(HOUR, math.inf)} calls, {len(self.refused)} answered 429, "
            f"{self.most_in_a_second(HOUR)} in the fullest second; mails: first after {after[0]:.1f} s, half after "
            f"{after[len(after) // 2]:.1f} s, 95 % after {after[len(after) * 95 // 100]:.1f} s, last after {after[-1]:.1f} s ({seconds})"
        )

    def calls_between(self, first: float, last: float) -> int:
        """Calls of all kinds."""
        return sum(first <= at < last for at in self.calls)

    def mails_by(self, moment: float) -> int:
        """Mails that had left by then."""
        return sum(at <= moment for at in self.mails)

    def most_in_a_second(self, first: float, last: float = math.inf) -> int:
        """The calls of the fullest second."""
        return max(Counter(math.floor(at) for at in self.calls if first <= at < last).values(), default=0)


def order(customer: User) -> None:
    """An order that is entered at the simulated moment, which the database's own clock doesn't know."""
    placed = Order.objects.create(customer=customer)
    OrderConfirmation.objects.filter(order=placed).update(created_at=timezone.now(), next_attempt_at=timezone.now())


def play(simulation: Simulation, twin: BrevoTwin, customer: User) -> Hour:
    """Orders come all through the hour; half of it Sendinblue answers 503, half of it nobody listens."""
    began, dice = simulation.now, random.Random(7)
    worker = Coordinator()
    twin.faults.set("*", {"fault": "status", "status": 503})
    for _number in range(ORDERS):
        simulation.at(began + dice.uniform(0, HOUR), partial(order, customer))
    simulation.at(began + HOUR / 2, twin.stop)
    simulation.at(began + HOUR, lambda: (twin.faults.clear(), twin.turn(rate_per_second=CALLS_PER_SECOND), twin.start()))

    def look() -> None:
        if OrderConfirmation.objects.filter(state=State.WAITING).exists() and simulation.now < began + 3 * HOUR:
            simulation.at(simulation.now + 10, look)
        else:
            worker.stop()

    simulation.at(began + HOUR + 10, look)
    worker.run()
    entries = [entry for entry in twin.log.entries() if entry.operation == "brevo.send_mail"]
    return Hour(
        calls=[entry.at - began for entry in twin.log.entries()],
        refused=[entry.at - began for entry in entries if entry.status == 429],
        mails=[mail.at - began for mail in twin.mails],
        doubled=sum(count > 1 for count in twin.per_key().values()),
        attempts=sum(OrderConfirmation.objects.values_list("attempts", flat=True)),
        left=OrderConfirmation.objects.exclude(state=State.DONE).count(),
    )


@pytest.fixture
def hour(settings: Settings, monkeypatch: pytest.MonkeyPatch, alice: User) -> Iterator[Hour]:
    real = sendinblue_wire._call

    with simulated(monkeypatch) as simulation, sendinblue(settings) as twin:

        def slow(*arguments: object, **options: object) -> object:
            simulation.sleep(LATENCY_SECONDS)
            return real(*arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(sendinblue_wire, "_call", slow)
        yield play(simulation, twin, alice)


@pytest.mark.slow
@pytest.mark.timeout(600)
# The worker closes its connection when it ends; inside a test's transaction that would be the test's own.
@pytest.mark.django_db(transaction=True)
def test_what_waited_for_an_hour_goes_out_once_at_the_limit_and_without_a_herd(hour: Hour) -> None:
    print(hour.told())
    waited = [order for order in hour.mails if order >= HOUR]
    assert (len(waited), hour.doubled, hour.left) == (ORDERS, 0, 0)
    # Each ten seconds one call asks whether it is back: one for a mail, and one for the list of those that may have left.
    assert (hour.most_in_a_second(60, HOUR) <= 4, hour.calls_between(60, HOUR) <= 2 * HOUR / 10) == (True, True)
    assert hour.mails_by(HOUR + 10 + 4 * ORDERS / CALLS_PER_SECOND) >= ORDERS / 2
    assert (hour.most_in_a_second(HOUR) <= 2 * CALLS_PER_SECOND, len(hour.refused) <= ORDERS / 10) == (True, True)
