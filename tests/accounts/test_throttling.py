"""A client that runs wild is slowed down, and told how long."""

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts.models import ApiKey, User

URL = "/api/orders/"
NOON = "2026-11-22T12:00:20Z"


@pytest.fixture(autouse=True)
def _three_a_minute(settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    cache.clear()


def program(user: User) -> Client:
    """A program of that client."""
    _row, key = ApiKey.objects.create_key(user=user, name="test")
    return Client(headers={"Authorization": f"Token {key}"})


def test_each_answer_says_what_is_left(clerk: User) -> None:
    shop = program(clerk)
    with time_machine.travel(NOON, tick=False):
        answers = [shop.get(URL) for _number in range(2)]
    told = [[answer[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")] for answer in answers]
    assert told == [["3", "2", "40"], ["3", "1", "40"]]


def test_one_too_many_is_told_when_to_come_back(clerk: User) -> None:
    shop = program(clerk)
    with time_machine.travel(NOON, tick=False):
        answer = [shop.get(URL) for _number in range(4)][-1]
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (429, "throttled", "40")
    assert (answer["RateLimit-Remaining"], answer["Content-Type"]) == ("0", "application/problem+json")


def test_the_next_minute_is_a_new_one(clerk: User) -> None:
    shop = program(clerk)
    with time_machine.travel(NOON, tick=False) as clock:
        for _number in range(4):
            shop.get(URL)
        clock.shift(40)
        assert shop.get(URL).status_code == 200


def test_one_clients_haste_slows_nobody_else(clerk: User) -> None:
    hasty, other = program(clerk), program(User.objects.create_superuser("other"))
    with time_machine.travel(NOON, tick=False):
        codes = [hasty.get(URL).status_code for _number in range(4)]
        assert (codes[-1], other.get(URL)["RateLimit-Remaining"]) == (429, "2")


def test_two_keys_of_one_client_count_together(clerk: User) -> None:
    first, second = program(clerk), program(clerk)
    with time_machine.travel(NOON, tick=False):
        first.get(URL)
        assert second.get(URL)["RateLimit-Remaining"] == "1"


def test_without_a_limit_nobody_is_counted(clerk: User, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 0
    assert "RateLimit-Limit" not in program(clerk).get(URL)
