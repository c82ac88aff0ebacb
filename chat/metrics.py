"""What Prometheus may ask: numbers and codes only, never a name, an address or a text."""

from collections.abc import Iterator

from django.db.models import Count, Min, Q
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector

from chat import outbox
from chat.backends.circuit import all_circuits
from chat.hub import hub
from chat.outbox import State

ATTEMPTS = Counter("ordersupport_outbox_attempts", "Attempts at rows of the outbox that came to an end.", ["kind", "outcome"])
PROVIDER_SECONDS = Histogram("ordersupport_provider_seconds", "Calls to providers, by how they ended.", ["provider", "outcome"])
EVENTS = Counter("ordersupport_events", "Events stored in conversations by this process.", ["kind"])


class Outbox(Collector):
    """The outbox as the database has it at the time of asking, whichever process asks."""

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing beforehand: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """How many rows are in which state, and how long the oldest due one has waited."""
        rows = GaugeMetricFamily("ordersupport_outbox_rows", "Rows of the outbox.", labels=["kind", "state"])
        oldest = GaugeMetricFamily("ordersupport_outbox_oldest_due_seconds", "Age of the oldest row that is due.", labels=["kind"])
        now = outbox.clock()
        for model in outbox.rules():
            kind = str(model._meta.model_name)
            due = Q(next_attempt_at__lte=now)
            # Two questions, each by an index of its own: nearly all rows are done, and none of those is read.
            counted = model._base_manager.filter(state=State.WAITING).aggregate(
                due=Count("pk", filter=due),
                waiting=Count("pk", filter=Q(next_attempt_at__gt=now)),
                unknown=Count("pk", filter=Q(is_unknown=True)),
                oldest=Min("next_attempt_at", filter=due),
            )
            since = counted.pop("oldest")
            counted["failed"] = model._base_manager.filter(state=State.FAILED).count()
            for state, count in counted.items():
                rows.add_metric([kind, state], count)
            oldest.add_metric([kind], (now - since).total_seconds() if since else 0)
        yield rows
        yield oldest


class Circuits(Collector):
    """Which providers this process holds its calls back from."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """1 while the circuit is open, and the pace in calls a second where one was learned."""
        is_open = GaugeMetricFamily("ordersupport_circuit_open", "Calls to this provider are held back.", labels=["provider"])
        pace = GaugeMetricFamily("ordersupport_pace_per_second", "The pace learned from the provider's refusals.", labels=["provider"])
        circuits = all_circuits()
        for name in sorted({circuit.name for circuit in circuits}):
            same = [circuit for circuit in circuits if circuit.name == name]
            is_open.add_metric([name], any(circuit.is_open for circuit in same))
            for learned in [circuit.pace.learned for circuit in same if circuit.pace.learned is not None][:1]:
                pace.add_metric([name], learned)
        yield is_open
        yield pace


class Sockets(Collector):
    """How many sockets this process holds open."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One number."""
        yield GaugeMetricFamily("ordersupport_sockets", "Sockets that listen in this process.", value=len(hub))


def register() -> None:
    """Make all of them known, once."""
    REGISTRY.register(Outbox())
    REGISTRY.register(Sockets())
    REGISTRY.register(Circuits())
