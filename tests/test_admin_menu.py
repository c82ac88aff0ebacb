"""The admin's menu: in the order in which people work, and with what they may see."""

import html
import re

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client

from accounts.models import User


def menu_of(person: User) -> list[tuple[str, list[str]]]:
    """Each section's name and its lists, on the admin's first page."""
    browser = Client()
    browser.force_login(person)
    found = browser.get("/admin/").context["app_list"]
    return [(str(section["name"]), [one["model"]._meta.label for one in section["models"]]) for section in found]


def test_work_comes_before_records(clerk: User) -> None:
    menu = menu_of(clerk)
    assert menu[:3] == [
        ("Orders", ["orders.Order"]),
        ("Conversations", ["chat.Conversation", "chat.Event", "chat.AccessLink"]),
        ("People and keys", ["accounts.User", "auth.Group", "accounts.ApiKey", "orders.WebhookEndpoint"]),
    ]
    assert [section for section, _lists in menu[3:]] == ["Outbox and records"]


def test_every_list_is_in_the_menu_once(clerk: User) -> None:
    browser = Client()
    browser.force_login(clerk)
    apps = [browser.get(f"/admin/{app}/").context["app_list"][0]["models"] for app in ("accounts", "auth", "chat", "orders")]
    everything = sorted(one["model"]._meta.label for lists in apps for one in lists)
    assert sorted(label for _section, lists in menu_of(clerk) for label in lists) == everything


def test_every_list_is_headed_as_in_the_menu(clerk: User) -> None:
    browser = Client()
    browser.force_login(clerk)
    lists = [one for section in browser.get("/admin/").context["app_list"] for one in section["models"]]
    heads = {str(one["name"]): re.findall("<h1>(.*)</h1>", browser.get(one["admin_url"]).content.decode()) for one in lists}
    assert heads == {name: [html.escape(name)] for name in heads}


def test_a_section_without_lists_that_one_may_see_is_left_out(agent: User) -> None:
    agent.is_staff = True
    agent.save()
    agent.user_permissions.add(Permission.objects.get(codename="view_order"))
    assert menu_of(agent) == [("Orders", ["orders.Order"])]


@pytest.mark.parametrize("address", ["/admin/orders/order/add/?customer=%00", "/admin/orders/order/?q=%00"])
def test_an_address_that_somebody_made_up_is_a_bad_one(clerk: User, address: str) -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(clerk)
    answer = browser.get(address)
    assert (answer.status_code, "did not arrive as it should" in answer.content.decode()) == (400, True)


def test_a_number_that_is_too_large_for_the_database_is_no_fault_of_ours(clerk: User) -> None:
    """SQLite can't be asked for it, which is told as above; PostgreSQL can, and has no such order."""
    browser = Client(raise_request_exception=False)
    browser.force_login(clerk)
    answer = browser.get(f"/admin/orders/order/?pk__in={'9' * 30}")
    is_told = "did not arrive as it should" in answer.content.decode()
    assert (answer.status_code, is_told) == ((400, True) if connection.vendor == "sqlite" else (200, False))
