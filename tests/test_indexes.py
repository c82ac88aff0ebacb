"""What is asked at each order, webhook or look is found by an index, however many rows there are."""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, User
from chat import incoming
from chat.entry import answers
from chat.entry.models import LinkRequest
from chat.mirrored import WebhookReceipt
from chat.outbox import BackendError, State
from orders import feed
from orders.models import Order, OrderConfirmation
from ordersupport import pruning
from tests.plans import count, is_any_sorted, led_by, many_people, plans

BY_RULE = pytest.mark.skipif(connection.vendor == "postgresql", reason="PostgreSQL chooses by what it counted; here is nothing to count")


@BY_RULE
def test_no_condition_of_an_index_is_one_that_sqlite_never_sees_fulfilled(db: None) -> None:
    """`~Q(field=None)` becomes NOT (… IS NULL), which follows from nothing that a query says; … IS NOT NULL follows from any comparison."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%% WHERE %%'")
        conditions = dict(cursor.fetchall())
    assert "conversations_untold" in conditions
    assert [name for name, sql in conditions.items() if re.search(r"NOT \([^()]*IS NULL\)", sql)] == []


@BY_RULE
def test_an_order_is_known_again_by_an_index(client: Client, alice: User, api_key: str, body: dict[str, object]) -> None:
    with plans() as found:
        answer = client.post("/api/orders/", body, content_type="application/json", headers={"Authorization": f"Token {api_key}"})
    assert answer.status_code == 201
    assert led_by("one_order_per_clients_external_id", found)


@BY_RULE
def test_orders_are_listed_by_an_id_of_a_client_by_an_index(client: Client, api_key: str) -> None:
    with plans() as found:
        client.get("/api/orders/?external_id=W-17", headers={"Authorization": f"Token {api_key}"})
    assert led_by("one_order_per_clients_external_id", found)


@BY_RULE
def test_whose_conversation_vonage_speaks_of_is_found_by_an_index(db: None) -> None:
    receipt = WebhookReceipt.objects.create(provider_conversation_id="CON-1", payload={})
    with plans() as found, pytest.raises(BackendError, match="not known yet"):
        list(incoming.fold(receipt))
    assert led_by("one_conversation_per_provider_id", found)


@BY_RULE
def test_unseen_answers_are_looked_for_by_an_index(db: None) -> None:
    with plans() as found:
        answers.look()
    assert led_by("conversations_untold", found)


@BY_RULE
def test_who_waits_is_counted_by_an_index(client: Client, agent: User) -> None:
    client.force_login(agent)
    with plans() as found:
        client.get("/inbox/?show=all")
    counted_and_listed = [plan for plan in found if "conversations_that_wait" in plan]
    assert len(counted_and_listed) == 2


@BY_RULE
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(("column", "index"), [("updated_at", "orders_by_change"), ("created_at", "orders_by_entry")])
def test_orders_are_listed_by_a_time_by_an_index(client: Client, api_key: str, column: str, index: str, sign: str) -> None:
    with plans() as found:
        client.get(f"/api/orders/?ordering={sign}{column}", headers={"Authorization": f"Token {api_key}"})
    assert led_by(index, found)
    assert not is_any_sorted(found)


@BY_RULE
def test_what_changed_since_is_listed_by_an_index(client: Client, api_key: str) -> None:
    with plans() as found:
        asked = "changed_from=2026-11-30T10:00:00Z&ordering=updated_at"
        client.get(f"/api/orders/?{asked}", headers={"Authorization": f"Token {api_key}"})
    assert led_by("orders_by_change", found)
    assert not is_any_sorted(found)


@BY_RULE
def test_orders_of_unknown_outcome_are_listed_by_an_index(client: Client, api_key: str) -> None:
    with plans() as found:
        client.get("/api/orders/?told=unknown", headers={"Authorization": f"Token {api_key}"})
    assert led_by("confirmations_unknown", found)


@BY_RULE
def test_orders_that_were_told_are_listed_without_sorting_all_of_them(client: Client, api_key: str) -> None:
    with plans() as found:
        client.get("/api/orders/?told=done", headers={"Authorization": f"Token {api_key}"})
    assert not is_any_sorted(found)


def test_customers_are_listed_without_sorting_all_people(client: Client, api_key: str) -> None:
    many_people()
    count(User.groups.through, User.user_permissions.through, ApiKey)
    with plans() as found:
        client.get("/api/customers/", headers={"Authorization": f"Token {api_key}"})
    assert not led_by("Sort Key: accounts_user.id", found)
    assert not is_any_sorted(found)


def test_of_many_rows_that_are_due_since_one_moment_a_few_are_claimed_by_an_index(db: None) -> None:
    asked = {"address_digest": "a", "caller_digest": "c", "next_attempt_at": timezone.now()}
    LinkRequest.objects.bulk_create(LinkRequest(**asked) for _number in range(2000))
    count(LinkRequest)
    with plans() as found:
        claimed = LinkRequest.claim(5)
    assert len(claimed) == 5
    assert not led_by("Sort Key: next_attempt_at", found)


def test_what_the_feed_has_yet_to_tell_is_found_by_an_index(alice: User, place: Callable[..., Order]) -> None:
    told, order = {"state": State.DONE, "fed_state": State.DONE}, place(alice)
    OrderConfirmation.objects.bulk_create(OrderConfirmation(order=order, version=version, **told) for version in range(2, 2002))
    feed.number()
    count(OrderConfirmation)
    with plans() as found:
        feed.number()
    assert led_by("confirmations_not_fed", found)


@BY_RULE
@pytest.mark.parametrize("page", ["orders/order", "chat/event", "accounts/user"])
def test_a_list_of_the_admin_goes_through_no_table_before_its_first_row(admin_client: Client, page: str) -> None:
    with plans() as found:
        answer = admin_client.get(f"/admin/{page}/")
    assert answer.status_code == 200
    assert not is_any_sorted(found)


@BY_RULE
def test_a_customer_is_looked_for_without_a_list_of_all_customers(admin_client: Client) -> None:
    with plans() as found:
        answer = admin_client.get("/admin/autocomplete/?app_label=orders&model_name=order&field_name=customer&term=ali")
    assert answer.status_code == 200
    assert not led_by("LIST SUBQUERY", found)


@BY_RULE
def test_the_oldest_is_pruned_first_so_that_what_is_kept_is_read_once(db: None) -> None:
    with plans() as found:
        pruning.prune()
    assert found
    assert not is_any_sorted(found)


@pytest.fixture
def body(alice: User) -> dict[str, object]:
    """An order with an id of its client's."""
    return {"customer": "alice", "external_id": "W-17", "lines": [{"name": "Widget", "quantity": 1, "unit_price": "4.99"}]}
