"""A provider's limit is learned from its first refusal and kept to."""

import pytest

from chat.backends.pace import Pace


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limited(clock: Clock) -> Pace:
    """A pace whose provider took fifty calls within a second and refused the next."""
    pace = Pace(clock=clock)
    for _ in range(50):
        clock.now += 0.01
        pace.took()
    pace.slow_down(seconds=1.0)
    return pace


def test_nothing_is_held_back_before_the_first_refusal(clock: Clock) -> None:
    assert [Pace(clock=clock).reserve() for _ in range(3)] == [0.0, 0.0, 0.0]


def test_the_limit_is_what_was_taken_in_the_second_before(limited: Pace) -> None:
    assert limited.per_second == pytest.approx(48.5)


def test_the_pause_that_was_asked_for_is_kept(limited: Pace) -> None:
    assert limited.reserve() == pytest.approx(1.0)


def test_calls_are_spread_evenly_afterwards(limited: Pace) -> None:
    first, second = limited.reserve(), limited.reserve()
    assert second - first == pytest.approx(1 / 48.5)


def test_refusals_of_the_same_burst_count_once(limited: Pace, clock: Clock) -> None:
    clock.now += 0.2
    limited.slow_down(seconds=1.0)
    assert limited.per_second == pytest.approx(48.5)


def test_another_refusal_later_means_slower(limited: Pace, clock: Clock) -> None:
    clock.now += 5
    limited.slow_down(seconds=1.0)
    assert limited.per_second == pytest.approx(48.5 * 0.9)


def test_quiet_time_means_a_little_faster(limited: Pace, clock: Clock) -> None:
    clock.now += 21
    limited.reserve()
    assert limited.per_second == pytest.approx(48.5 * 1.05)


def test_a_provider_that_takes_nothing_is_still_asked_now_and_then(clock: Clock) -> None:
    pace = Pace(clock=clock)
    pace.slow_down(seconds=1.0)
    assert pace.per_second == 0.5
