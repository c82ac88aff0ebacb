"""API keys from their making to their end: scopes, use, replacement, the admin's page."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.views import APIView

from accounts import keys
from accounts.api.views import Api
from accounts.models import ApiKey, AuditEntry, Scope, User
from tests.accounts.threads import THREADS, at_once

ORDERS = "/api/orders/"
ADMIN = "/admin/accounts/apikey/"


def program(key: str) -> Client:
    """A program with this key."""
    return Client(headers={"Authorization": f"Token {key}"}, raise_request_exception=False)


def key_for(user: User, *scopes: str, **fields: Any) -> tuple[ApiKey, str]:
    """A new key, for these things only."""
    row, key = ApiKey.objects.create_key(user=user, name="test", scopes=list(scopes), **fields)
    assert isinstance(row, ApiKey)
    return row, key


def code_of(answer: Any) -> tuple[int, str]:
    """Status and code."""
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def desk(clerk: User) -> Client:
    """The clerk's browser."""
    browser = Client()
    browser.force_login(clerk)
    return browser


# --- Scopes ------------------------------------------------------------------------------------------------------------


def test_a_key_for_reading_reads_and_does_not_write(clerk: User) -> None:
    client = program(key_for(clerk, Scope.ORDERS_READ)[1])
    assert client.get(ORDERS).status_code == 200
    assert code_of(client.post(ORDERS, {}, content_type="application/json")) == (403, "missing_scope")


def test_a_key_for_writing_writes_and_does_not_read(clerk: User) -> None:
    client = program(key_for(clerk, Scope.ORDERS_WRITE)[1])
    assert client.post(ORDERS, {}, content_type="application/json").status_code == 400
    assert code_of(client.get(ORDERS)) == (403, "missing_scope")


def test_a_scope_gives_nothing_that_the_client_may_not_do(alice: User) -> None:
    assert code_of(program(key_for(alice, Scope.ORDERS_READ)[1]).get(ORDERS)) == (403, "permission_denied")


