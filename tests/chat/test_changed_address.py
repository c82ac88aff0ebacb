"""Another mail address for a customer: their links end, and the former address hears of it."""

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts import privacy
from accounts.models import AuditEntry, User
from chat import conversations
from chat.coordinator import drain
from chat.entry.models import AddressNotice
from orders.mail_models import StoredMail
from orders.models import Order
from tests.opening import come_in, link_to, press

NEW = "mallory@example.com"


def patch(api_key: str, **fields: str) -> int:
    """A program changes Alice's data."""
    headers = {"Authorization": f"Token {api_key}"}
    answer = Client().patch("/api/customers/alice/", json.dumps(fields), content_type="application/json", headers=headers)
    drain()
    return int(answer.status_code)


def test_the_former_address_is_told_and_nothing_is_given_away(order: Order, api_key: str) -> None:
    patch(api_key, email=NEW)
    mail = StoredMail.objects.get()
    assert ("alice@example.com" in mail.to, NEW in mail.to, "was changed" in mail.subject) == (True, False, True)
    assert (NEW in mail.text, "key=" in mail.text, NEW in mail.html, "key=" in mail.html) == (False, False, False, False)


def test_the_mail_is_in_the_customers_language(order: Order, api_key: str) -> None:
    User.objects.filter(username="alice").update(language="zh-hans")
    patch(api_key, email=NEW)
    assert "邮箱地址" in StoredMail.objects.get().text


def test_links_and_devices_end_with_the_address(order: Order, api_key: str) -> None:
    browser, url = Client(), link_to(order.customer.conversation, order.number)
    page = press(browser, url)["Location"]
    before = browser.get(page).status_code
    patch(api_key, email=NEW)
    assert (before, browser.get(page).status_code, Client().get(url).status_code) == (200, 404, 404)


def test_the_audit_log_says_who_changed_it_and_names_no_address(order: Order, api_key: str) -> None:
    patch(api_key, email=NEW)
    entry = AuditEntry.objects.get()
    assert (str(entry.actor and entry.actor.username), entry.action, entry.subject, entry.details) == (
        "shop",
        "address_changed",
        f"accounts.user {order.customer.public_id}",
        {},
    )


@pytest.mark.parametrize("fields", [{"email": "ALICE@example.com"}, {"name": "Alice M."}, {"email": "alice@example.com"}])
def test_what_is_no_other_address_ends_nothing(order: Order, api_key: str, fields: dict[str, str]) -> None:
    url = link_to(order.customer.conversation, order.number)
    assert patch(api_key, **fields) == 200
    assert (Client().get(url).status_code, AddressNotice.objects.count(), AuditEntry.objects.count()) == (200, 0, 0)


def test_a_first_address_is_told_to_nobody(order: Order, api_key: str) -> None:
    User.objects.filter(username="alice").update(email="")
    patch(api_key, email=NEW)
    assert (StoredMail.objects.count(), AddressNotice.objects.count()) == (0, 0)


def test_an_address_that_is_taken_away_is_told_as_well(order: Order, api_key: str) -> None:
    patch(api_key, email="")
    assert "alice@example.com" in StoredMail.objects.get().to


def test_staff_who_change_it_in_the_admin_are_written_down_and_it_is_told(order: Order, alice: User, clerk: User) -> None:
    staff = Client()
    staff.force_login(clerk)
    form = {"username": "alice", "name": "Alice", "email": NEW, "phone": "", "language": "en", "time_zone": "", "is_active": "on"}
    staff.post(f"/admin/accounts/user/{alice.pk}/change/", form)
    drain()
    assert (AuditEntry.objects.get().actor, "alice@example.com" in StoredMail.objects.get().to) == (clerk, True)


def test_a_dry_run_tells_nobody(order: Order, api_key: str) -> None:
    headers = {"Authorization": f"Token {api_key}"}
    Client().patch("/api/customers/alice/?dry_run=1", json.dumps({"email": NEW}), content_type="application/json", headers=headers)
    drain()
    assert (StoredMail.objects.count(), AddressNotice.objects.count(), AuditEntry.objects.count()) == (0, 0, 0)


def test_the_former_address_is_forgotten_once_it_was_told(order: Order, api_key: str) -> None:
    patch(api_key, email=NEW)
    row = AddressNotice.objects.get()
    assert (row.state, row.address) == ("done", "")


def test_an_erased_customers_former_address_is_told_nothing(order: Order, clerk: User, alice: User) -> None:
    row = AddressNotice.objects.create(person=alice, address="former@example.com")
    privacy.erase(alice, by=clerk)
    row.refresh_from_db()
    assert (row.state, row.address) == ("cancelled", "")


def test_a_confirmation_that_was_waiting_brings_a_link_that_opens(alice: User, api_key: str, place: Callable[..., Order]) -> None:
    placed = place(alice)
    patch(api_key, email=NEW)
    confirmation = next(mail for mail in StoredMail.objects.all() if "url" in mail.params)
    assert NEW in confirmation.to
    assert come_in(Client(), confirmation.params["url"].removeprefix("http://localhost:3000")).status_code == 200
    assert placed.customer_id == alice.pk


def test_a_mail_that_is_tried_again_holds_no_link_that_has_ended(order: Order, api_key: str) -> None:
    confirmation = order.confirmations.get()
    patch(api_key, email=NEW)
    confirmation.__class__.objects.filter(pk=confirmation.pk).update(state="waiting", mail_sent_at=None, next_attempt_at=timezone.now())
    StoredMail.objects.all().delete()
    drain()
    assert come_in(Client(), StoredMail.objects.get().params["url"].removeprefix("http://localhost:3000")).status_code == 200


def test_staff_see_the_notices_and_no_address(order: Order, alice: User, clerk: User) -> None:
    row = AddressNotice.objects.create(person=alice, address="former@example.com")
    staff = Client()
    staff.force_login(clerk)
    pages = [staff.get("/admin/chat/addressnotice/"), staff.get(f"/admin/chat/addressnotice/{row.pk}/change/")]
    assert [(page.status_code, "former@example.com" in page.content.decode()) for page in pages] == [(200, False), (200, False)]


def test_somebody_who_may_view_people_sees_no_notice(order: Order, alice: User) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_user"))
    browser = Client()
    browser.force_login(reader)
    assert browser.get("/admin/chat/addressnotice/").status_code == 403


def test_somebody_without_a_conversation_is_told_too(alice: User, api_key: str) -> None:
    patch(api_key, email=NEW)
    assert "alice@example.com" in StoredMail.objects.get().to
    assert conversations.open_for(alice).links.count() == 0


def test_a_former_address_that_is_still_to_be_told_is_the_customers_for_an_erasure(alice: User) -> None:
    AddressNotice.objects.create(person=alice, address="former@example.com")
    assert "former@example.com" in privacy.terms_of(alice).addresses
