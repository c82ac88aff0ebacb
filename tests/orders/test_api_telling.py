"""What the API says of telling: rehearsed before, explained after."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chat.coordinator import drain
from orders import feed
from orders.mail_models import MailEvent, StoredMail
from orders.models import Order, OrderConfirmation
from orders.webhook_models import WebhookEndpoint
from tests.plans import led_by, many_people, plans

Place = Callable[..., Order]
URL = "/api/orders/"


@pytest.fixture
def shop(api_key: str) -> Client:
    """A client with a key that may do everything."""
    return Client(headers={"Authorization": f"Token {api_key}"}, raise_request_exception=False)


def body(**changes: Any) -> dict[str, Any]:
    """An order for Alice as a shop sends it."""
    return {"customer": "alice", "lines": [{"name": "Mug", "quantity": 2, "unit_price": "12.50"}], **changes}


def rehearse(shop: Client, content: dict[str, Any]) -> Any:
    """A dry run."""
    return shop.post(f"{URL}?dry_run=1", content, content_type="application/json")


def rows() -> dict[str, int]:
    """How many rows each table has."""
    return {model._meta.label: model._base_manager.count() for model in apps.get_models()}


# --- Rehearsed ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_stores_nothing_at_all(shop: Client, alice: User) -> None:
    shop.get(URL)  # the key's last use is noted
    before = rows()
    answer = rehearse(shop, body())
    assert (answer.status_code, answer["Dry-Run"], rows()) == (200, "true", before)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_dry_runs_mail_and_event_are_the_real_ones(shop: Client, alice: User, language: str) -> None:
    User.objects.filter(pk=alice.pk).update(language=language)
    shop.post(URL, body(), content_type="application/json")
    drain()  # from now on Alice has a conversation
    # The mail tells when the order was placed, to the minute.
    with time_machine.travel(timezone.now(), tick=False):
        shown = rehearse(shop, body(external_id="W-1")).json()
        number = shop.post(URL, body(external_id="W-1"), content_type="application/json").json()["number"]
    drain()
    sent = StoredMail.objects.latest("pk")
    event = Order.objects.get(pk=number).customer.conversation.events.latest("sequence")

    def without_ids(words: str, order: object) -> str:
        # Not within another id, whose digits are random.
        return re.sub(rf"(?<![\w-]){order}(?![\w-])", "1", re.sub(r"key=[\w:.%-]+", "key=", words))

    assert shown["mail"]["language"] == language
    assert (shown["mail"]["to"], shown["conversation"]["is_new"]) == (sent.to, False)
    rehearsed = shown["order"]["number"]
    mails = [(mail, getattr(sent, mail)) for mail in ("subject", "text", "html")]
    assert [without_ids(shown["mail"][part], rehearsed) for part, _words in mails] == [without_ids(words, number) for _part, words in mails]
    assert event.type == shown["event"]["type"]
    known = {"id": 0, "placed_at": ""}
    assert event.body | known == shown["event"]["body"] | known


def test_a_customers_first_order_would_open_their_conversation(shop: Client, alice: User) -> None:
    assert rehearse(shop, body()).json()["conversation"] == {"id": None, "is_new": True}


@pytest.mark.parametrize(("changes", "code"), [({"status": "draft"}, "draft")])
def test_a_dry_run_says_why_no_mail_would_go_out(shop: Client, alice: User, changes: dict[str, Any], code: str) -> None:
    shown = rehearse(shop, body(**changes)).json()
    assert (shown["mail"], shown["event"], shown["why_no_mail"]["code"]) == (None, None, code)


def test_a_dry_run_finds_the_missing_address(shop: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(email="")
    shown = rehearse(shop, body()).json()
    assert (shown["mail"], shown["why_no_mail"]["code"]) == (None, "no_address")


def test_a_dry_run_of_a_known_order_says_that_its_customer_knows(shop: Client, alice: User) -> None:
    shop.post(URL, body(external_id="W-1"), content_type="application/json")
    drain()
    shown = rehearse(shop, body(external_id="W-1", data={"gift": True})).json()
    assert (shown["is_new"], shown["why_no_mail"]["code"], shown["order"]["data"]) == (False, "told", {"gift": True})
    assert Order.objects.get().data == {}


def test_a_wrong_order_is_refused_in_a_dry_run_too(shop: Client, alice: User) -> None:
    assert rehearse(shop, body(lines=[])).json()["errors"][0]["field"] == "lines"


@pytest.mark.parametrize(
    ("status", "types"), [("placed", ["order.placed", "order.told"]), ("draft", ["order.created"])], ids=["placed", "draft"]
)
def test_a_dry_run_names_the_callers_own_webhooks(shop: Client, alice: User, clerk: User, status: str, types: list[str]) -> None:
    own = WebhookEndpoint.objects.create(url="https://shop.example.com/", created_by=User.objects.get(username="shop"))
    WebhookEndpoint.objects.create(url="https://other.example.com/", created_by=clerk)
    assert rehearse(shop, body(status=status)).json()["webhooks"] == [{"id": own.public_id, "type": kind} for kind in types]


def told_of(shop: Client) -> list[str]:
    """The types of all events of the feed."""
    return [event["type"] for event in shop.get("/api/events/").json()["events"]]


def named(answer: Any) -> list[str]:
    """The types of which a dry run says that webhooks would be told."""
    return [webhook["type"] for webhook in answer.json()["webhooks"]]


@pytest.fixture
def hook(shop: Client) -> WebhookEndpoint:
    """A webhook of the shop's, told of everything."""
    return WebhookEndpoint.objects.create(url="https://shop.example.com/", created_by=User.objects.get(username="shop"))


