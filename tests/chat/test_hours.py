"""When the desk is open, in the shop's own time; and what a setting that says it wrongly is told."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import HealthCheck, given
from hypothesis import settings as runs
from hypothesis import strategies as some

from chat import hours
from ordersupport.env import Environment

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = hours.read(hours.EXAMPLE)
# In Berlin the clocks go forward on 29 March 2026 and back on 25 October.
BACKWARDS = "closes before it opens; hours past midnight are two parts, one until 24:00 and one from 00:00."
CHANGES = {date(2026, 3, 29), date(2026, 10, 25)}


def berlin(text: str) -> datetime:
    """A moment by the shop's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def shut(text: str, at: str) -> list[tuple[str, str]]:
    """The closed periods of hours from a moment on, by the shop's clock."""
    found = hours.closed(hours.read(text), berlin(at), BERLIN)
    return [(f"{since.astimezone(BERLIN):%a %H:%M}", f"{until.astimezone(BERLIN):%a %H:%M}") for since, until in found]


def test_a_working_day_has_its_evening() -> None:
    assert shut(hours.EXAMPLE, "2026-11-20 12:00")[:3] == [
        ("Fri 17:00", "Sat 10:00"),
        ("Sat 14:00", "Mon 08:00"),
        ("Mon 17:00", "Tue 08:00"),
    ]


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-20 07:59", "Fri 08:00"),
        ("2026-11-20 17:00", "Sat 10:00"),
        ("2026-11-22 23:30", "Mon 08:00"),
        ("2026-11-21 03:00", "Sat 10:00"),
    ],
)
def test_while_it_is_closed_the_period_begins_now(at: str, until: str) -> None:
    assert shut(hours.EXAMPLE, at)[0] == (f"{berlin(at):%a %H:%M}", until)


@pytest.mark.parametrize("at", ["2026-11-20 08:00", "2026-11-20 16:59", "2026-11-21 10:00"])
def test_while_it_is_open_nothing_has_begun(at: str) -> None:
    assert hours.closed(WEEK, berlin(at), BERLIN)[0][0] > berlin(at)


def test_hours_past_midnight_are_one_evening() -> None:
    assert shut("Fri-Sat 20:00-24:00, Sat-Sun 00:00-02:00", "2026-11-20 21:00") == [
        ("Sat 02:00", "Sat 20:00"),
        ("Sun 02:00", "Fri 20:00"),
    ]


def test_a_pause_at_noon_and_hours_that_overlap() -> None:
    assert shut("Mon 8:00-12:00, Mon 11:00-12:30, Mon 13:00-17:00", "2026-11-23 09:00")[:2] == [
        ("Mon 12:30", "Mon 13:00"),
        ("Mon 17:00", "Mon 08:00"),
    ]


def test_days_may_run_over_the_weeks_end() -> None:
    assert sorted(span.weekday for span in hours.read("sat - mon 09:00 – 12:00")) == [0, 5, 6]


def test_a_desk_that_never_closes_and_one_that_is_not_known() -> None:
    assert (shut("Mon-Sun 00:00-24:00", "2026-11-20 12:00"), shut("", "2026-11-20 12:00")) == ([], [])


@pytest.mark.parametrize(
    ("at", "night"),
    [("2026-03-28 18:00", timedelta(hours=14)), ("2026-10-24 18:00", timedelta(hours=16)), ("2026-11-21 18:00", timedelta(hours=15))],
)
def test_the_night_of_a_change_of_clocks_is_an_hour_shorter_or_longer(at: str, night: timedelta) -> None:
    [since, until] = hours.closed(hours.read("Mon-Sun 09:00-18:00"), berlin(at), BERLIN)[0]
    assert (until - since, f"{until.astimezone(BERLIN):%H:%M}") == (night, "09:00")


def test_a_time_that_is_left_out_is_the_one_an_hour_later() -> None:
    assert shut("Sun 02:30-05:00", "2026-03-28 12:00")[0][1] == "Sun 03:30"


def test_of_a_time_that_comes_twice_it_opens_at_the_first_and_closes_at_the_second() -> None:
    opens = hours.closed(hours.read("Sun 02:15-05:00"), berlin("2026-10-24 12:00"), BERLIN)[0][1]
    closes = hours.closed(hours.read("Sun 00:30-02:15"), berlin("2026-10-25 01:00"), BERLIN)[0][0]
    assert [moment.isoformat() for moment in (opens, closes)] == ["2026-10-25T00:15:00+00:00", "2026-10-25T01:15:00+00:00"]


Parts = list[tuple[int, int, int]]
times = some.tuples(some.integers(0, 6), some.integers(0, 1439), some.integers(1, 1440)).filter(lambda part: part[1] < part[2])
# A busy machine may stand still for longer than an example may take.
patiently = runs(deadline=None, suppress_health_check=[HealthCheck.too_slow])
moments = some.integers(0, 365 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))


@patiently
@given(some.lists(times, min_size=1, max_size=6), moments, some.timedeltas(timedelta(), timedelta(days=6)))
def test_at_any_moment_it_is_closed_as_the_clock_on_the_wall_says(parts: Parts, now: datetime, ahead: timedelta) -> None:
    spans, then = [hours.Span(*part) for part in parts], now + ahead
    wall = then.astimezone(BERLIN)
    minute = wall.hour * 60 + wall.minute
    says_open = any(span.weekday == wall.weekday() and span.opens <= minute < span.closes for span in spans)
    is_closed = any(since <= then < until for since, until in hours.closed(spans, now, BERLIN))
    assert wall.date() in CHANGES or is_closed != says_open


@patiently
@given(some.lists(times, max_size=6), moments)
def test_periods_are_in_order_and_none_is_empty_or_over(parts: Parts, now: datetime) -> None:
    ends = [moment for period in hours.closed([hours.Span(*part) for part in parts], now, BERLIN) for moment in period]
    assert (ends == sorted(set(ends)), all(moment >= now for moment in ends)) == (True, True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("always", "'always' is no day with its times."),
        ("Mon-Fri 8-17", "'Mon-Fri 8-17' is no day with its times."),
        ("Mon-Fri 08:00-17:00,", "'' is no day with its times."),
        ("Mon-Fry 08:00-17:00", "'Mon-Fry 08:00-17:00' is no day with its times."),
        ("Mon ٠٨:00-17:00", "'Mon ٠٨:00-17:00' is no day with its times."),
        ("Mon 08:60-17:00", "'Mon 08:60-17:00' has a time that no clock shows."),
        ("Mon 08:00-24:01", "'Mon 08:00-24:01' has a time that no clock shows."),
        (
            "Fri 20:00-02:00",
            "'Fri 20:00-02:00' closes before it opens; hours past midnight are two parts, one until 24:00 and one from 00:00.",
        ),
        (
            "Fri 20:00-20:00",
            "'Fri 20:00-20:00' closes before it opens; hours past midnight are two parts, one until 24:00 and one from 00:00.",
        ),
    ],
)
def test_a_wrong_value_stops_the_start_and_says_what_to_write(monkeypatch: pytest.MonkeyPatch, text: str, reason: str) -> None:
    monkeypatch.setenv("DESK_HOURS", text)
    with pytest.raises(ImproperlyConfigured) as refused:
        Environment(None).hours("DESK_HOURS")
    assert str(refused.value) == f"DESK_HOURS can't be read: {reason} Write days and times, separated by commas, such as {hours.EXAMPLE}."
