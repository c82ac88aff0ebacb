"""People and their roles."""

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from accounts.models import ApiKey, User, check_time_zone


def test_a_person_is_addressed_by_their_name(alice: User) -> None:
    assert (alice.display_name, str(alice)) == ("Alice Martin", "Alice Martin (alice)")


def test_a_person_without_a_name_is_addressed_by_first_and_last_name(db: None) -> None:
    assert User(username="dora", first_name="Dora", last_name="Stein").display_name == "Dora Stein"


def test_a_person_without_any_name_is_addressed_by_username(db: None) -> None:
    assert (User(username="dora").display_name, str(User(username="dora"))) == ("dora", "dora")


def test_an_agent_is_a_permission(agent: User, alice: User) -> None:
    assert (agent.is_agent, alice.is_agent) == (True, False)


@pytest.mark.parametrize("username", ["agent", "Agents", "admin", "root"])
def test_an_agent_is_not_a_name(db: None, username: str) -> None:
    assert not User.objects.create_user(username, name="agent").is_agent


def test_an_agent_who_was_switched_off_is_none(agent: User) -> None:
    User.objects.filter(pk=agent.pk).update(is_active=False)
    assert not User.objects.get(pk=agent.pk).is_agent


def test_a_permission_given_directly_makes_an_agent_too(alice: User) -> None:
    alice.user_permissions.add(Permission.objects.get(codename="answer_chats"))
    assert User.objects.get(pk=alice.pk).is_agent


def test_ids_are_ours_and_of_one_shape(alice: User, bob: User) -> None:
    assert alice.public_id.startswith("USR-")
    assert (len(alice.public_id), alice.public_id != bob.public_id) == (40, True)


def test_two_people_cant_have_one_name(alice: User) -> None:
    with pytest.raises(IntegrityError):
        User.objects.create_user("alice")


def test_many_people_have_no_id_at_vonage_yet(alice: User, bob: User) -> None:
    assert (alice.provider_id, bob.provider_id) == (None, None)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Asia/Shanghai"])
def test_a_time_zone_is_taken(name: str) -> None:
    check_time_zone(name)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "Europe", "europe/berlin", "../etc/passwd", "UTC\n", "\x00"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is not a time zone"):
        check_time_zone(name)


def test_a_key_without_a_name_has_its_clients(clerk: User) -> None:
    row, _key = ApiKey.objects.create_key(user=clerk, name="")
    assert row.name == "clerk"


def test_a_clients_keys_end_with_the_client(clerk: User) -> None:
    ApiKey.objects.create_key(user=clerk, name="test")
    clerk.delete()
    assert not ApiKey.objects.exists()
