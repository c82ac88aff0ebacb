"""What Sendinblue tells of mails: who is let in, what is kept, and which state it comes to in whatever order it arrives."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from django.db import DatabaseError
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import privacy
from accounts.models import User
from chat.coordinator import drain
from chat.outbox import State
from orders import confirmation as pipeline
from orders import deliveries
from orders.delivery import Delivery
from orders.mail_models import MailEvent
from orders.models import Order, OrderConfirmation
from tests.orders.brevo_side import sendinblue, told, told_again
from tests.twins import BrevoTwin

SECRET = "a long random word"
NOON = 1_795_348_800  # 2026-11-22 12:00 UTC


@pytest.fixture(autouse=True)
def _secret(settings: Settings) -> None:
    settings.WEBHOOK_SECRET = SECRET


@pytest.fixture
def brevo(settings: Settings) -> Iterator[BrevoTwin]:
    with sendinblue(settings) as twin:
        yield twin


@pytest.fixture
def mailed(alice: User, place: Callable[..., Order]) -> OrderConfirmation:
    """A confirmation whose mail Sendinblue took."""
    order = place(alice)
    drain()
    order.confirmations.update(message_id="<1@smtp-relay.mailin.fr>")
    return order.confirmations.get()


def event(name: str, *, second: int = 0, **changes: Any) -> dict[str, Any]:
    """Sendinblue's JSON of one event, as documented; `second` after noon. `ts_epoch` is when the mail was sent, for every event."""
    return {
        "event": name,
        "email": "alice@example.com",
        "id": 26224,
        "date": "2026-11-22 13:00:00",
        "ts": NOON + second,
        "message-id": "<1@smtp-relay.mailin.fr>",
        "ts_event": NOON + second,
        "subject": "Your order 1001",
        "X-Mailin-custom": "",
        "sending_ip": "127.0.0.1",
        "ts_epoch": NOON * 1000,
        "template_id": 22,
        "tag": '["order-confirmation"]',
        "tags": ["order-confirmation"],
    } | changes


def post(body: Any, **headers: str) -> HttpResponse:
    """Sendinblue's call, with the secret as bearer token unless `headers` say otherwise."""
    given = headers or {"Authorization": f"Bearer {SECRET}"}
    text = body if isinstance(body, bytes) else json.dumps(body)
    return Client().post("/webhooks/sendinblue", text, content_type="application/json", headers=given)


def state_after(*names: str) -> str:
    """The state after these events, one second apart."""
    return Delivery(deliveries.state_of((name, datetime.fromtimestamp(NOON + second, UTC)) for second, name in enumerate(names)))


# Who is let in.


def test_an_event_with_the_secret_as_bearer_token_is_taken(mailed: OrderConfirmation) -> None:
    assert post(event("delivered")).status_code == 200


def test_an_event_with_the_secret_in_a_header_is_taken(mailed: OrderConfirmation) -> None:
    assert post(event("delivered"), **{"X-Webhook-Secret": SECRET}).status_code == 200


def test_an_event_with_the_secret_as_the_urls_password_is_taken(mailed: OrderConfirmation) -> None:
    credentials = base64.b64encode(f"sendinblue:{SECRET}".encode()).decode()
    assert post(event("delivered"), Authorization=f"Basic {credentials}").status_code == 200


@pytest.mark.parametrize("path", [f"/webhooks/sendinblue/{SECRET}", f"/webhooks/sendinblue/{SECRET}/"])
def test_an_event_with_the_secret_in_the_path_is_taken(mailed: OrderConfirmation, path: str) -> None:
    answer = Client().post(path, event("delivered"), content_type="application/json")
    assert (answer.status_code, MailEvent.objects.count()) == (200, 1)


def test_any_letters_of_a_secret_survive_the_path(mailed: OrderConfirmation, settings: Settings) -> None:
    settings.WEBHOOK_SECRET = "made/by+openssl/=="
    path = f"/webhooks/sendinblue/{quote(settings.WEBHOOK_SECRET, safe='')}"
    assert Client().post(path, event("delivered"), content_type="application/json").status_code == 200


