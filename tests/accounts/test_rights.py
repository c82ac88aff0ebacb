"""Nobody becomes, by the admin, somebody who has more permissions than they have."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from accounts.models import ApiKey, AuditEntry, User

USER, KEY, GROUP = "/admin/accounts/user/", "/admin/accounts/apikey/", "/admin/auth/group/"
NEW = "another long word"
Answer = Any


def person(name: str, *codenames: str, **fields: Any) -> User:
    """Somebody with these permissions."""
    made = User.objects.create_user(name, password="a long password", **fields)
    made.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return made


@pytest.fixture
def helper(db: None) -> User:
    """Staff who look after people, groups and keys, and are no superuser."""
    acts = ("view", "add", "change", "delete")
    return person("helper", *[f"{act}_{model}" for act in acts for model in ("user", "apikey", "group")], is_staff=True)


@pytest.fixture
def desk(helper: User) -> Client:
    """Their browser."""
    browser = Client()
    browser.force_login(helper)
    return browser


def form_of(user: User, **changes: str) -> dict[str, str]:
    """What the page posts."""
    given = {"username": user.username, "name": user.name, "email": user.email, "phone": "", "language": "en", "time_zone": ""}
    return given | {"is_active": "on"} | changes


def change(desk: Client, user: User, **changes: str) -> int:
    """Post the page of a person."""
    return int(desk.post(f"{USER}{user.pk}/change/", form_of(user, **changes)).status_code)


def fresh(user: User) -> User:
    """As the database has them."""
    return User.objects.get(pk=user.pk)


# --- People ------------------------------------------------------------------------------------------------------------


def test_staff_change_a_customer(desk: Client, alice: User) -> None:
    assert (change(desk, alice, name="Alice M."), fresh(alice).name) == (302, "Alice M.")


@pytest.mark.parametrize("role", ["is_superuser", "is_staff", "groups", "user_permissions"])
def test_staff_give_nobody_a_role(desk: Client, agent: User, alice: User, role: str) -> None:
    value = {"groups": str(Group.objects.get(name="Agents").pk), "user_permissions": str(Permission.objects.first().pk)}  # type: ignore[union-attr]
    change(desk, alice, **{role: value.get(role, "on")})
    now = fresh(alice)
    assert (now.is_superuser, now.is_staff, now.groups.count(), now.user_permissions.count()) == (False, False, 0, 0)


def test_staff_dont_make_themselves_superusers(desk: Client, helper: User) -> None:
    assert (change(desk, helper, is_superuser="on", is_staff="on"), fresh(helper).is_superuser) == (403, False)


def others(kind: str) -> User:
    """People who have something that the helper has not."""
    made = {"superuser": {"is_superuser": True}, "staff": {"is_staff": True}, "agent": {}, "agent switched off": {"is_active": False}}
    return person("other", *(["answer_chats"] if kind.startswith("agent") else []), **made[kind])


@pytest.mark.parametrize("kind", ["superuser", "staff", "agent", "agent switched off"])
def test_staff_neither_change_delete_nor_log_in_as_somebody_with_more_rights(desk: Client, kind: str) -> None:
    other = others(kind)
    passwords = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    answers = [
        change(desk, other, name="Taken over"),
        desk.post(f"{USER}{other.pk}/password/", passwords).status_code,
        desk.post(f"{USER}{other.pk}/delete/", {"post": "yes"}).status_code,
    ]
    desk.post(USER, {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"})
    now = fresh(other)
    assert (answers, now.name, now.check_password("a long password")) == ([403, 403, 403], "", True)


def test_staff_change_an_agent_whose_rights_they_have(desk: Client, helper: User, agent: User) -> None:
    helper.user_permissions.add(Permission.objects.get(codename="answer_chats"))
    assert change(desk, agent, name="Ada") == 302


def test_staff_remove_no_second_factor_of_a_superuser(desk: Client, clerk: User, alice: User, settings: Settings) -> None:
    # Sessions that began before are ended by the setting.
    settings.TWO_FACTOR = True
    desk.force_login(User.objects.get(username="helper"))
    for one in (clerk, alice):
        TOTPDevice.objects.create(user=one, confirmed=True, name="app")
    page = desk.post(USER, {"action": "reset_second_factor", "_selected_action": [clerk.pk, alice.pk]}, follow=True)
    assert [row.user_id for row in TOTPDevice.objects.all()] == [clerk.pk]
    assert "Only superusers do this for staff" in page.content.decode()


def test_superusers_give_roles_and_change_everybody(clerk: User, helper: User) -> None:
    browser = Client()
    browser.force_login(clerk)
    assert (change(browser, helper, is_superuser="on", is_staff="on"), fresh(helper).is_superuser) == (302, True)


def test_staff_change_no_group(desk: Client, agent: User) -> None:
    agents = Group.objects.get(name="Agents")
    every = [str(key) for key in Permission.objects.values_list("pk", flat=True)]
    answers = [
        desk.post(f"{GROUP}{agents.pk}/change/", {"name": "Agents", "permissions": every}).status_code,
        desk.post(f"{GROUP}add/", {"name": "Kings", "permissions": every}).status_code,
        desk.post(f"{GROUP}{agents.pk}/delete/", {"post": "yes"}).status_code,
    ]
    assert (answers, agents.permissions.count(), Group.objects.filter(name="Kings").exists()) == ([403] * 3, 1, False)


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_is_a_step_in_an_address_is_refused(desk: Client, alice: User, name: str) -> None:
    page = desk.post(f"{USER}{alice.pk}/change/", form_of(alice, username=name)).content.decode()
    assert ("t be “.” or “..”" in page, fresh(alice).username) == (True, "alice")


# --- Keys --------------------------------------------------------------------------------------------------------------


def make_key(desk: Client, client: User) -> Answer:
    """Add a key for this client."""
    return desk.post(f"{KEY}add/", {"user": client.pk, "name": "till", "scopes": ["orders:read", "orders:write", "chat"]}, follow=True)


@pytest.mark.parametrize("kind", ["superuser", "agent", "agent switched off"])
def test_staff_make_no_key_for_somebody_with_more_rights(desk: Client, kind: str) -> None:
    page = make_key(desk, others(kind)).content.decode()
    assert ("has more permissions than you" in page, ApiKey.objects.count()) == (True, 0)


def test_staff_make_a_key_for_a_client_whose_rights_they_have(desk: Client, helper: User) -> None:
    helper.user_permissions.add(Permission.objects.get(codename="add_order"))
    group = Group.objects.get_or_create(name="API clients")[0]
    helper.groups.add(group)
    shop = person("shop", "add_order")
    shop.groups.add(group)
    make_key(desk, shop)
    assert ApiKey.objects.get().user.username == "shop"


def test_staff_neither_replace_nor_change_a_key_of_somebody_with_more_rights(desk: Client, clerk: User) -> None:
    row, _key = ApiKey.objects.create_key(user=clerk, name="shop", scopes=["orders:read"])
    changed = desk.post(f"{KEY}{row.pk}/change/", {"name": "shop", "scopes": ["orders:read", "chat"]})
    page = desk.post(KEY, {"action": "rotate", "_selected_action": [row.pk]}, follow=True).content.decode()
    assert (changed.status_code, ApiKey.objects.get().scopes, "Ask a superuser to replace it" in page) == (403, ["orders:read"], True)


def test_staff_revoke_any_key(desk: Client, clerk: User) -> None:
    row, _key = ApiKey.objects.create_key(user=clerk, name="shop")
    desk.post(KEY, {"action": "revoke", "_selected_action": [row.pk]})
    assert ApiKey.objects.get().revoked


# --- Written down ------------------------------------------------------------------------------------------------------


@pytest.fixture
def superdesk(clerk: User) -> Client:
    """A superuser's browser."""
    browser = Client()
    browser.force_login(clerk)
    return browser


