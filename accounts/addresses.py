"""A person's mail address is changed. Whoever reads the new mailbox is the person from then on, so it never happens in silence.

The apps above say what has to be done then; nobody has to know of them here.
"""

from collections.abc import Callable

from accounts import audit
from accounts.models import AuditEntry, User

# Takes the person as they are now, and the address before.
Act = Callable[[User, str], None]
_acts: list[Act] = []


def on_change(act: Act) -> Act:
    """Have `act` done in the transaction that changes an address."""
    _acts.append(act)
    return act


def changed(person: User, *, before: str, by: User | None) -> None:
    """Write a change down and do what follows from it; called where the address was stored, in the same transaction.

    A first address changes nothing, nor does another spelling of the same.
    """
    if not before or before.lower() == person.email.lower():
        return
    audit.record(by, AuditEntry.Action.ADDRESS_CHANGED, person)
    for act in _acts:
        act(person, before)
