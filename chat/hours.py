"""When somebody is at the desk, as a shop writes it, and so when nobody is. Pure: it reads no clock and no settings."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EXAMPLE = "Mon-Fri 08:00-17:00, Sat 10:00-14:00"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PART = re.compile(r"([a-z]{3})(?:\s*[-–]\s*([a-z]{3}))?\s+([0-9]{1,2}):([0-9]{2})\s*[-–]\s*([0-9]{1,2}):([0-9]{2})")
MIDNIGHT = 24 * 60
AHEAD = timedelta(days=7)


@dataclass(frozen=True)
class Span:
    """On that day of the week (0 is Monday), from one minute of the day to another one; 1440 is its end."""

    weekday: int
    opens: int
    closes: int


def read(text: str) -> tuple[Span, ...]:
    """The hours as written; none where nothing is. Raises ValueError, whose text is a sentence for whoever wrote them."""
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    return tuple(span for part in parts for span in _spans(part))


def closed(spans: Sequence[Span], now: datetime, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """From when until when nobody is there, of all that begins within a week, in order and in UTC. What has begun already begins now.

    Clocks that change: a time that is left out is taken for the one an hour later; of a time that comes twice, the desk opens at the
    first and closes at the second.
    """
    periods, since = [], now.astimezone(UTC)
    for opens, closes in sorted(_opened(spans, now.astimezone(zone).date(), zone)):
        if opens > since:
            periods.append((since, opens))
        since = max(since, closes)
    return [period for period in periods if period[0] - now < AHEAD]


def _spans(part: str) -> Iterator[Span]:
    found = PART.fullmatch(part.lower())
    if not found or not {found[1], found[2] or found[1]} <= set(DAYS):
        raise ValueError(f"{part!r} is no day with its times.")
    opens, closes = int(found[3]) * 60 + int(found[4]), int(found[5]) * 60 + int(found[6])
    if int(found[4]) > 59 or int(found[6]) > 59 or closes > MIDNIGHT:
        raise ValueError(f"{part!r} has a time that no clock shows.")
    if opens >= closes:
        raise ValueError(f"{part!r} closes before it opens; hours past midnight are two parts, one until 24:00 and one from 00:00.")
    first, last = DAYS.index(found[1]), DAYS.index(found[2] or found[1])
    for number in range((last - first) % 7 + 1):
        yield Span((first + number) % 7, opens, closes)


def _opened(spans: Sequence[Span], today: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """The desk's hours from yesterday on, one round of the week longer than is looked ahead."""
    for day in (today + timedelta(days=number) for number in range(-1, 16)):
        for span in spans:
            if span.weekday == day.weekday():
                opens, closes = min(_instants(day, span.opens, zone)), max(_instants(day, span.closes, zone))
                if opens < closes:
                    yield opens, closes


def _instants(day: date, minutes: int, zone: ZoneInfo) -> list[datetime]:
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    found = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    # A time that is left out: both answers are no time of that day, and the later one is what a clock would have come to.
    return found if found[0] <= found[1] else found[:1]
