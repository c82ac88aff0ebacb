"""What `manage.py check` says of the site's own address."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from ordersupport.checks import public_address, real_providers

VONAGE = {"VONAGE_APPLICATION_ID": "00000000-0000-4000-8000-000000000001"}
SENDINBLUE = {"SENDINBLUE_API_KEY": "xkeysib-0123"}
PUBLIC = {"PUBLIC_URL": "https://shop.example.com", "ALLOWED_HOSTS": ["shop.example.com"]}


def found(settings: Settings, *groups: dict[str, object]) -> list[str | None]:
    """The messages' ids with these settings."""
    for name, value in {name: value for group in groups for name, value in group.items()}.items():
        setattr(settings, name, value)
    return [message.id for message in public_address(None)]


def test_a_machine_of_its_own_is_fine(settings: Settings) -> None:
    assert found(settings) == []


def test_a_demo_on_this_machine_is_fine(settings: Settings) -> None:
    assert found(settings, {"DEMO": True}) == []


def test_a_public_demo_doesnt_start(settings: Settings) -> None:
    for name, value in (PUBLIC | {"DEMO": True}).items():
        setattr(settings, name, value)
    with pytest.raises(SystemCheckError, match="passwords are known to everybody"):
        call_command("serve", skip_checks=False)


def test_a_public_site_is_fine(settings: Settings) -> None:
    assert found(settings, PUBLIC, VONAGE, SENDINBLUE) == []


@pytest.mark.parametrize("group", [VONAGE, SENDINBLUE])
def test_providers_and_an_address_of_this_machine_do_not_fit(settings: Settings, group: dict[str, object]) -> None:
    assert found(settings, group) == ["ordersupport.W001"]


@pytest.mark.parametrize(
    "group", [VONAGE | {"VONAGE_API_HOST": "localhost:4010"}, SENDINBLUE | {"SENDINBLUE_API_URL": "https://127.0.0.1:4011/v3"}]
)
def test_stand_ins_on_this_machine_reach_it(settings: Settings, group: dict[str, object]) -> None:
    assert found(settings, group) == []


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ({"PUBLIC_URL": "http://shop.example.com"}, ["ordersupport.W002"]),
        ({"ALLOWED_HOSTS": ["localhost"]}, ["ordersupport.W003"]),
        ({"ALLOWED_HOSTS": [".example.com"]}, []),
        ({"ALLOWED_HOSTS": ["*"]}, []),
        ({"DEBUG": True}, ["ordersupport.W004"]),
        ({"DEMO": True}, ["ordersupport.E001"]),
    ],
)
def test_one_wrong_setting_of_a_public_site_is_named(settings: Settings, group: dict[str, object], expected: list[str]) -> None:
    assert found(settings, PUBLIC, group) == expected


def test_the_sentence_names_who_can_not_reach_us(settings: Settings) -> None:
    found(settings, VONAGE, SENDINBLUE)
    [message] = public_address(None)
    assert "Vonage and Sendinblue can't reach that" in message.msg
    assert real_providers() == ["Vonage", "Sendinblue"]
