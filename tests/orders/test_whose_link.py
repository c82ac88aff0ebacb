"""Who gets a customer's link by posting an order: outside the demo, only who may hold one."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import Settings

from accounts.models import ApiKey, AuditEntry, Scope, User
from chat.entry.models import AccessLink
from tests.opening import come_in

Answer = Any
ORDER = "username=alice"
FORM = "application/x-www-form-urlencoded"


def may(name: str, *codenames: str, **fields: Any) -> User:
    """Somebody with these permissions."""
    person = User.objects.create_user(name, **fields)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return person


def by_key(client: User, *scopes: str) -> Answer:
    """What a program with a key of that client and these scopes is answered."""
    _row, key = ApiKey.objects.create_key(user=client, name="test", scopes=list(scopes))
    return Client().post("/order", ORDER, content_type=FORM, headers={"Authorization": f"Token {key}"})


def by_session(person: User) -> Answer:
    """What a person with a log-in is answered."""
    browser = Client()
    browser.force_login(person)
    return browser.post("/order", ORDER, content_type=FORM)


def has_key(answer: Answer) -> bool:
    """Whether the answer's link opens the customer's page; without its key it is the address of that page all the same."""
    made = answer.json()
    page, _mark, key = made["chat_url"].partition("?key=")
    assert page.endswith(f"/chat/alice/{made['conversation_id']}/{made['order_id']}")
    return bool(key)


@pytest.mark.parametrize(
    ("codenames", "scopes"),
    [
        (["add_order"], [*Scope.values]),
        (["add_order", "copy_accesslink"], [Scope.ORDERS_READ, Scope.ORDERS_WRITE]),
        (["add_order", "answer_chats"], [*Scope.values]),
    ],
    ids=["no permission", "no scope", "an agent"],
)
def test_a_program_that_only_writes_orders_gets_no_customers_link(alice: User, codenames: list[str], scopes: list[str]) -> None:
    answer = by_key(may("shop", *codenames), *scopes)
    assert (answer.status_code, has_key(answer), AccessLink.objects.count(), AuditEntry.objects.count()) == (201, False, 0, 0)


def test_staff_who_only_enter_orders_get_no_customers_link(alice: User) -> None:
    answer = by_session(may("packer", "add_order", is_staff=True))
    assert (answer.status_code, has_key(answer), AccessLink.objects.count()) == (201, False, 0)


def test_a_program_that_may_hold_links_gets_one_that_opens(alice: User) -> None:
    url = by_key(may("shop", "add_order", "copy_accesslink"), Scope.ORDERS_WRITE, Scope.CHAT).json()["chat_url"]
    assert come_in(Client(), url.removeprefix("http://localhost:3000")).status_code == 200


def test_a_link_that_was_answered_is_in_the_audit_log(alice: User) -> None:
    shop = may("shop", "add_order", "copy_accesslink")
    number = by_key(shop, Scope.ORDERS_WRITE, Scope.CHAT).json()["order_id"]
    entry, link = AuditEntry.objects.get(), AccessLink.objects.get()
    assert (entry.actor, entry.action, entry.subject, entry.details, link.issued_by) == (
        shop,
        "link_copied",
        f"accounts.user {alice.public_id}",
        {"order": number, "link": link.pk},
        shop,
    )


def test_staff_who_may_copy_links_get_one(alice: User) -> None:
    assert has_key(by_session(may("desk", "add_order", "copy_accesslink", is_staff=True)))


def test_the_demo_answers_the_whole_link_as_the_guide_does(alice: User, settings: Settings) -> None:
    settings.DEMO = True
    assert has_key(Client().post("/order", ORDER, content_type=FORM))
