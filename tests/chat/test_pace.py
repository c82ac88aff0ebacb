"""A provider's limit is learned from its first refusal and kept to."""

import heapq

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


def refuse(pace: Pace, times: int = 3) -> None:
    """Several calls that were under way together are refused."""
    for _time in range(times):
        pace.slow_down(seconds=1.0)


@pytest.fixture
def limited(clock: Clock) -> Pace:
    """A pace whose provider took fifty calls within a second and refused the next three."""
    pace = Pace(clock=clock)
    for _ in range(50):
        clock.now += 0.01
        pace.took()
    refuse(pace)
    return pace


def test_nothing_is_held_back_before_the_first_refusal(clock: Clock) -> None:
    assert [Pace(clock=clock).reserve() for _ in range(3)] == [0.0, 0.0, 0.0]


def test_the_limit_is_what_was_taken_in_the_second_before(limited: Pace) -> None:
    assert limited.per_second == pytest.approx(48.5)


def test_a_refusal_now_and_then_is_no_limit(clock: Clock) -> None:
    pace = Pace(clock=clock)
    for _ in range(50):
        clock.now += 1
        pace.took()
        refuse(pace, 1)
    assert pace.per_second is None


def test_the_pause_that_was_asked_for_is_kept(limited: Pace) -> None:
    assert limited.reserve() == pytest.approx(1.0)


def test_calls_are_spread_evenly_afterwards(limited: Pace) -> None:
    first, second = limited.reserve(), limited.reserve()
    assert second - first == pytest.approx(1 / 48.5)


def test_who_can_t_wait_takes_no_moment_from_the_others(limited: Pace) -> None:
    waits = [limited.reserve(longest=0.5) for _ in range(100)]
    assert (max(waits), limited.reserve()) == (pytest.approx(1.0), pytest.approx(1.0))


def test_however_many_wait_all_get_their_turn(clock: Clock) -> None:
    pace = Pace(clock=clock)
    refuse(pace)
    waiting, begun = [(clock.now, number) for number in range(11)], 0
    while waiting and clock.now < 1600:
        clock.now, number = heapq.heappop(waiting)
        turn = pace.reserve(longest=2.0)
        begun += turn <= 2.0
        if turn > 2.0:
            heapq.heappush(waiting, (clock.now + turn, number))
    assert begun == 11


def test_refusals_of_the_same_burst_count_once(limited: Pace, clock: Clock) -> None:
    clock.now += 0.2
    refuse(limited)
    assert limited.per_second == pytest.approx(48.5)


def test_many_refusals_later_mean_slower(limited: Pace, clock: Clock) -> None:
    clock.now += 5
    refuse(limited)
    assert limited.per_second == pytest.approx(48.5 * 0.9)


def test_a_single_refusal_later_changes_nothing(limited: Pace, clock: Clock) -> None:
    clock.now += 5
    refuse(limited, 1)
    assert limited.per_second == pytest.approx(48.5)


def test_quiet_time_means_a_little_faster(limited: Pace, clock: Clock) -> None:
    clock.now += 21
    limited.reserve()
    assert limited.per_second == pytest.approx(48.5 * 1.05)


def test_the_longer_it_is_quiet_the_faster_it_recovers(limited: Pace, clock: Clock) -> None:
    for _ in range(3):
        clock.now += 21
        limited.reserve()
    assert limited.per_second == pytest.approx(48.5 * 1.05 * 1.1 * 1.2)


def test_a_refusal_takes_back_what_was_tried_beyond_the_limit(limited: Pace, clock: Clock) -> None:
    clock.now += 21
    limited.reserve()
    clock.now += 2
    refuse(limited, 1)
    assert limited.per_second == pytest.approx(48.5)


def test_after_ten_quiet_minutes_the_limit_is_forgotten(limited: Pace, clock: Clock) -> None:
    clock.now += 601
    assert (limited.reserve(), limited.per_second) == (0.0, None)


def test_a_provider_that_takes_nothing_is_still_asked_now_and_then(clock: Clock) -> None:
    pace = Pace(clock=clock)
    refuse(pace)
    assert pace.per_second == 0.5
