"""A client that runs wild is slowed down, and told how long."""

from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from accounts.models import ApiKey, User

URL = "/api/orders/"
NOON = "2026-11-22T12:00:20Z"


@pytest.fixture(autouse=True)
def _three_a_minute(settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3


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


REFUSALS = {
    401: {"headers": {"Authorization": ""}},
    403: {"path": "/api/orders/999/explain/"},
    404: {"path": "/api/orders/999/"},
    405: {"method": "DELETE"},
    406: {"headers": {"Accept": "text/csv"}},
}


@pytest.mark.parametrize(("status", "request_"), REFUSALS.items(), ids=[str(status) for status in REFUSALS])
def test_a_refusal_counts_and_says_what_is_left(clerk: User, status: int, request_: dict[str, Any]) -> None:
    shop = program(clerk)
    # DRF refuses it before it counts.
    ApiKey.objects.update(scopes=["orders:write"] if status == 403 else ["orders:read", "orders:write"])
    with time_machine.travel(NOON, tick=False):
        answers = [shop.generic(**{"method": "GET", "path": URL, **request_}) for _number in range(4)]
    assert [(answer.status_code, answer["RateLimit-Remaining"]) for answer in answers] == [
        (status, "2"),
        (status, "1"),
        (status, "0"),
        (429, "0"),
    ]
    assert answers[-1]["Retry-After"] == "40"


def test_a_wrong_key_is_told_how_many_more_may_be_tried(db: None) -> None:
    guesser = Client(headers={"Authorization": f"Token {'a' * 8}.{'b' * 32}"})
    with time_machine.travel(NOON, tick=False):
        answers = [guesser.get(URL) for _number in range(31)]
    assert [(answer.status_code, answer["RateLimit-Limit"], answer["RateLimit-Remaining"]) for answer in (answers[0], answers[-1])] == [
        (401, "30", "29"),
        (429, "30", "0"),
    ]


@pytest.mark.parametrize("address", ["/api/schema/", "/api/docs/"])
def test_the_document_and_its_page_count_refusals_too(client: Client, db: None, address: str) -> None:
    assert client.get(address, headers={"Accept": "text/csv", "Authorization": "Token none"})["RateLimit-Remaining"] == "29"


@pytest.mark.parametrize("address", [URL, "/order", "/api/conversations/", "/api/schema/", "/api/docs/"])
def test_what_is_asked_for_in_no_shape_of_ours_is_a_problem_in_json(client: Client, db: None, address: str) -> None:
    asks = client.post if address == "/order" else client.get
    answer = asks(address, headers={"Accept": "text/csv"})
    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (406, "application/problem+json", "not_acceptable")


def test_a_format_that_we_dont_have_is_a_problem_in_json(clerk: User) -> None:
    answer = program(clerk).get(f"{URL}?format=csv")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