@pytest.fixture
def key(alice: User) -> ApiKey:
    """A key of a client's."""
    return ApiKey.objects.create_key(user=alice, name="shop", scopes=["orders:read"])[0]  # type: ignore[return-value]


def written() -> tuple[str, str, dict[str, Any]]:
    """The one entry."""
    entry = AuditEntry.objects.get()
    return entry.action, entry.subject, entry.details


def test_a_deleted_key_stays_in_the_audit_log(superdesk: Client, key: ApiKey) -> None:
    superdesk.post(f"{KEY}{key.pk}/delete/", {"post": "yes"})
    assert (written(), ApiKey.objects.count()) == (("key_deleted", f"accounts.apikey {key.prefix}", {}), 0)


def test_keys_that_are_deleted_in_the_list_stay_in_the_audit_log(superdesk: Client, key: ApiKey) -> None:
    superdesk.post(KEY, {"action": "delete_selected", "_selected_action": [key.pk], "post": "yes"})
    assert (written(), ApiKey.objects.count()) == (("key_deleted", f"accounts.apikey {key.prefix}", {}), 0)


def test_another_end_of_a_key_is_in_the_audit_log(superdesk: Client, key: ApiKey) -> None:
    form = {"name": "shop", "scopes": ["orders:read"], "expiry_date_0": "2030-01-01", "expiry_date_1": "00:00:00"}
    superdesk.post(f"{KEY}{key.pk}/change/", form)
    assert written() == ("key_changed", f"accounts.apikey {key.prefix}", {"fields": "expiry_date"})
