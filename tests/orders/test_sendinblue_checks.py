"""What `manage.py check` says of the mail settings."""

from pathlib import Path

import pytest
from pytest_django import Settings

from orders.checks import sendinblue

WHOLE = {"SENDINBLUE_API_KEY": "xkeysib-0123", "SENDINBLUE_FROM_EMAIL": "shop@example.com", "WEBHOOK_SECRET": "a long random word"}


@pytest.fixture
def whole(settings: Settings) -> Settings:
    """A full set of good settings."""
    for name, value in WHOLE.items():
        setattr(settings, name, value)
    return settings


def found() -> list[str | None]:
    return [message.id for message in sendinblue(None)]


def test_nothing_set_is_fine() -> None:
    assert found() == []


def test_a_whole_set_is_fine(whole: Settings) -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SENDINBLUE_API_KEY", "", ["orders.E001"]),
        ("SENDINBLUE_FROM_EMAIL", "", ["orders.E001"]),
        ("SENDINBLUE_TO_NAME", "Tester", ["orders.E002"]),
        ("SENDINBLUE_FROM_EMAIL", "shop", ["orders.E003"]),
        ("SENDINBLUE_TO_EMAIL", "tester@", ["orders.E003", "orders.I001"]),
        ("REPLY_TO_EMAIL", "help", ["orders.E003"]),
        ("SENDINBLUE_API_KEY", "xkeysib-“0123”", ["orders.E004"]),
        ("SENDINBLUE_API_KEY", "xkeysib-01 23", ["orders.E004"]),
        ("SENDINBLUE_API_KEY", "xsmtpsib-0123", ["orders.E005"]),
        ("SENDINBLUE_CA_FILE", __file__, ["orders.E006"]),
        ("SENDINBLUE_API_URL", "http://api.example.com/v3", ["orders.W001"]),
        ("SENDINBLUE_API_URL", "http://localhost:4011/v3", []),
        ("WEBHOOK_SECRET", "", ["orders.W002"]),
        ("SENDINBLUE_TO_EMAIL", "tester@example.com", ["orders.I001"]),
        ("SENDINBLUE_SANDBOX", True, ["orders.I002"]),
    ],
)
def test_one_wrong_setting_is_named(whole: Settings, name: str, value: object, expected: list[str]) -> None:
    setattr(whole, name, value)
    assert found() == expected


def test_a_ca_file_that_went_away_is_named(whole: Settings, tmp_path: Path) -> None:
    whole.SENDINBLUE_CA_FILE = str(tmp_path / "gone.pem")
    assert found() == ["orders.E006"]