def test_an_event_to_an_address_with_a_slash_behind_it_is_taken(mailed: OrderConfirmation) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    answer = Client().post("/webhooks/sendinblue/", event("delivered"), content_type="application/json", headers=headers)
    assert (answer.status_code, MailEvent.objects.count()) == (200, 1)


@pytest.mark.django_db
def test_an_event_with_a_wrong_secret_in_the_path_is_refused_and_not_kept() -> None:
    answer = Client().post("/webhooks/sendinblue/guess", event("hard_bounce"), content_type="application/json")
    assert (answer.status_code, MailEvent.objects.count()) == (403, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer a long random wor"},
        {"Authorization": "Basic not base64"},
        {"Authorization": f"Basic {base64.b64encode(SECRET.encode()).decode()}"},
        {"X-Webhook-Secret": "ä"},
    ],
)
def test_an_event_without_the_secret_is_refused_and_not_kept(headers: dict[str, str]) -> None:
    assert (post(event("hard_bounce"), **headers).status_code, MailEvent.objects.count()) == (403, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("headers", [{"Authorization": "Bearer "}, {"X-Webhook-Secret": ""}, {"Authorization": "Basic eDo="}])
def test_without_a_configured_secret_nobody_is_let_in(settings: Settings, headers: dict[str, str]) -> None:
    settings.WEBHOOK_SECRET = ""
    assert post(event("delivered"), **headers).status_code == 403


@pytest.mark.django_db
def test_an_event_is_posted_and_not_got() -> None:
    assert Client().get("/webhooks/sendinblue", headers={"Authorization": f"Bearer {SECRET}"}).status_code == 405


# What is taken.


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1", b"null", b'"delivered"', b"[1, null]", b"{}", b'{"event": 1}']
)
def test_a_body_without_any_event_is_refused(body: bytes) -> None:
    assert post(body).status_code == 400