@pytest.mark.parametrize("email", ["", "älice@example.com"], ids=["none", "not ASCII"])
def test_a_dry_run_of_an_order_that_cant_be_told_names_what_the_real_one_gives(
    shop: Client, hook: WebhookEndpoint, alice: User, email: str
) -> None:
    User.objects.filter(pk=alice.pk).update(email=email)
    rehearsed = named(rehearse(shop, body()))
    shop.post(URL, body(), content_type="application/json")
    drain()
    drain()
    assert rehearsed == told_of(shop) == ["order.placed", "order.not_told"]


def test_a_dry_run_of_an_order_that_is_on_its_way_names_no_second_placing(shop: Client, hook: WebhookEndpoint, alice: User) -> None:
    shop.post(URL, body(external_id="W-1"), content_type="application/json")
    feed.number()
    before = told_of(shop)
    rehearsed = named(rehearse(shop, body(external_id="W-1")))
    drain()
    drain()
    assert [*before, *rehearsed] == told_of(shop) == ["order.placed", "order.told"]


# --- Explained ---------------------------------------------------------------------------------------------------------


def explained(shop: Client, order: Order) -> Any:
    """The explanation."""
    return shop.get(f"{URL}{order.number}/explain/").json()


def stand(order: Order, **fields: Any) -> None:
    """The confirmation as it stands after a bad day."""
    OrderConfirmation.objects.filter(order=order).update(**fields)


def test_an_order_that_was_told_is_explained_step_by_step(shop: Client, alice: User, place: Place) -> None:
    order = place(alice)
    drain()
    found = explained(shop, order)
    steps = found["versions"][0]["steps"]
    assert (found["is_told"], found["code"], found["versions"][0]["error"]) == (True, "told", None)
    assert [step["code"] for step in steps if step["at"]] == ["conversation_opened", "event_added", "mail_sent"]


def test_a_draft_is_explained(shop: Client, alice: User, place: Place) -> None:
    found = explained(shop, place(alice, status="draft"))
    assert (found["is_told"], found["code"], found["versions"]) == (False, "draft", [])
    assert "draft" in found["text"]


