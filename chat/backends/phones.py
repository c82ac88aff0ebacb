"""What we ask of whoever reaches phones: one verb, one request. Numbers are E.164 digits without the plus."""

from dataclasses import dataclass

from chat.outbox import BackendError


@dataclass(frozen=True)
class CallPlan:
    """A call to place: the agent's phone first, and once it is answered, the customer's.

    `name`: our own id of the call, by which its news is known. `greeting`: what the agent hears first, in the language `language`.
    """

    name: str
    agent_number: str
    customer_number: str
    greeting: str
    language: str


@dataclass(frozen=True)
class Placed:
    """A call that the provider took: the id of its first leg (the agent's), and of what all its legs have in common."""

    leg_id: str
    conversation_id: str


class Phones:
    """The verbs. Here nobody has a phone; whoever does overrides them.

    `is_local`: it writes to our own database. `name`: for the metrics.
    """

    is_local = False
    name = "none"

    @property
    def can_text(self) -> bool:
        """Whether texts can be sent."""
        return False

    @property
    def can_call(self) -> bool:
        """Whether calls can be placed."""
        return False

    def send_text(self, to: str, text: str, *, name: str) -> str:
        """Send one text; the provider's id of it. `name`: ours, which shows in its logs. Not safe to repeat. Raises BackendError."""
        raise self._nobody()

    def place_call(self, plan: CallPlan) -> Placed:
        """Ring the agent. Not safe to repeat. Raises BackendError."""
        raise self._nobody()

    def _nobody(self) -> BackendError:
        return BackendError("There is no provider that reaches phones.", code="not_configured", permanent=True)
