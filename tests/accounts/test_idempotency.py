"""`Idempotency-Key`: whatever is repeated is done once, whoever asks at once, and whoever dies in the middle."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import idempotency
from accounts.models import ApiKey, StoredAnswer, User
from chat import conversations, links
from chat.coordinator import Coordinator
from orders.models import Order, OrderConfirmation
from tests.accounts.threads import THREADS
from tests.chat.worker_side import at_work
from tests.opening import link_to, press
from tests.running import wait_for

Answer = Any
Place = Callable[..., Order]
ORDERS = "/api/orders/"
KEY = "9f0c-1"


@pytest.fixture
def shop(api_key: str) -> Client:
    """A client with a key that may do everything."""
    return Client(headers={"Authorization": f"Token {api_key}"}, raise_request_exception=False)


def body(**changes: Any) -> dict[str, Any]:
    """An order for Alice as a shop sends it."""
    return {"customer": "alice", "lines": [{"name": "Mug", "quantity": 2, "unit_price": "12.50"}], **changes}


def post(client: Client, content: object, *, key: str = KEY, url: str = ORDERS) -> Answer:
    """Make something under a key."""
    return client.post(url, content, content_type="application/json", headers={"Idempotency-Key": key})


def differing(answer: Answer) -> tuple[int, set[tuple[str | None, str]]]:
    """Status, and the fields that a refusal names, with its codes."""
    return answer.status_code, {(error["field"], error["code"]) for error in answer.json()["errors"]}


# --- Repeated ----------------------------------------------------------------------------------------------------------


def test_a_repeat_gets_the_same_answer_and_does_nothing(shop: Client, alice: User) -> None:
    first, second = post(shop, body()), post(shop, body())
    assert (first.status_code, second.status_code, first.content) == (201, 201, second.content)
    assert (first.get("Idempotency-Replayed"), second["Idempotency-Replayed"]) == (None, "true")
    assert (Order.objects.count(), OrderConfirmation.objects.count()) == (1, 1)


def test_a_repeat_is_answered_as_it_was_then_although_the_order_moved_on(shop: Client, alice: User) -> None:
    post(shop, body())
    Order.objects.update(status="shipped")
    assert post(shop, body()).json()["status"] == "placed"


def test_the_answer_under_a_key_is_the_answer_without_one(shop: Client, alice: User) -> None:
    with_key = post(shop, {"username": "dora"}, url="/api/customers/")
    without = shop.post("/api/customers/", {"username": "emil"}, content_type="application/json")
    assert {name: with_key[name] for name in with_key.headers if name != "X-Correlation-ID"}.keys() >= {"Content-Type", "Vary", "Allow"}
    assert with_key["Content-Type"] == without["Content-Type"]
    assert with_key.json().keys() == without.json().keys()


def test_two_keys_are_two_orders(shop: Client, alice: User) -> None:
    numbers = {post(shop, body(), key=key).json()["number"] for key in ("a", "b")}
    assert len(numbers) == 2


def test_two_clients_may_use_the_same_key(shop: Client, alice: User, clerk: User) -> None:
    _row, key = ApiKey.objects.create_key(user=clerk, name="other")
    other = Client(headers={"Authorization": f"Token {key}"})
    assert post(shop, body()).json()["number"] != post(other, body()).json()["number"]


def test_without_a_key_nothing_is_kept(shop: Client, alice: User) -> None:
    shop.post(ORDERS, body(), content_type="application/json")
    assert not StoredAnswer.objects.exists()


def test_a_repeat_needs_the_right_to_ask_at_all(shop: Client, alice: User, api_key: str) -> None:
    post(shop, body())
    ApiKey.objects.update(revoked=True)
    assert post(shop, body()).status_code == 401


# --- Every write -------------------------------------------------------------------------------------------------------


def test_a_status_is_changed_once(shop: Client, alice: User, place: Place) -> None:
    url = f"{ORDERS}{place(alice).number}/"
    answers = [
        shop.patch(url, {"status": "shipped"}, content_type="application/json", headers={"Idempotency-Key": KEY}) for _again in range(2)
    ]
    assert [answer.get("Idempotency-Replayed") for answer in answers] == [None, "true"]
    assert answers[0].content == answers[1].content


def test_a_customer_is_made_once(shop: Client) -> None:
    answers = [post(shop, {"username": "dora"}, url="/api/customers/") for _again in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]


def test_a_message_is_sent_once(shop: Client, alice: User, api_key: str) -> None:
    conversation = conversations.open_for(alice)
    url = f"/api/conversations/{conversation.public_id}/events/"
    answers = [post(shop, {"body": {"text": "It is on its way."}}, url=url) for _again in range(2)]
    assert (answers[0].content, conversation.events.filter(type="message").count()) == (answers[1].content, 1)


def test_an_answer_without_a_body_is_repeated_without_one(shop: Client, alice: User) -> None:
    url = f"/api/conversations/{conversations.open_for(alice).public_id}/seen/"
    answers = [post(shop, {"sequence": 1}, url=url) for _again in range(2)]
    assert [(answer.status_code, answer.content, answer.get("Content-Type")) for answer in answers] == [(204, b"", None)] * 2


@pytest.mark.parametrize("as_form", [True, False], ids=["form", "json"])
def test_the_guides_order_is_made_once(shop: Client, alice: User, as_form: bool) -> None:
    content_type = {} if as_form else {"content_type": "application/json"}
    answers = [shop.post("/order", {"username": "alice"}, headers={"Idempotency-Key": KEY}, **content_type) for _again in range(2)]
    assert (answers[0].content, Order.objects.count()) == (answers[1].content, 1)


# --- Repeated by somebody else, or later ---------------------------------------------------------------------------------


def test_a_key_that_may_hold_no_links_gets_none_by_a_repeat(shop: Client, alice: User, api_key: str) -> None:
    _row, lesser = ApiKey.objects.create_key(user=User.objects.get(username="shop"), name="till", scopes=["orders:write"])
    first = post(shop, {"username": "alice"}, url="/order")
    again = post(Client(headers={"Authorization": f"Token {lesser}"}), {"username": "alice"}, url="/order")
    assert ("?key=" in first.json()["chat_url"], again["Idempotency-Replayed"], Order.objects.count()) == (True, "true", 1)
    assert again.json() == first.json() | {"chat_url": first.json()["chat_url"].partition("?")[0]}


def test_a_repeat_by_the_same_key_is_told_the_link_to_the_byte(shop: Client, alice: User) -> None:
    first, again = (post(shop, {"username": "alice"}, url="/order") for _again in range(2))
    assert ("?key=" in again.json()["chat_url"], again.content) == (True, first.content)


def test_a_browser_whose_link_was_revoked_reads_nothing_by_a_repeat(alice: User, client: Client) -> None:
    conversation = conversations.open_for(alice)
    press(client, link_to(conversation))
    url = f"/api/conversations/{conversation.public_id}/events/"
    first = post(client, {"body": {"text": "Hello"}}, url=url)
    links.revoke_all(conversation)
    assert (first.status_code, post(client, {"body": {"text": "Hello"}}, url=url).status_code) == (201, 404)


# --- Misused -----------------------------------------------------------------------------------------------------------


def test_another_body_under_the_same_key_is_refused_by_what_differs(shop: Client, alice: User) -> None:
    post(shop, body(data={"gift": True}))
    other = body(currency="SEK", lines=[{"name": "Mug", "quantity": 3, "unit_price": "12.50"}], data={"gift": True})
    reused = "idempotency_key_reused"
    assert differing(post(shop, other)) == (422, {("currency", reused), ("lines.0.quantity", reused)})
    assert Order.objects.count() == 1


def test_a_refusal_of_several_fields_for_one_reason_has_that_code_at_the_top(shop: Client, alice: User) -> None:
    post(shop, body())
    assert post(shop, body(customer="bob", currency="SEK")).json()["code"] == "idempotency_key_reused"


def test_a_refusal_of_several_fields_for_several_reasons_is_invalid_at_the_top(shop: Client, alice: User) -> None:
    assert post(shop, body(customer="nobody", currency="XYZ")).json()["code"] == "invalid"


def test_the_same_body_written_in_another_order_is_the_same(shop: Client, alice: User) -> None:
    post(shop, body())
    turned = json.dumps(dict(reversed(body().items())), indent=4)
    answer = shop.post(ORDERS, turned, content_type="application/json", headers={"Idempotency-Key": KEY})
    assert answer["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("other", [{"a": {"b": 1}}, {"a.b": "1"}, {"a.b": {"": 1}}])
def test_another_body_with_the_same_paths_is_another_body(shop: Client, alice: User, other: dict[str, Any]) -> None:
    post(shop, body(data={"a.b": 1}))
    assert post(shop, body(data=other)).status_code == 422
    assert Order.objects.count() == 1


def test_a_list_is_not_an_object_of_the_same_paths(shop: Client, alice: User) -> None:
    post(shop, body(data={"a": [1]}))
    assert differing(post(shop, body(data={"a": {"0": 1}}))) == (422, {(None, "idempotency_key_reused")})


def test_the_same_key_at_another_address_is_refused(shop: Client, alice: User) -> None:
    post(shop, body())
    answer = post(shop, {"username": "dora"}, url="/api/customers/")
    assert differing(answer) == (422, {(None, "idempotency_key_reused")})


@pytest.mark.parametrize("key", ["", "x" * 256, "ключ", "a\tb"])
def test_a_key_that_is_none_is_refused(shop: Client, alice: User, key: str) -> None:
    answer = shop.post(ORDERS, body(), content_type="application/json", HTTP_IDEMPOTENCY_KEY=key)
    assert (answer.status_code, answer.json()["code"], Order.objects.count()) == (400, "bad_idempotency_key", 0)


@pytest.mark.parametrize("content", [{"a\x00b": 1}, {"\ud800": 1}, {"lines": [[[]], {}, None, 1.5, "\ud800\x00"]}, [], 5, "x", None])
def test_a_body_of_any_kind_is_refused_as_without_a_key(shop: Client, alice: User, content: object) -> None:
    assert post(shop, content).status_code == 400


def test_a_refused_request_may_be_mended_under_the_same_key(shop: Client, alice: User) -> None:
    refused = post(shop, body(currency="XYZ"))
    assert (refused.status_code, post(shop, body()).status_code) == (400, 201)


def test_a_key_is_forgotten_after_a_week(shop: Client, alice: User) -> None:
    post(shop, body())
    with time_machine.travel(timezone.now() + idempotency.KEPT - timedelta(minutes=1)):
        assert idempotency.prune() == 0
    with time_machine.travel(timezone.now() + idempotency.KEPT + timedelta(minutes=1)):
        assert idempotency.prune() == 1


@THREADS
def test_a_worker_forgets_old_keys(shop: Client, alice: User) -> None:
    post(shop, body())
    StoredAnswer.objects.update(created_at=timezone.now() - idempotency.KEPT - timedelta(minutes=1))
    with at_work(Coordinator(threads=4)):
        wait_for(lambda: not StoredAnswer.objects.exists(), "the old answer to go")


# --- At once, and killed -----------------------------------------------------------------------------------------------


@THREADS
def test_a_hundred_at_once_make_one_order(shop: Client, alice: User) -> None:
    def one(_number: int) -> tuple[int, bytes]:
        try:
            answer = post(shop, body())
            return answer.status_code, answer.content
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(one, range(100)))
    assert (len(answers), {status for status, _content in answers}) == (1, {201})
    assert (Order.objects.count(), OrderConfirmation.objects.count()) == (1, 1)


DIES = """
import os, signal, sys
import django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from django.test import Client
from chat import statements
stored = statements.insert
def die(rows):
    stored(rows)
    os.kill(os.getpid(), signal.SIGKILL)