def test_a_missing_address_is_explained(shop: Client, alice: User, place: Place) -> None:
    User.objects.filter(pk=alice.pk).update(email="")
    order = place(alice)
    drain()
    found = explained(shop, order)
    assert (found["is_told"], found["code"], found["versions"][0]["error"]["code"]) == (False, "failed", "no_address")


# From when the test runs, which may be long after this is read.
SOON, LONG_AGO = timedelta(hours=1), timedelta(minutes=-5)
STANDINGS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"next_attempt_at": SOON, "attempts": 2, "error_code": "timeout", "last_error": "No answer."}, "late", "timeout"),
    ({"next_attempt_at": SOON, "is_unknown": True, "error_code": "lost", "last_error": "Lost."}, "unknown", "lost"),
    ({"state": "failed", "is_unknown": True, "error_code": "outcome_unknown", "last_error": "Nobody knows."}, "unsure", "outcome_unknown"),
    ({"next_attempt_at": LONG_AGO}, "stalled", None),
    ({"state": "cancelled", "last_error": "Taken back."}, "taken_back", "taken_back"),
]


@pytest.mark.parametrize(("fields", "code", "error"), STANDINGS, ids=[row[1] for row in STANDINGS])
def test_what_holds_a_mail_back_is_explained(
    shop: Client, alice: User, place: Place, fields: dict[str, Any], code: str, error: str | None
) -> None:
    order = place(alice)
    stand(order, **{name: timezone.now() + value if isinstance(value, timedelta) else value for name, value in fields.items()})
    found = explained(shop, order)
    assert (found["is_told"], found["code"], (found["versions"][0]["error"] or {}).get("code")) == (False, code, error)


def move(shop: Client, order: Order, *statuses: str) -> None:
    """Take the order from one status to the next, as a shop does."""
    for status in statuses:
        answer = shop.patch(f"{URL}{order.number}/", {"status": status}, content_type="application/json")
        assert answer.status_code == 200


def test_an_order_that_was_cancelled_before_a_worker_looked_is_taken_back(shop: Client, alice: User, place: Place) -> None:
    order = place(alice, status="draft")
    move(shop, order, "placed", "cancelled")
    early = explained(shop, order)
    stand(order, next_attempt_at=timezone.now() - timedelta(minutes=5))
    late = explained(shop, order)
    drain()
    assert [found["code"] for found in (early, late, explained(shop, order))] == ["taken_back"] * 3
    assert (early["is_told"], early["versions"][0]["next_attempt_at"]) == (False, None)


def test_an_order_that_was_cancelled_while_its_mail_is_on_its_way_is_still_being_told(shop: Client, alice: User, place: Place) -> None:
    place(alice)
    drain()  # from now on Alice has a conversation
    order = place(alice)
    now = timezone.now()
    stand(order, conversation_opened_at=now, event_added_at=now, mail_tried_at=now)
    move(shop, order, "cancelled")
    assert explained(shop, order)["code"] == "begun"
    drain()
    assert explained(shop, order)["code"] == "told"


def test_a_dry_run_of_an_order_that_was_taken_back_tells_nobody(shop: Client, hook: WebhookEndpoint, alice: User) -> None:
    number = shop.post(URL, body(external_id="W-1"), content_type="application/json").json()["number"]
    move(shop, Order.objects.get(pk=number), "cancelled")
    shown = rehearse(shop, body(external_id="W-1")).json()
    assert (shown["mail"], shown["why_no_mail"]["code"], "order.told" in str(shown["webhooks"])) == (None, "taken_back", False)


def test_a_draft_that_was_cancelled_is_nobodys_business(shop: Client, alice: User, place: Place) -> None:
    order = place(alice, status="draft")
    move(shop, order, "cancelled")
    assert explained(shop, order)["code"] == "nobody"


