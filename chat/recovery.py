"""After an outage nobody waits for what is over: what a provider's absence held up is due once it answers again.

While a provider is away its rows wait longer and longer, so that thousands of them don't work the database for nothing. The circuit's
own call, one each ten seconds, is what finds out that it is back. How fast the rows then go out is the pace's business.
"""

import logging

from django.db import transaction

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
    now, woken = outbox.clock(), 0
    for model in [model for model in outbox.rules() if names.intersection(model.providers)]:
        waiting = model._base_manager.filter(state=State.WAITING, lease_token=None, next_attempt_at__gt=now)
        woken += waiting.exclude(last_error="").exclude(error_code=backoff.PACED).update(next_attempt_at=now)
    if woken:
        logger.info("%s answers again; %d rows are due", " and ".join(sorted(names)), woken)
        transaction.on_commit(wakes.wake)
    return woken
