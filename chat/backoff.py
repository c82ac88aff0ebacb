"""When a row of the outbox is tried again."""

import random
from datetime import timedelta

FIRST_SECONDS = 2.0
# A young row is tried each minute at least. An old one waits a tenth of its age, up to a quarter of an hour: after an outage nobody waits
# much longer than it lasted, and thousands of rows don't ask each minute all through a long one.
YOUNG_SECONDS = 60.0
LONGEST_SECONDS = 900.0
# Whatever a provider asks for.
RETRY_AFTER_LONGEST_SECONDS = 86_400.0
# Over which rows that were told one moment come back, at most; the pace does the rest.
SPREAD_SECONDS = 15.0
# Our own pace had no moment soon enough: the row was told when its turn comes.
PACED = "paced"
# With one of these codes we held the call back ourselves: why the row waits is what the provider said before.
HELD_BACK = {"circuit_open", PACED}
# With one of these a provider was not even asked: the attempt counts for nothing.
NOT_TRIED = {*HELD_BACK, "waits_for_reply"}
# A provider that is slow does the work after we gave up waiting for its answer; who looks sooner than this would not find it.
SLOW = {"timeout", "http:504"}
SLOW_SECONDS = 30.0


def delay(attempts: int, *, waited: timedelta, retry_after: float | None, code: str, is_turn: bool = False) -> timedelta:
    """How long a row waits that has waited for so long: at least what the provider asked for.

    `is_turn`: it only came too early, so neither its age nor its attempts count, only what it was told.
    """
    told = min(retry_after or 0.0, RETRY_AFTER_LONGEST_SECONDS)
    if is_turn:
        wait = told or FIRST_SECONDS
        return timedelta(seconds=wait + random.uniform(0, min(wait / 2, SPREAD_SECONDS)))  # noqa: S311 - spreads load
    wait = max(seconds(attempts, waited=waited), told)
    if code in NOT_TRIED:
        # Its attempts don't grow, so its age alone keeps thousands of rows from coming back at one moment.
        wait += random.uniform(0, min(max(waited.total_seconds(), 0.0) / 10, LONGEST_SECONDS))  # noqa: S311 - spreads load
    return timedelta(seconds=wait)


def seconds(attempts: int, *, waited: timedelta) -> float:
    """Exponential with full jitter, so that a provider coming back is not run over."""
    longest = min(max(YOUNG_SECONDS, waited.total_seconds() / 10), LONGEST_SECONDS)
    highest = min(longest, FIRST_SECONDS * 2.0 ** min(attempts - 1, 20))
    return random.uniform(highest / 10, highest)  # noqa: S311 - spreads load, guards nothing
