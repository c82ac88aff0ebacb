"""After an outage nobody waits for what is over: what a provider's absence held up is due once it answers again.

While a provider is away its rows wait longer and longer, so that thousands of them don't work the database for nothing. The circuit's
own call, one each ten seconds, is what finds out that it is back. How fast the rows then go out is the pace's business.
"""

import logging
from datetime import timedelta

from django.db import DatabaseError, transaction

from chat import backoff, outbox, wakes
from chat.backends import circuit
from chat.outbox import State

logger = logging.getLogger(__name__)


def wake_what_waited() -> int:
    """Make due what waits for a provider that this process just heard from again; how many rows.

    Rows that were not tried yet keep their moment, those that wait their turn their place, and rows in hand their lease.
    """
    names = circuit.came_back()
    if not names:
        return 0
    try:
        woken = _make_due(names)
    except DatabaseError:
        circuit.still_to_wake(names)
        raise
    if woken:
        logger.info("%s answers again; %d rows are due", " and ".join(sorted(names)), woken)
        transaction.on_commit(wakes.wake)
    return woken


def _make_due(names: set[str]) -> int:
    now, woken = outbox.clock(), 0
    for model in [model for model in outbox.rules() if names.intersection(model.providers)]:
        waiting = model._base_manager.filter(state=State.WAITING, lease_token=None, next_attempt_at__gt=now)
        waiting = waiting.exclude(last_error="").exclude(error_code=backoff.PACED)
        woken += waiting.exclude(error_code__in=backoff.SLOW).update(next_attempt_at=now)
        # What it may be doing at this moment is looked for when that is over.
        soon = now + timedelta(seconds=backoff.SLOW_SECONDS)
        woken += waiting.filter(error_code__in=backoff.SLOW, next_attempt_at__gt=soon).update(next_attempt_at=soon)
    return woken
