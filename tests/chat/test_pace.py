"""A provider's limit is learned from what it says, or refuses in a row, and kept to; what it refuses by chance is no limit."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from chat.backends.pace import Pace

Rate = Callable[[float], float]
NO_LIMIT = 1e9


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def refuse(pace: Pace, times: int = 3, *, seconds: float = 1.0) -> None:
    """Several calls that were under way together are refused."""
    for _time in range(times):
        pace.slow_down(seconds=seconds)


def take(pace: Pace, clock: Clock, calls: int = 50, *, every: float = 0.01) -> None:
    """The provider takes so many calls, one after the other."""
    for _call in range(calls):
        clock.now += every
        pace.took()
    clock.now += every / 10


@pytest.fixture
def limited(clock: Clock) -> Pace:
    """A pace whose provider took fifty calls within a second and refused the next three."""
    pace = Pace(clock=clock)
    take(pace, clock)
    refuse(pace)
    return pace


# --- The first limit -----------------------------------------------------------------------------------------------------


def test_nothing_is_refused_before_a_limit_is_known(clock: Clock) -> None:
    assert Pace(clock=clock).per_second is None


def test_who_has_not_called_for_a_second_begins_at_150_a_second(clock: Clock) -> None:
    pace = Pace(clock=clock)
    assert [pace.reserve(), pace.reserve()] == [0.0, pytest.approx(1 / 150)]


def test_the_more_is_taken_the_faster_the_next_ones_may_come(clock: Clock) -> None:
    pace = Pace(clock=clock)
    take(pace, clock, 425, every=0.001)
    assert [pace.reserve(), pace.reserve()] == [0.0, pytest.approx(1 / 1000)]


def test_the_limit_is_what_was_taken_in_the_second_before(limited: Pace) -> None:
    assert limited.per_second == pytest.approx(48.5)


def test_what_was_taken_in_that_second_counts_however_late_its_answer_comes(limited: Pace, clock: Clock) -> None:
    began = clock.now - 0.01
    clock.now += 0.3
    limited.took(began=began)
    assert limited.per_second == pytest.approx(0.97 * 51)


@pytest.mark.parametrize("times", [1, 2])
def test_a_refusal_between_calls_that_are_taken_is_no_limit(clock: Clock, times: int) -> None:
    pace = Pace(clock=clock)
    for _ in range(50):
        take(pace, clock, 1, every=1.0)
        refuse(pace, times)
    assert (pace.per_second, pace.is_paused) == (None, False)


def test_refusals_of_calls_begun_before_the_last_taken_one_are_not_in_a_row(clock: Clock) -> None:
    pace = Pace(clock=clock)
    began = clock.now
    take(pace, clock)
    for _time in range(5):
        pace.slow_down(seconds=1.0, began=began)
    assert pace.per_second is None


# --- Pauses and moments --------------------------------------------------------------------------------------------------


def test_the_pause_that_was_asked_for_is_kept(limited: Pace) -> None:
    assert (limited.is_paused, limited.reserve()) == (True, pytest.approx(1.0))


def test_a_long_pause_is_kept_by_all_even_if_one_call_alone_was_told(clock: Clock) -> None:
    pace = Pace(clock=clock)
    refuse(pace, 1, seconds=30.0)
    assert (pace.reserve(), pace.per_second) == (pytest.approx(30.0), None)


def test_calls_are_spread_evenly_afterwards(limited: Pace) -> None:
    first, second = limited.reserve(), limited.reserve()
    assert second - first == pytest.approx(1 / 48.5)


def test_after_a_pause_moments_that_were_given_before_it_count_for_nothing(limited: Pace, clock: Clock) -> None:
    clock.now += 5
    for _call in range(60):
        limited.reserve()
    refuse(limited, seconds=1.5)
    clock.now += 1.5
    assert limited.reserve() == 0.0


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


def test_a_provider_that_takes_nothing_is_still_asked_now_and_then(clock: Clock) -> None:
    pace = Pace(clock=clock)
    refuse(pace)
    assert pace.per_second == 0.5


# --- Moments that nobody was there to use --------------------------------------------------------------------------------


@pytest.fixture
def even(clock: Clock) -> Pace:
    """A pace of a hundred a second, used evenly for half a second."""
    pace = Pace(clock=clock)
    pace.says_limit(103)
    for _call in range(50):
        clock.now += pace.reserve()
    return pace


def begin(pace: Pace, clock: Clock, calls: int) -> list[float]:
    """So many calls, each at the moment that it is given."""
    moments = []
    for _call in range(calls):
        clock.now += pace.reserve()
        moments.append(clock.now)
    return moments


def test_moments_that_nobody_used_are_made_up_for_within_the_second(even: Pace, clock: Clock) -> None:
    last = clock.now
    clock.now += 0.2
    assert sum(moment <= last + 1.0 for moment in begin(even, clock, 120)) == pytest.approx(99.91, abs=1.0)


def test_what_is_made_up_for_is_no_throng(even: Pace, clock: Clock) -> None:
    clock.now += 0.2
    first, second = begin(even, clock, 2)
    assert second - first == pytest.approx(1 / (1.25 * 99.91))


def test_however_late_who_was_no_second_is_fuller_than_the_pace_allows(even: Pace, clock: Clock) -> None:
    before = clock.now
    clock.now += 0.9
    moments = [before, *begin(even, clock, 300)]
    assert min(later - earlier for earlier, later in zip(moments, moments[100:], strict=False)) >= 0.999


def test_who_had_nothing_to_do_has_nothing_to_make_up_for(even: Pace, clock: Clock) -> None:
    clock.now += 1.5
    first, second = even.reserve(), even.reserve()
    assert second - first == pytest.approx(1 / 99.91)


def test_a_quick_beginning_counts_once_a_limit_is_said(clock: Clock) -> None:
    pace = Pace(clock=clock)
    for _call in range(50):
        pace.reserve()
    pace.says_limit(50)
    assert pace.reserve() == pytest.approx(1 / 150 + 49 / 48.5)


# --- A limit that is said ------------------------------------------------------------------------------------------------


def test_a_limit_that_is_said_is_kept_to_before_anything_is_refused(clock: Clock) -> None:
    pace = Pace(clock=clock)
    pace.says_limit(50)
    assert (pace.per_second, pace.learned) == (pytest.approx(48.5), None)


def test_no_raise_goes_beyond_a_limit_that_is_said(limited: Pace, clock: Clock) -> None:
    limited.says_limit(51)
    for _ in range(5):
        clock.now += 21
        limited.reserve()
    assert limited.per_second == pytest.approx(0.97 * 51)


def test_while_no_raise_is_possible_none_grows(limited: Pace, clock: Clock) -> None:
    limited.says_limit(51)
    for _ in range(10):
        clock.now += 21
        limited.reserve()
    limited.says_limit(1000)
    limited.reserve()
    assert limited.per_second == pytest.approx(0.97 * 51 * 1.1)


def test_less_than_the_said_limit_may_be_learned(limited: Pace, clock: Clock) -> None:
    limited.says_limit(1000)
    assert limited.per_second == pytest.approx(48.5)


def test_a_limit_that_is_said_to_be_lower_counts_at_once(limited: Pace, clock: Clock) -> None:
    limited.says_limit(20)
    assert limited.per_second == pytest.approx(0.97 * 20)


def test_whoever_had_all_of_a_said_limit_goes_on_at_it_once(clock: Clock) -> None:
    pace = Pace(clock=clock)
    pace.says_limit(50)
    take(pace, clock)
    refuse(pace)
    assert (pace.is_paused, pace.learned) == (True, None)


def test_a_said_limit_that_is_met_again_soon_is_shared(clock: Clock) -> None:
    pace = Pace(clock=clock)
    pace.says_limit(50)
    take(pace, clock)
    refuse(pace)
    clock.now += 5
    take(pace, clock, 48)
    refuse(pace)
    assert pace.learned == pytest.approx(0.97 * 48)


def test_whoever_had_half_of_a_said_limit_shares_it(clock: Clock) -> None:
    pace = Pace(clock=clock)
    pace.says_limit(50)
    take(pace, clock, 25)
    refuse(pace)
    assert pace.learned == pytest.approx(0.97 * 25)


# --- Slower and faster ---------------------------------------------------------------------------------------------------


def test_calls_that_were_given_their_moment_before_teach_nothing_new(limited: Pace, clock: Clock) -> None:
    clock.now += 0.2
    refuse(limited)
    assert limited.per_second == pytest.approx(48.5)


def test_many_refusals_of_calls_under_way_when_it_was_learned_do_not_lower_it_twice(limited: Pace, clock: Clock) -> None:
    refuse(limited, 30)
    clock.now += 2.5
    take(limited, clock)
    refuse(limited, 1)
    assert limited.per_second == pytest.approx(48.5)


def test_a_limit_met_again_means_slower(limited: Pace, clock: Clock) -> None:
    clock.now += 5
    take(limited, clock, 60)
    refuse(limited)
    assert limited.per_second == pytest.approx(48.5 * 0.9)


def test_a_single_refusal_later_changes_nothing(limited: Pace, clock: Clock) -> None:
    clock.now += 5
    take(limited, clock)
    refuse(limited, 1)
    assert limited.per_second == pytest.approx(48.5)


def test_one_lesson_at_most_halves_the_pace(limited: Pace, clock: Clock) -> None:
    clock.now += 5
    refuse(limited)
    assert limited.per_second == pytest.approx(48.5 / 2)


def test_a_steep_fall_is_made_up_for_within_seconds(limited: Pace, clock: Clock) -> None:
    clock.now += 5
    refuse(limited)
    for _ in range(3):
        clock.now += 2.1
        limited.reserve()
    assert limited.per_second == pytest.approx(48.5)


def test_a_pace_that_grew_back_and_is_refused_more_stays_down(limited: Pace, clock: Clock) -> None:
    clock.now += 5
    refuse(limited)
    clock.now += 2.1
    limited.reserve()
    clock.now += 1.1
    for _time in range(2):
        take(limited, clock, 10)
        refuse(limited, 1)
    clock.now += 2.1
    limited.reserve()
    assert limited.per_second == pytest.approx(48.5 / 2)


def test_quiet_time_means_a_little_faster(limited: Pace, clock: Clock) -> None:
    clock.now += 21
    limited.reserve()
    assert limited.per_second == pytest.approx(48.5 * 1.05)


def test_the_longer_it_is_quiet_the_faster_it_recovers(limited: Pace, clock: Clock) -> None:
    for _ in range(3):
        clock.now += 21
        limited.reserve()
    assert limited.per_second == pytest.approx(48.5 * 1.05 * 1.1 * 1.2)


@pytest.fixture
def raised(limited: Pace, clock: Clock) -> Pace:
    """After a quiet time."""
    clock.now += 21
    limited.reserve()
    clock.now += 1
    return limited


def test_a_raise_with_which_more_is_refused_is_taken_back(raised: Pace, clock: Clock) -> None:
    take(raised, clock)
    refuse(raised, 1)
    take(raised, clock)
    refuse(raised, 1)
    assert raised.per_second == pytest.approx(48.5)


def test_a_raise_that_meets_the_limit_is_taken_back(raised: Pace, clock: Clock) -> None:
    take(raised, clock, 50, every=0.02)
    refuse(raised)
    assert raised.per_second == pytest.approx(48.5)


def test_a_raise_with_which_no_more_is_refused_than_before_stays(limited: Pace, clock: Clock) -> None:
    for _second in range(40):
        take(limited, clock, 149, every=0.006)
        refuse(limited, 1)
        limited.reserve()
    assert limited.per_second == pytest.approx(48.5 * 1.05)


def test_single_refusals_that_stay_away_below_it_show_the_limit(limited: Pace, clock: Clock) -> None:
    clock.now += 3
    for _second in range(3):
        take(limited, clock, 49, every=0.02)
        refuse(limited, 1)
    assert limited.per_second == pytest.approx(48.5 * 0.97)


def test_single_refusals_that_come_all_the_same_are_no_limit(limited: Pace, clock: Clock) -> None:
    clock.now += 3
    for _second in range(24):
        take(limited, clock, 49, every=0.02)
        refuse(limited, 1)
        limited.reserve()
    assert limited.per_second == pytest.approx(48.5 * 1.05)


def test_after_ten_quiet_minutes_the_limit_is_forgotten(limited: Pace, clock: Clock) -> None:
    clock.now += 601
    assert (limited.reserve(), limited.per_second) == (0.0, None)


# --- Two minutes with a provider ---------------------------------------------------------------------------------------------


@dataclass
class Provider:
    """Takes `limit` calls in each second by its clock, and refuses by chance besides. Fifty threads call it; `taken` and `refused` are
    when. `tells_rest`: it says how long that second still is, instead of "one second"; `says_limit`: each answer says what it takes."""

    limit: Rate
    chance: Rate = lambda _second: 0.0
    tells_rest: bool = True
    says_limit: bool = False
    latency_seconds: float = 0.04
    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    _window: tuple[int, int] = (0, 0)

    def answer(self, now: float, dice: random.Random) -> float | None:
        """None: taken; else refused, with the pause that is asked for."""
        second = now - 1000.0
        used = self._window[1] if self._window[0] == int(now) else 0
        is_taken = dice.random() >= self.chance(second) and used < self.limit(second)
        (self.taken if is_taken else self.refused).append(second)
        self._window = (int(now), used + is_taken)
        return None if is_taken else (int(now) + 1 - now if self.tells_rest else 1.0)

    def rate(self, first: float, last: float) -> float:
        """Calls taken a second, from one second to another."""
        return sum(first <= at < last for at in self.taken) / (last - first)

    def share_refused(self) -> float:
        """Of all calls."""
        return len(self.refused) / (len(self.refused) + len(self.taken))


def play(
    provider: Provider, *, seconds: float = 120.0, threads: int = 50, between: float = 0.0, still: float = 0.0, seed: int = 1
) -> Provider:
    """Fifty threads with never-ending work, on a clock of their own. `between`: the seconds, on average, until a thread that ended a call
    is handed the next one: a worker that is nearly at its limit is late by chance. `still`: for so long, each 3.7 seconds, the machine does
    nothing, so that calls arrive in a throng afterwards."""
    clock, dice = Clock(), random.Random(seed)
    clock.now = 1000.3
    pace = Pace(clock=clock)
    events: list[tuple[float, int, str, float, float | None]] = [(clock.now, number, "ask", 0.0, None) for number in range(threads)]
    number = threads
    while events[0][0] < 1000.0 + seconds:
        clock.now, _number, act, began, pause = heapq.heappop(events)
        number += 1
        if clock.now % 3.7 < still:
            heapq.heappush(events, (clock.now - clock.now % 3.7 + still + 1e-6, _number, act, began, pause))
        elif act == "ask" or (act == "begin" and pace.is_paused):
            turn = pace.reserve(longest=2.0)
            heapq.heappush(events, (clock.now + turn, number, "begin" if turn <= 2.0 else "ask", 0.0, None))
        elif act == "begin":
            pause, took = provider.answer(clock.now, dice), provider.latency_seconds * dice.uniform(0.2, 1.8)
            heapq.heappush(events, (clock.now + took, number, "end", clock.now, pause))
        else:
            if provider.says_limit:
                pace.says_limit(int(provider.limit(clock.now - 1000.0)))
            pace.took(began=began) if pause is None else pace.slow_down(seconds=pause, began=began)
            late = dice.expovariate(1 / between) if between else 0.0
            heapq.heappush(events, (clock.now + late, number, "ask", 0.0, None))
    return provider


@pytest.mark.parametrize("tells_rest", [True, False], ids=["rest of the second", "one second"])
@pytest.mark.parametrize("limit", [50, 200])
def test_a_limit_is_used_by_nine_tenths_with_one_refusal_in_a_hundred_calls(limit: int, tells_rest: bool) -> None:
    provider = play(Provider(lambda _second: limit, tells_rest=tells_rest))
    assert (provider.rate(5, 120) >= 0.9 * limit, provider.share_refused() <= 0.01) == (True, True)


@pytest.mark.parametrize("limit", [50, 200])
def test_a_provider_that_tells_the_rest_of_the_second_is_used_by_95_percent(limit: int) -> None:
    assert play(Provider(lambda _second: limit)).rate(5, 120) >= 0.95 * limit


@pytest.mark.parametrize("between", [0.0, 0.06, 0.09], ids=["at once", "nearly busy", "busy"])
@pytest.mark.parametrize("limit", [50, 200])
def test_a_limit_that_is_said_is_used_by_95_percent_from_the_first_call_on(limit: int, between: float) -> None:
    provider = Provider(lambda _second: limit, tells_rest=False, says_limit=True, latency_seconds=0.15)
    play(provider, seconds=61, between=between)
    assert (provider.rate(0.3, 60.3) >= 0.95 * limit, provider.share_refused() <= 0.01) == (True, True)


@pytest.mark.parametrize("limit", [50, 200])
def test_a_machine_that_stands_still_now_and_then_costs_little(limit: int) -> None:
    provider = Provider(lambda _second: limit, tells_rest=False, says_limit=True, latency_seconds=0.15)
    play(provider, seconds=61, between=0.06, still=0.1)
    assert (provider.rate(0.3, 60.3) >= 0.95 * limit, provider.share_refused() <= 0.01) == (True, True)


def test_one_stray_refusal_costs_nothing() -> None:
    strays = iter([1.0])
    provider = play(Provider(lambda _second: 200, chance=lambda second: next(strays, 0.0) if second >= 30 else 0.0))
    assert provider.rate(31, 32) >= 0.95 * 200


def test_after_two_seconds_of_nothing_but_refusals_it_is_back_within_twenty_seconds() -> None:
    provider = play(Provider(lambda second: 0 if 40 <= second < 42 else 200))
    assert provider.rate(62, 72) >= 0.86 * 200


@pytest.mark.parametrize("limit", [50, 200, NO_LIMIT])
def test_two_refusals_in_a_hundred_that_come_whatever_the_rate_slow_nothing_down(limit: float) -> None:
    provider = play(Provider(lambda _second: limit, chance=lambda _second: 0.02))
    assert provider.rate(20, 120) >= 0.9 * min(limit, 1000)


def test_a_limit_that_fell_to_a_quarter_is_found_within_half_a_minute() -> None:
    provider = play(Provider(lambda second: 200 if second < 40 else 50))
    assert (provider.rate(45, 120) >= 0.95 * 50, sum(at > 70 for at in provider.refused) <= 0.02 * 50 * 50) == (True, True)