@pytest.mark.django_db
def test_a_body_that_is_too_long_is_refused(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert post(event("delivered", reason="x" * 1000)).status_code == 413


def test_a_list_of_events_is_taken_whole(mailed: OrderConfirmation) -> None:
    answer = post([event("request"), event("delivered", second=5), 7])
    assert (answer.json(), MailEvent.objects.count()) == ({"taken": 2}, 2)


@pytest.mark.django_db
def test_an_empty_list_is_fine() -> None:
    assert post([]).status_code == 200


def test_an_event_of_an_unknown_kind_is_kept(mailed: OrderConfirmation) -> None:
    assert post(event("teleported")).status_code == 200
    assert mailed.mail_events.get().type == "teleported"


@pytest.mark.django_db
def test_an_event_of_an_unknown_mail_is_answered_200() -> None:
    assert post(event("delivered", **{"message-id": "<nobody's@example.com>"})).status_code == 200


def test_an_unknown_mails_event_changes_no_order(mailed: OrderConfirmation) -> None:
    post(event("hard_bounce", **{"message-id": "<nobody's@example.com>"}))
    mailed.refresh_from_db()
    assert mailed.delivery == ""


def test_a_repeated_event_is_kept_once(mailed: OrderConfirmation) -> None:
    post(event("delivered"))
    post(event("delivered"))
    assert MailEvent.objects.count() == 1


def test_an_event_repeated_within_one_list_is_kept_once(mailed: OrderConfirmation) -> None:
    post([event("delivered"), event("delivered")])
    assert MailEvent.objects.count() == 1


def test_a_repeat_without_the_ids_brackets_is_the_same_event(mailed: OrderConfirmation) -> None:
    post(event("delivered"))
    post(event("delivered", **{"message-id": "1@smtp-relay.mailin.fr"}))
    assert MailEvent.objects.count() == 1


def test_two_openings_are_two_events_although_they_share_the_time_of_sending(mailed: OrderConfirmation) -> None:
    post(event("opened", second=10))
    post(event("opened", second=20))
    assert MailEvent.objects.count() == 2


@pytest.mark.parametrize(
    ("times", "moment"),
    [
        ({}, NOON),
        ({"ts_event": None, "ts_epoch": (NOON + 1) * 1000}, NOON + 1),
        ({"ts_event": "", "ts_epoch": NOON + 2}, NOON + 2),
        ({"ts_event": str(NOON + 3)}, NOON + 3),
        ({"ts_event": 10**300, "ts_epoch": [], "ts": NOON + 4}, NOON + 4),
    ],
)
def test_an_events_time_is_found(mailed: OrderConfirmation, times: dict[str, Any], moment: int) -> None:
    post(event("delivered", **times))
    assert mailed.mail_events.get().occurred_at == datetime.fromtimestamp(moment, UTC)


def test_an_event_without_any_time_happened_now(mailed: OrderConfirmation) -> None:
    before = timezone.now()
    post(event("delivered", ts=None, ts_event=None, ts_epoch=None))
    assert before <= mailed.mail_events.get().occurred_at <= timezone.now()


@pytest.mark.parametrize("words", ["\0", "\ud800", "x" * 5000, "ß" * 5000])
def test_words_that_no_database_takes_do_no_harm(mailed: OrderConfirmation, words: str) -> None:
    assert post(event("soft_bounce", reason=words, email=words, link=words)).status_code == 200
    assert mailed.mail_events.count() == 1


def test_long_words_are_cut_to_what_the_database_takes(mailed: OrderConfirmation) -> None:
    tags = [str(mailed.idempotency_key)]
    post(event("soft_bounce", reason="x" * 5000, email="y" * 5000, tags=tags, **{"message-id": "<1@smtp-relay.mailin.fr>" + "z" * 5000}))
    kept = MailEvent.objects.get()
    assert (len(kept.reason), len(kept.recipient), len(kept.message_id)) == (500, 254, 197)


def test_a_followed_link_is_not_kept_as_it_holds_the_customers_key(mailed: OrderConfirmation) -> None:
    post(event("click", link="https://shop.example.com/chat/alice/CON-1/1001?key=secret"))
    assert "secret" not in str(MailEvent.objects.values())


def test_an_event_that_can_not_be_stored_is_asked_for_again(mailed: OrderConfirmation, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(told: object) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(deliveries, "record", fail)
    # Any 5xx would make Sendinblue discard the event for good.
    assert post(event("delivered")).status_code == 429


# Which confirmation it is about.


def test_an_event_is_found_by_its_message_id(mailed: OrderConfirmation) -> None:
    post(event("delivered"))
    assert mailed.mail_events.count() == 1


def test_an_event_is_found_by_its_key_where_the_answer_was_lost(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "lost_reply", "times": 1})
    order = place(alice)
    told(order)
    post(event("delivered", tags=brevo.mails[0].tags, **{"message-id": brevo.mails[0].message_id}))
    assert order.confirmations.get().delivery == Delivery.DELIVERED


def test_a_message_id_that_was_lost_is_learned_from_an_event(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "lost_reply", "times": 1})
    order = place(alice)
    told(order)
    post(event("request", tags=brevo.mails[0].tags, **{"message-id": brevo.mails[0].message_id}))
    confirmation = told_again(order)
    assert (confirmation.state, confirmation.message_id) == (State.DONE, brevo.mails[0].message_id)


def test_tags_are_also_read_from_the_older_field(mailed: OrderConfirmation) -> None:
    tag = json.dumps(["order-confirmation", str(mailed.idempotency_key)])
    post(event("delivered", tag=tag, tags=None, **{"message-id": "<another@example.com>"}))
    assert mailed.mail_events.count() == 1


def test_the_orders_tag_is_enough_where_one_mail_has_no_id_yet(mailed: OrderConfirmation) -> None:
    OrderConfirmation.objects.update(message_id="")
    post(event("delivered", tags=[f"order-{mailed.order_id}"]))
    mailed.refresh_from_db()
    assert (mailed.delivery, mailed.message_id) == (Delivery.DELIVERED, "<1@smtp-relay.mailin.fr>")


def test_the_orders_tag_does_not_choose_between_two_mails(mailed: OrderConfirmation) -> None:
    pipeline.resend(mailed.order)
    drain()
    OrderConfirmation.objects.update(message_id="")
    post(event("delivered", tags=[f"order-{mailed.order_id}"]))
    assert MailEvent.objects.get().confirmation is None


def test_the_orders_tag_does_not_touch_a_mail_with_an_id_of_its_own(mailed: OrderConfirmation) -> None:
    post(event("hard_bounce", tags=[f"order-{mailed.order_id}"], **{"message-id": "<another@example.com>"}))
    mailed.refresh_from_db()
    assert mailed.delivery == ""


