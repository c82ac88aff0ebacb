"""A customer's link in the hands of staff: copied fresh, written down, revoked, replaced."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import AuditEntry, User
from chat.coordinator import drain
from chat.entry.models import AccessLink
from orders.mail_models import StoredMail
from orders.models import Order, Status
from tests.opening import come_in, link_to, press

Answer = Any


@pytest.fixture
def order(alice: User, place: Callable[..., Order]) -> Order:
    """An order that Alice was told of."""
    placed = place(alice)
    drain()
    return placed


@pytest.fixture
def desk(clerk: User) -> Client:
    """The clerk's browser."""
    browser = Client(raise_request_exception=False)
    browser.force_login(clerk)
    return browser


def copy(browser: Client, order: Order) -> Answer:
    """Press "Copy a fresh link"."""
    return browser.post(f"/admin/orders/order/{order.number}/link/")


def act(browser: Client, action: str, link: AccessLink) -> Answer:
    """Choose a link in the list and an act."""
    return browser.post("/admin/chat/accesslink/", {"action": action, "_selected_action": [link.pk]}, follow=True)


def test_the_orders_page_offers_a_fresh_link(desk: Client, order: Order) -> None:
    assert f"/admin/orders/order/{order.number}/link/" in desk.get(f"/admin/orders/order/{order.number}/change/").content.decode()


def test_a_copied_link_opens_the_customers_page(desk: Client, order: Order) -> None:
    url = copy(desk, order).context["url"].removeprefix("http://localhost:3000")
    assert "Blue mug" in come_in(Client(), url).content.decode()


def test_a_copied_link_is_kept_by_no_cache(desk: Client, order: Order) -> None:
    assert "no-store" in copy(desk, order)["Cache-Control"]


def test_the_audit_log_says_who_copied_when_and_for_whom(desk: Client, clerk: User, order: Order) -> None:
    copy(desk, order)
    entry, link = AuditEntry.objects.get(), AccessLink.objects.latest("pk")
    assert (entry.actor, entry.action, entry.subject, entry.details) == (
        clerk,
        "link_copied",
        f"accounts.user {order.customer.public_id}",
        {"order": order.number, "link": link.pk},
    )
    assert (entry.at is not None, link.issued_by) == (True, clerk)


def test_each_copy_is_a_link_of_its_own(desk: Client, order: Order) -> None:
    assert copy(desk, order).context["url"] != copy(desk, order).context["url"]


def test_a_draft_has_no_link(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    assert copy(desk, place(alice, status=Status.DRAFT)).status_code == 404


def test_a_get_copies_nothing(desk: Client, order: Order) -> None:
    assert (desk.get(f"/admin/orders/order/{order.number}/link/").status_code, AuditEntry.objects.count()) == (405, 0)


@pytest.mark.parametrize("missing", ["copy_accesslink", "view_order"])
def test_who_may_not_hold_a_customers_link_gets_none(order: Order, missing: str) -> None:
    intern = User.objects.create_user("intern", is_staff=True)
    kept = Permission.objects.exclude(codename=missing)
    intern.user_permissions.set(kept.exclude(codename="change_order") if missing == "view_order" else kept)
    browser = Client(raise_request_exception=False)
    browser.force_login(intern)
    assert (copy(browser, order).status_code, AuditEntry.objects.count()) == (403, 0)


def test_the_key_is_on_no_list_and_on_no_links_page(desk: Client, order: Order) -> None:
    link = AccessLink.objects.get()
    key = StoredMail.objects.get().params["url"].partition("key=")[2]
    pages = desk.get("/admin/chat/accesslink/").content.decode() + desk.get(f"/admin/chat/accesslink/{link.pk}/change/").content.decode()
    assert (key in pages, link.digest in pages, link.nonce in pages, "Alice Martin" in pages) == (False, False, False, True)


def test_staff_revoke_a_link_and_shut_out_who_came_by_it(desk: Client, clerk: User, order: Order) -> None:
    customer, url = Client(), link_to(order.customer.conversation, order.number)
    page = press(customer, url)["Location"]
    act(desk, "revoke", AccessLink.objects.latest("pk"))
    entry = AuditEntry.objects.get()
    assert (customer.get(page).status_code, customer.get(url).status_code, entry.actor, entry.action) == (404, 404, clerk, "link_revoked")


def test_staff_replace_a_link(desk: Client, order: Order) -> None:
    old = StoredMail.objects.get().params["url"].removeprefix("http://localhost:3000")
    act(desk, "rotate", AccessLink.objects.get())
    drain()
    fresh = StoredMail.objects.latest("pk").params["url"].removeprefix("http://localhost:3000")
    assert (Client().get(old).status_code, come_in(Client(), fresh).status_code, AuditEntry.objects.get().action) == (
        404,
        200,
        "link_rotated",
    )


def test_who_may_only_look_ends_nothing(order: Order) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_accesslink"))
    browser = Client()
    browser.force_login(reader)
    act(browser, "revoke", AccessLink.objects.get())
    assert AccessLink.objects.get().revoked_at is None