statements.insert = die
client = Client(SERVER_NAME="localhost", headers={"Authorization": f"Token {sys.argv[2]}", "Idempotency-Key": sys.argv[3]})
client.post("/api/orders/", sys.argv[4], content_type="application/json")
"""


@THREADS
def test_a_process_that_is_killed_in_the_middle_leaves_the_retry_its_work(shop: Client, alice: User, api_key: str) -> None:
    database = str(connection.settings_dict["NAME"])
    command = [sys.executable, "-c", DIES, database, api_key, KEY, json.dumps(body())]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    died = subprocess.run(command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, check=False)
    assert (died.returncode, Order.objects.count(), StoredAnswer.objects.count()) == (-9, 0, 0), died.stderr.decode()[-500:]
    answers = [post(shop, body()).status_code for _again in range(2)]
    assert (answers, Order.objects.count()) == ([201, 201], 1)


# --- Rehearsed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "content"), [("/api/customers/", {"username": "dora"}), ("/user", {"username": "dora"})])
def test_a_dry_run_answers_and_stores_nothing(shop: Client, url: str, content: dict[str, Any]) -> None:
    before = User.objects.count()
    answer = post(shop, content, url=f"{url}?dry_run=1")
    assert (answer.status_code, answer["Dry-Run"], User.objects.count(), StoredAnswer.objects.count()) == (201, "true", before, 0)


def test_a_dry_run_that_would_be_refused_is_refused(shop: Client, alice: User) -> None:
    assert post(shop, {"username": "alice"}, url="/api/customers/?dry_run=true").status_code == 400


@pytest.mark.parametrize("asked", ["dry_run=yes", "dry_run=2", "dry_run=on", "dry_run=", "dry_run", "dry_run=1&dry_run=0", "dry_run=%20"])
def test_what_may_mean_a_dry_run_is_refused(shop: Client, alice: User, asked: str) -> None:
    answer = post(shop, body(), url=f"{ORDERS}?{asked}")
    assert (answer.status_code, answer.json()["errors"][0]["field"], Order.objects.count()) == (400, "dry_run", 0)