def test_a_mail_that_came_back_is_explained(shop: Client, alice: User, place: Place) -> None:
    order = place(alice)
    drain()
    row = order.confirmations.get()
    MailEvent.objects.create(
        confirmation=row,
        message_id="m",
        recipient="alice@example.com",
        type="hard_bounce",
        reason="no such box",
        occurred_at=timezone.now(),
    )
    stand(order, delivery="bounced")
    found = explained(shop, order)
    assert (found["code"], found["versions"][0]["mail_events"][0]["reason"]) == ("returned", "no such box")


def test_an_order_that_isnt_there_is_not_explained(shop: Client) -> None:
    assert shop.get(f"{URL}999999/explain/").status_code == 404


# --- Found -------------------------------------------------------------------------------------------------------------


def numbers(shop: Client, query: str) -> list[int]:
    """The orders of a list."""
    return [row["number"] for row in shop.get(f"{URL}?{query}").json()["results"]]


@pytest.fixture
def three(alice: User, bob: User, place: Place) -> list[int]:
    """A told order of Alice's, a draft of hers, and a shipped one of Bob's, which nobody was told of."""
    told, draft, shipped = place(alice), place(alice, status="draft"), place(bob)
    drain()
    stand(shipped, state="failed")
    Order.objects.filter(pk=shipped.pk).update(status="shipped", external_id="W-3", placed_at="2026-01-05T10:00:00Z")
    return [told.number, draft.number, shipped.number]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=draft", [1]),
        ("status=draft&status=shipped", [2, 1]),
        ("customer=bob", [2]),
        ("customer=nobody", []),
        ("external_id=W-3", [2]),
        ("told=done", [0]),
        ("told=failed", [2]),
        ("told=nobody", [1]),
        ("placed_from=2026-01-05T10:00:00Z&placed_before=2026-01-05T10:00:01Z", [2]),
        ("placed_before=2026-01-05T10:00:00Z", []),
        ("changed_from=2100-01-01T00:00:00Z", []),
        ("ordering=number", [0, 1, 2]),
        ("ordering=-created_at", [2, 1, 0]),
        ("ordering=updated_at&limit=1", [0]),
    ],
)
def test_a_list_shows_what_was_asked_for(shop: Client, three: list[int], query: str, expected: list[int]) -> None:
    assert numbers(shop, query) == [three[place] for place in expected]


@pytest.mark.parametrize(
    "query", ["status=lost", "told=maybe", "placed_from=junk", "ordering=junk", "ordering=number,created_at", "external_id=%00"]
)
def test_a_filter_that_means_nothing_is_refused(shop: Client, three: list[int], query: str) -> None:
    answer = shop.get(f"{URL}?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, query.partition("=")[0])


@pytest.mark.parametrize("ordering", ["created_at", "-updated_at", "number"])
def test_a_filtered_list_goes_on_by_cursor_in_its_order(shop: Client, three: list[int], ordering: str) -> None:
    query, seen = f"{URL}?ordering={ordering}&limit=1", []
    while query:
        page = shop.get(query).json()
        seen += [row["number"] for row in page["results"]]
        query = page["next"]
    assert seen == numbers(shop, f"ordering={ordering}")


def test_a_cursor_of_another_ordering_is_a_404(shop: Client, three: list[int]) -> None:
    following = shop.get(f"{URL}?ordering=created_at&limit=1").json()["next"]
    assert shop.get(following.replace("created_at", "number")).status_code == 404


def test_customers_are_found_by_address(shop: Client, alice: User, bob: User) -> None:
    found = shop.get("/api/customers/?email=ALICE@example.com").json()["results"]
    assert [row["username"] for row in found] == ["alice"]


def test_customers_are_found_by_address_without_reading_all_people(shop: Client, alice: User) -> None:
    many_people()
    with plans() as found:
        shop.get("/api/customers/?email=ALICE@example.com")
    assert led_by("people_by_mail_address", found)
