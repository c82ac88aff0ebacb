"""Dates as the server writes them; tests/e2e/test_panel.py holds the pages' scripts against them."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.utils import timezone, translation
from django.utils.formats import date_format

from chat import formats
from orders import journey

MOMENT = datetime(2001, 3, 9, 9, 5, tzinfo=UTC)
# A day that does not end between two looks at the clock.
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["Mar 9, 2001", "Mar 9, 2001, 09:05", "Mar 9, 2001", "Mar 9, 2001, 09:05", "09:05", "Mar 9"]),
        ("zh-hans", ["2001年3月9日", "2001年3月9日 09:05", "2001年3月9日", "2001年3月9日 09:05", "09:05", "3月9日"]),
    ],
)
def test_dates_are_short_and_clocks_have_24_hours(language: str, expected: list[str]) -> None:
    names = ["DATE_FORMAT", "DATETIME_FORMAT", "SHORT_DATE_FORMAT", "SHORT_DATETIME_FORMAT", "TIME_FORMAT", "MONTH_DAY_FORMAT"]
    with translation.override(language):
        assert [date_format(MOMENT, name) for name in names] == expected


@time_machine.travel(NOON, tick=False)
def test_the_inbox_leaves_out_what_goes_without_saying() -> None:
    today = timezone.localtime().replace(hour=9, minute=5)
    other_day = today.replace(month=3, day=9)
    shown = [formats.day_or_time(moment) for moment in (today, other_day, MOMENT)]
    assert shown == ["09:05", "Mar 9", "Mar 9, 2001"]


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(("language", "expected"), [("en", "Mar {}, 09:05"), ("zh-hans", "3月{}日 09:05")])
def test_the_admin_tells_the_hour_of_this_years_days(language: str, expected: str) -> None:
    today = timezone.localtime().replace(hour=9, minute=5)
    other_day = today.replace(month=3, day=9)
    with translation.override(language):
        assert journey.moment(other_day) == expected.format(other_day.day)
