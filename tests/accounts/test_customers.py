"""/api/customers/ as shops use and misuse it."""

from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from tests.accounts.threads import THREADS, at_once

URL = "/api/customers/"
Answer = Any


@pytest.fixture
def shop(api_key: str) -> Client:
    """A client with a key that may do everything."""
    return Client(headers={"Authorization": f"Token {api_key}"}, raise_request_exception=False)


def post(client: Client, content: object) -> Answer:
    """Make a customer."""
    return client.post(URL, content, content_type="application/json")


def patch(client: Client, username: str, content: object) -> Answer:
    """Change a customer."""
    return client.patch(f"{URL}{username}/", content, content_type="application/json")


def problem(answer: Answer) -> tuple[int, str | None, str]:
    """Status, field and code of a refusal's first error."""
    assert answer["Content-Type"] == "application/problem+json"
    error = answer.json()["errors"][0]
    return answer.status_code, error["field"], error["code"]


def test_a_customer_is_answered_as_stored(shop: Client) -> None:
    given = {
        "username": "dora",
        "name": "Dora",
        "email": "dora@example.com",
        "phone": "+49 30 1",
        "language": "zh-hans",
        "time_zone": "Asia/Shanghai",
    }
    answer = post(shop, given)
    made = User.objects.get(username="dora")
    assert answer.status_code == 201
    assert answer.json() == given | {"id": made.public_id, "date_joined": answer.json()["date_joined"]}


def test_a_customer_cant_log_in(shop: Client) -> None:
    post(shop, {"username": "dora"})
    assert not User.objects.get(username="dora").has_usable_password()


@pytest.mark.parametrize("field", ["is_staff", "is_superuser", "password", "groups", "user_permissions", "is_active", "public_id", "id"])
def test_what_makes_a_role_cant_be_given(shop: Client, field: str) -> None:
    post(shop, {"username": "dora", field: True})
    made = User.objects.get(username="dora")
    assert (made.is_staff, made.is_superuser, made.is_active) == (False, False, True)
    assert (made.has_usable_password(), made.public_id[:4]) == (False, "USR-")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, ("username", "required")),
        ({"username": ""}, ("username", "blank")),
        ({"username": None}, ("username", "null")),
        ({"username": "a b"}, ("username", "invalid")),
        ({"username": "x" * 151}, ("username", "max_length")),
        # One character that is stored as six.
        ({"username": "\u3316" * 30}, ("username", "max_length")),
        ({"username": "a\x00"}, ("username", "invalid")),
        ({"username": "\ud800"}, ("username", "invalid")),
        ({"username": ["dora"]}, ("username", "invalid")),
        ({"username": "alice"}, ("username", "unique")),
        ({"username": "ａｌｉｃｅ"}, ("username", "unique")),
        ({"username": "dora", "name": "x" * 151}, ("name", "max_length")),
        ({"username": "dora", "name": "a\nBcc: b@example.com"}, ("name", "not_one_line")),
        ({"username": "dora", "email": "dora"}, ("email", "invalid")),
        ({"username": "dora", "email": "a@example.com\nBcc: b@example.com"}, ("email", "invalid")),
        ({"username": "dora", "phone": "1" * 33}, ("phone", "max_length")),
        ({"username": "dora", "language": "tlh"}, ("language", "invalid_choice")),
        ({"username": "dora", "language": "\ud800"}, ("language", "invalid_choice")),
        ({"username": "dora", "time_zone": "Europe"}, ("time_zone", "unknown_time_zone")),
        ({"username": "dora", "time_zone": "../../etc/passwd"}, ("time_zone", "unknown_time_zone")),
        ([], (None, "invalid")),
    ],
)
def test_a_wrong_customer_is_refused_and_nothing_is_stored(
    shop: Client, alice: User, content: object, expected: tuple[str | None, str]
) -> None:
    before = User.objects.count()
    assert problem(post(shop, content)) == (400, *expected)
    assert User.objects.count() == before


@THREADS
def test_one_name_posted_eight_times_at_once_is_one_customer(shop: Client) -> None:
    answers = at_once(8, lambda number: post(shop, {"username": "dora"}))
    assert sorted(answer.status_code for answer in answers) == [201] + [400] * 7


def test_a_customer_can_be_changed(shop: Client, alice: User) -> None:
    assert patch(shop, "alice", {"email": "new@example.com"}).json()["email"] == "new@example.com"


@THREADS
def test_five_changes_at_once_are_all_kept(shop: Client, alice: User) -> None:
    changes = {"name": "A. M.", "email": "new@example.com", "phone": "+4670", "language": "zh-hans", "time_zone": "Asia/Tokyo"}
    at_once(5, lambda number: patch(shop, "alice", dict([list(changes.items())[number]])))
    stored = shop.get(f"{URL}alice/").json()
    assert {name: stored[name] for name in changes} == changes


def test_a_username_stays(shop: Client, alice: User) -> None:
    assert problem(patch(shop, "alice", {"username": "dora"})) == (400, "username", "read_only")


def test_a_username_sent_again_is_no_change(shop: Client, alice: User) -> None:
    assert patch(shop, "alice", {"username": "alice", "name": "A."}).json()["name"] == "A."


@pytest.mark.parametrize("username", ["o+neil@example.com", "名前", "a.b-c_d"])
def test_a_customer_of_an_unusual_name_is_found(shop: Client, username: str) -> None:
    post(shop, {"username": username})
    assert shop.get(f"{URL}{quote(username)}/").json()["username"] == username


@pytest.mark.parametrize("username", ["nobody", "%00", "%ED%A0%80", "x" * 150, "x" * 5000, "..", "%2e%2e", "a%2Fb"])
def test_a_customer_that_isnt_there_is_a_404(shop: Client, username: str) -> None:
    assert shop.get(f"{URL}{username}/").status_code == 404


@pytest.mark.parametrize("username", ["clerk", "shop", "agent", "helper", "intern"])
def test_staff_agents_and_programs_are_no_customers(shop: Client, agent: User, username: str) -> None:
    helper = User.objects.create_user("helper")
    helper.user_permissions.add(Permission.objects.get(codename="answer_chats"))
    User.objects.create_user("intern", is_staff=True)
    assert problem(patch(shop, username, {"email": "evil@example.com"})) == (404, None, "not_found")


def test_the_list_shows_customers_only(shop: Client, alice: User, bob: User, agent: User) -> None:
    assert [row["username"] for row in shop.get(URL).json()["results"]] == ["bob", "alice"]