def api_views(patterns: Any = None, prefix: str = "/") -> Iterator[tuple[str, type[APIView]]]:
    """Every address that a view of the API answers, with made-up parts, and that view."""
    for pattern in patterns or get_resolver().url_patterns:
        if isinstance(pattern, URLResolver):
            yield from api_views(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
            if isinstance(view, type) and issubclass(view, APIView):
                path = re.sub(r"\(\?P<[^>]+>[^)]*\)|<[^>]+>", "1", prefix + str(pattern.pattern))
                yield re.sub(r"[\^$]|/\?$", "", path).replace("/?", "/"), view


def documented(page: str, status: int) -> set[str]:
    """The codes that a page's table names beside a status."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text()
    return set(re.findall(r"`(\w+)`", "".join(line for line in text.splitlines() if line.startswith(f"| {status} |"))))


def test_what_the_chats_page_names_for_a_bad_key_is_what_is_answered(db: None) -> None:
    status, code = code_of(program("wrong").get("/api/conversations/"))
    assert (status, code in documented("chat-protocol.md", status)) == (401, True)


def test_what_the_chats_page_names_for_a_key_without_its_scope_is_what_is_answered(clerk: User) -> None:
    status, code = code_of(program(key_for(clerk, Scope.ORDERS_READ)[1]).get("/api/conversations/"))
    assert (status, code in documented("chat-protocol.md", status)) == (403, True)


PUBLIC = (SpectacularAPIView, SpectacularSwaggerView)
DOORS = [(path, view) for path, view in api_views() if not issubclass(view, PUBLIC)]


@pytest.mark.parametrize(("path", "view"), DOORS, ids=[path for path, _view in DOORS])
def test_a_key_without_a_scope_opens_no_door_at_all(clerk: User, path: str, view: type[APIView]) -> None:
    assert issubclass(view, Api)
    client = program(key_for(clerk)[1])
    codes = {client.generic(method, path).status_code for method in ("GET", "HEAD", "OPTIONS", "POST", "PATCH", "PUT", "DELETE")}
    # 404 from the router alone: the made-up part can't be one. 405 is the same to everybody.
    assert codes <= {403, 404, 405}


def test_the_walk_knows_the_doors() -> None:
    assert {path.rstrip("/") for path, _view in DOORS} >= {
        "/api/orders",
        "/api/customers",
        "/order",
        "/user",
        "/api/conversations/1/events",
    }


# --- Use ---------------------------------------------------------------------------------------------------------------


def test_the_use_of_a_key_is_noted(clerk: User) -> None:
    row, key = key_for(clerk, Scope.ORDERS_READ)
    program(key).get(ORDERS)
    row.refresh_from_db()
    assert row.last_used_at
    assert timezone.now() - row.last_used_at < timedelta(minutes=1)


def test_a_wrong_key_notes_no_use(clerk: User) -> None:
    row, key = key_for(clerk, Scope.ORDERS_READ)
    program(key[:-1] + ("a" if key[-1] != "a" else "b")).get(ORDERS)
    row.refresh_from_db()
    assert row.last_used_at is None


def test_a_key_in_use_costs_one_write_a_minute(clerk: User) -> None:
    row, key = key_for(clerk, Scope.ORDERS_READ)
    noted = []
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for seconds in (0, 59, 2):
            clock.shift(seconds)
            program(key).get(ORDERS)
            row.refresh_from_db()
            noted.append(row.last_used_at)
    assert (noted[0] == noted[1], noted[2] > noted[1]) == (True, True)


def test_asking_with_a_known_key_is_one_statement(clerk: User, django_assert_num_queries: Any) -> None:
    _row, key = key_for(clerk, Scope.ORDERS_READ, last_used_at=timezone.now())
    client = program(key)
    with django_assert_num_queries(1):  # the key with its client
        assert client.post(ORDERS).status_code == 403


# --- Replaced ----------------------------------------------------------------------------------------------------------


def test_a_replaced_key_works_for_a_day_more(clerk: User) -> None:
    row, old = key_for(clerk, Scope.ORDERS_READ)
    _new_row, new = keys.rotate(row)
    codes = [program(key).get(ORDERS).status_code for key in (old, new)]
    with time_machine.travel(timezone.now() + keys.GRACE + timedelta(seconds=1)):
        later = [program(key).get(ORDERS).status_code for key in (old, new)]
    assert (codes, later) == ([200, 200], [401, 200])


def test_the_new_key_may_what_the_old_one_might(clerk: User) -> None:
    row, _key = key_for(clerk, Scope.CHAT, expiry_date=timezone.now() + timedelta(days=30))
    new, _key = keys.rotate(row)
    assert (new.user, new.name, new.scopes) == (clerk, "test", ["chat"])
    assert new.expiry_date
    assert abs(new.expiry_date - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)


def test_replacing_never_lengthens_a_life(clerk: User) -> None:
    ends = timezone.now() + timedelta(hours=1)
    row, _key = key_for(clerk, Scope.CHAT, expiry_date=ends)
    keys.rotate(row)
    row.refresh_from_db()
    assert row.expiry_date == ends


@pytest.mark.parametrize("ended", [{"revoked": True}, {"expiry_date": timezone.now() - timedelta(seconds=1)}], ids=["revoked", "expired"])
def test_a_key_that_ended_is_not_replaced(clerk: User, ended: dict[str, Any]) -> None:
    row, _key = key_for(clerk, Scope.CHAT, **ended)
    with pytest.raises(keys.EndedError):
        keys.rotate(row)


@THREADS
def test_a_key_used_by_eight_at_once_works_for_all(clerk: User) -> None:
    _row, key = key_for(clerk, Scope.ORDERS_READ)
    assert at_once(8, lambda number: program(key).get(ORDERS).status_code) == [200] * 8


# --- In the admin ------------------------------------------------------------------------------------------------------


def shown_key(page: str) -> str:
    """The key on the page."""
    found = re.search(r"<code>([A-Za-z0-9]{8}\.[A-Za-z0-9]{32})</code>", page)
    assert found
    return found[1]


def into_the_group(person: User) -> User:
    """A client as docs/setup.md says."""
    person.groups.add(Group.objects.get_or_create(name="API clients")[0])
    return person


def test_only_programs_are_offered_as_clients_of_a_key(desk: Client, alice: User, agent: User) -> None:
    shop = into_the_group(User.objects.create_user("web-shop", name="The web shop"))
    asked = {"app_label": "accounts", "model_name": "apikey", "field_name": "user", "term": ""}
    found = desk.get(reverse("admin:autocomplete"), asked).json()["results"]
    assert [one["id"] for one in found] == [str(shop.pk)]


def test_a_customer_gets_no_key(desk: Client, alice: User) -> None:
    page = desk.post(f"{ADMIN}add/", {"user": alice.pk, "name": "Till", "scopes": ["orders:read"]})
    (words,) = page.context["adminform"].form.errors["user"]
    assert words.startswith("Alice Martin is no API client.")
    assert not ApiKey.objects.exists()


def test_the_list_says_in_the_forms_words_what_a_key_may(desk: Client, clerk: User) -> None:
    ApiKey.objects.create_key(user=clerk, name="till", scopes=["orders:read", "chat"])
    assert "read orders, customers and what happened; read and write chats" in desk.get(ADMIN).content.decode()


def test_a_key_made_in_the_admin_is_shown_once_and_works(desk: Client, clerk: User) -> None:
    into_the_group(clerk)
    form = {"user": clerk.pk, "name": "Till", "scopes": ["orders:read"]}
    page = desk.post(f"{ADMIN}add/", form, follow=True).content.decode()
    key = shown_key(page)
    assert program(key).get(ORDERS).status_code == 200
    assert key not in desk.get(ADMIN).content.decode()
    assert ApiKey.objects.get(name="Till").scopes == ["orders:read"]


def test_a_key_for_nothing_is_refused_at_its_field(desk: Client, clerk: User) -> None:
    page = desk.post(f"{ADMIN}add/", {"user": clerk.pk, "name": "Till"})
    assert ("scopes" in page.context["adminform"].form.errors, ApiKey.objects.count()) == (True, 0)


def test_a_key_replaced_in_the_admin_is_shown_once(desk: Client, clerk: User) -> None:
    row, _key = key_for(clerk, Scope.ORDERS_READ)
    form = {"action": "rotate", "_selected_action": [row.pk]}
    key = shown_key(desk.post(ADMIN, form, follow=True).content.decode())
    assert program(key).get(ORDERS).status_code == 200


def test_a_key_revoked_in_the_admin_opens_nothing(desk: Client, clerk: User) -> None:
    row, key = key_for(clerk, Scope.ORDERS_READ)
    desk.post(ADMIN, {"action": "revoke", "_selected_action": [row.pk]})
    assert program(key).get(ORDERS).status_code == 401


def test_what_is_done_with_keys_is_written_down_without_their_hash(desk: Client, clerk: User) -> None:
    row, _key = key_for(clerk, Scope.ORDERS_READ)
    for act in ("rotate", "revoke"):
        desk.post(ADMIN, {"action": act, "_selected_action": [row.pk]})
    written = list(AuditEntry.objects.order_by("pk").values_list("action", "subject"))
    new = ApiKey.objects.exclude(pk=row.pk).get()
    assert written == [("key_made", f"accounts.apikey {new.prefix}"), ("key_revoked", f"accounts.apikey {row.prefix}")]


def test_a_keys_client_stays(desk: Client, clerk: User, alice: User) -> None:
    row, _key = key_for(clerk, Scope.ORDERS_READ)
    desk.post(f"{ADMIN}{row.pk}/change/", {"user": alice.pk, "name": "New", "scopes": ["chat"]})
    row.refresh_from_db()
    assert (row.user, row.name, row.scopes) == (clerk, "New", ["chat"])