def test_an_event_quicker_than_the_answer_finds_its_mail_afterwards(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    confirmation = OrderConfirmation.claim(1)[0]
    [work] = pipeline.tell([confirmation])
    call = next(work)
    answer = call.function()
    post(event("delivered", **{"message-id": brevo.mails[0].message_id}))
    with pytest.raises(StopIteration):
        work.send(answer)
    assert order.confirmations.get().delivery == Delivery.DELIVERED


# Whom it names.


def names_alice() -> bool:
    """Whether anything kept of mails still says where Alice's went."""
    return any("alice" in f"{row.recipient} {row.reason}" for row in MailEvent.objects.all())


def test_an_event_after_the_erasure_of_its_customer_counts_and_names_nobody(mailed: OrderConfirmation, alice: User) -> None:
    privacy.erase(alice, by=None)
    post(event("hard_bounce", reason="550 <alice@example.com> is unknown"))
    mailed.refresh_from_db()
    assert (mailed.delivery, names_alice()) == (Delivery.BOUNCED, False)


def test_an_event_of_a_mail_that_was_under_way_while_its_customer_was_erased_names_nobody(mailed: OrderConfirmation, alice: User) -> None:
    OrderConfirmation.objects.update(message_id="")
    privacy.erase(alice, by=None)
    post(event("delivered", tags=["order-confirmation", str(mailed.idempotency_key)]))
    assert (mailed.mail_events.count(), names_alice()) == (1, False)


@pytest.mark.django_db
def test_an_event_without_a_confirmation_names_nobody_who_was_erased(alice: User) -> None:
    privacy.erase(alice, by=None)
    post(event("soft_bounce", tags=["entry-answer"], reason="Mailbox of alice@example.com is full"))
    assert (MailEvent.objects.get().confirmation, names_alice()) == (None, False)


@pytest.mark.django_db
def test_an_event_without_a_confirmation_names_whoever_has_the_address_in_capitals_or_not(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(email="Alice@Example.com")
    post(event("soft_bounce", tags=["entry-answer"], reason="Mailbox full"))
    assert MailEvent.objects.values_list("recipient", "reason").get() == ("alice@example.com", "Mailbox full")


@pytest.mark.django_db
def test_an_event_without_an_address_tells_no_reason_of_people_without_one(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(email="")
    post(event("soft_bounce", email="", reason="Mailbox of alice@example.com is full"))
    assert not names_alice()


@pytest.mark.django_db
def test_the_address_to_which_every_mail_is_turned_may_be_named(settings: Settings) -> None:
    settings.SENDINBLUE_TO_EMAIL = "Test@shop.example"
    post(event("delivered", email="test@shop.example"))
    assert MailEvent.objects.get().recipient == "test@shop.example"


def test_an_event_repeated_after_the_erasure_is_kept_once(mailed: OrderConfirmation, alice: User) -> None:
    post([event("delivered"), event("opened", second=1)])
    privacy.erase(alice, by=None)
    post([event("delivered"), event("opened", second=1), event("opened", second=2)])
    post(event("opened", second=2))
    assert mailed.mail_events.count() == 3


def test_an_event_repeated_once_its_confirmation_is_known_is_kept_once(mailed: OrderConfirmation, alice: User) -> None:
    OrderConfirmation.objects.update(message_id="")
    post(event("delivered", email="earlier@example.com"))
    OrderConfirmation.objects.update(message_id="<1@smtp-relay.mailin.fr>")
    deliveries.adopt(OrderConfirmation.objects.get())
    post(event("delivered", email="earlier@example.com"))
    assert mailed.mail_events.count() == 1


def test_two_recipients_whom_nobody_knows_are_two(mailed: OrderConfirmation) -> None:
    post([event("delivered", email=f"{name}@example.org", **{"message-id": "<2@example.com>"}) for name in ("one", "two")])
    assert MailEvent.objects.count() == 2


def test_an_erasure_joins_what_two_doors_kept_of_one_event(mailed: OrderConfirmation, alice: User) -> None:
    post(event("delivered", email="earlier@example.com", **{"message-id": "<2@example.com>"}))
    twin = MailEvent.objects.get()
    MailEvent.objects.filter(pk=twin.pk).update(confirmation=mailed)
    MailEvent(
        confirmation=mailed, message_id=twin.message_id, type=twin.type, recipient="earlier@example.com", occurred_at=twin.occurred_at
    ).save()
    privacy.erase(alice, by=None)
    assert [row.pk for row in MailEvent.objects.all()] == [twin.pk]


def test_what_stands_for_an_address_is_no_earlier_one_of_theirs(mailed: OrderConfirmation, alice: User) -> None:
    privacy.erase(alice, by=None)
    post(event("opened"))
    assert privacy.terms_of(User.objects.get(pk=alice.pk)).words == (f"erased-{alice.public_id}",)


# The state it comes to.


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("request", Delivery.ACCEPTED),
        ("deferred", Delivery.DEFERRED),
        ("delivered", Delivery.DELIVERED),
        ("proxy_open", Delivery.DELIVERED),
        ("unique_proxy_open", Delivery.DELIVERED),
        ("opened", Delivery.OPENED),
        ("unique_opened", Delivery.OPENED),
        ("first_opening", Delivery.OPENED),
        ("click", Delivery.CLICKED),
        ("soft_bounce", Delivery.SOFT_BOUNCED),
        ("hard_bounce", Delivery.BOUNCED),
        ("hardBounce", Delivery.BOUNCED),
        ("invalid_email", Delivery.BOUNCED),
        ("blocked", Delivery.BLOCKED),
        ("spam", Delivery.SPAM),
        ("error", Delivery.FAILED),
        ("unsubscribed", Delivery.UNKNOWN),
        ("teleported", Delivery.UNKNOWN),
    ],
)
def test_each_event_alone_comes_to_its_state(mailed: OrderConfirmation, name: str, state: str) -> None:
    post(event(name))
    mailed.refresh_from_db()
    assert mailed.delivery == state


def test_events_in_the_wrong_order_come_to_the_same_state(mailed: OrderConfirmation) -> None:
    post(event("delivered", second=9))
    post(event("deferred", second=5))
    post(event("request"))
    mailed.refresh_from_db()
    assert mailed.delivery == Delivery.DELIVERED


def test_a_later_delivery_never_hides_a_hard_bounce() -> None:
    assert state_after("hard_bounce", "delivered") == Delivery.BOUNCED


def test_a_later_opening_never_hides_a_spam_report() -> None:
    assert state_after("delivered", "spam", "opened") == Delivery.SPAM


def test_an_opening_is_more_than_a_delivery_that_is_told_later() -> None:
    assert state_after("opened", "delivered") == Delivery.OPENED


def test_a_click_is_more_than_an_opening() -> None:
    assert state_after("click", "opened", "delivered") == Delivery.CLICKED


def test_a_delivery_after_a_delay_and_a_soft_bounce_is_a_delivery() -> None:
    assert state_after("deferred", "soft_bounce", "delivered") == Delivery.DELIVERED


def test_a_mail_that_came_back_after_its_delivery_came_back() -> None:
    assert state_after("delivered", "soft_bounce") == Delivery.SOFT_BOUNCED


def test_in_the_same_second_a_delivery_counts() -> None:
    moment = datetime.fromtimestamp(NOON, UTC)
    assert deliveries.state_of([("delivered", moment), ("soft_bounce", moment)]) == Delivery.DELIVERED


def test_another_orders_mail_is_not_touched(mailed: OrderConfirmation, bob: User, place: Callable[..., Order]) -> None:
    other = place(bob)
    drain()
    post(event("hard_bounce"))
    assert other.confirmations.get().delivery == ""


def test_staff_read_when_and_why(mailed: OrderConfirmation) -> None:
    post([event("delivered", second=61), event("hard_bounce", second=120, reason="550 5.1.1 no such user"), event("delivered", second=60)])
    assert mailed.delivery_summary() == ("delivered Nov 22, 2026, 12:01 · returned for good Nov 22, 2026, 12:02 (550 5.1.1 no such user)")


def test_staff_read_nothing_where_nothing_was_told(mailed: OrderConfirmation) -> None:
    assert mailed.delivery_summary() == ""
