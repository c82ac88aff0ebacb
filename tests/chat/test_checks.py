"""What `manage.py check` says of Vonage's settings."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.checks import WARNING, Error, run_checks
from pytest_django import Settings

from chat.backends import vonage_keys

ELLIPTIC = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def whole(settings: Settings, tmp_path: Path) -> Settings:
    """A full set of good settings."""
    vonage_keys.make(tmp_path / "private.key")
    settings.VONAGE_APPLICATION_ID = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
    settings.VONAGE_PRIVATE_KEY = str(tmp_path / "private.key")
    settings.VONAGE_API_KEY, settings.VONAGE_API_SECRET = "abcd1234", "a secret"
    settings.WEBHOOK_SECRET = "a long random word"
    settings.REQUESTS_CA_BUNDLE = settings.CURL_CA_BUNDLE = ""
    return settings


def found() -> list[str | None]:
    """The messages of this app, by id."""
    return [message.id for message in run_checks() if str(message.id).startswith("chat.")]


def test_nothing_set_is_fine() -> None:
    assert found() == []


def test_a_whole_set_is_fine(whole: Settings) -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("VONAGE_APPLICATION_ID", "", ["chat.E001"]),
        ("VONAGE_PRIVATE_KEY", "", ["chat.E001"]),
        ("VONAGE_API_KEY", "", ["chat.E001"]),
        ("VONAGE_API_SECRET", "", ["chat.E001"]),
        ("VONAGE_PRIVATE_KEY", "/nowhere/private.key", ["chat.E002"]),
        ("VONAGE_PRIVATE_KEY", __file__, ["chat.E002"]),
        ("VONAGE_PRIVATE_KEY", ELLIPTIC, ["chat.E002"]),
        ("VONAGE_APPLICATION_ID", "abcd1234", ["chat.E003"]),
        ("WEBHOOK_SECRET", "", ["chat.W001"]),
        ("CONVERSATION_ID", "CON-1", ["chat.I001"]),
        ("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem", ["chat.E006"]),
        ("CURL_CA_BUNDLE", "/nowhere/ca.pem", ["chat.E006"]),
        ("REQUESTS_CA_BUNDLE", __file__, ["chat.E006"]),
        ("REQUESTS_CA_BUNDLE", str(Path(__file__).parent), []),
    ],
)
def test_one_wrong_setting_is_named(whole: Settings, name: str, value: str, expected: list[str]) -> None:
    setattr(whole, name, value)
    assert found() == expected


def test_a_key_file_that_everybody_can_read_is_worth_a_warning_with_the_fix(whole: Settings) -> None:
    Path(whole.VONAGE_PRIVATE_KEY).chmod(0o644)
    [message] = [message for message in run_checks() if str(message.id).startswith("chat.")]
    assert (message.id, message.level) == ("chat.W006", WARNING)
    assert ("(mode 0644)" in message.msg, f"chmod 600 {whole.VONAGE_PRIVATE_KEY}" in str(message.hint)) == (True, True)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_a_key_file_that_only_its_owner_and_group_can_read_is_fine(whole: Settings, mode: int) -> None:
    Path(whole.VONAGE_PRIVATE_KEY).chmod(mode)
    assert found() == []


def test_a_key_in_the_variable_itself_has_no_mode(whole: Settings) -> None:
    whole.VONAGE_PRIVATE_KEY = Path(whole.VONAGE_PRIVATE_KEY).read_text()
    assert found() == []


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_variable_of_the_authorities_is_named_with_the_fix(whole: Settings, name: str) -> None:
    setattr(whole, name, "/nowhere/ca.pem")
    [message] = [message for message in run_checks() if message.id == "chat.E006"]
    assert (message.msg, "PEM file" in str(message.hint)) == (f"{name} names '/nowhere/ca.pem', which is not there.", True)


def test_the_first_of_the_two_counts(whole: Settings) -> None:
    whole.REQUESTS_CA_BUNDLE, whole.CURL_CA_BUNDLE = str(Path(__file__).parent), "/nowhere/ca.pem"
    assert found() == []


def test_authorities_matter_to_nobody_without_vonage(settings: Settings) -> None:
    settings.REQUESTS_CA_BUNDLE = "/nowhere/ca.pem"
    assert found() == []


def test_an_id_of_a_stand_in_stops_no_start(whole: Settings) -> None:
    whole.VONAGE_APPLICATION_ID, whole.VONAGE_API_HOST = "app-1", "localhost:4010"
    assert [isinstance(message, Error) for message in run_checks() if message.id == "chat.E003"] == [False]


def test_the_keys_path_is_never_printed_where_it_is_the_key(whole: Settings) -> None:
    whole.VONAGE_PRIVATE_KEY = ELLIPTIC
    assert ELLIPTIC.splitlines()[1] not in "".join(f"{message.msg}{message.hint}" for message in run_checks())


@pytest.fixture
def client_sdk(whole: Settings) -> Settings:
    """The page's Client SDK, well set up, with a stand-in that still does what Vonage has ended."""
    whole.CHAT_TRANSPORT, whole.VONAGE_API_HOST = "client-sdk", "localhost:4010"
    whole.VONAGE_CLIENT_SDK_URL = "https://cdn.example/vonageClientSDK.min.js"
    whole.VONAGE_CLIENT_SDK_INTEGRITY = "sha384-dk7z/polGwaDxv5qhIrwAwHwvdINB/nJRK2KKQ0wQvapWbFosy3Qd47T2zsnsnfd"
    return whole


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"VONAGE_CLIENT_SDK_URL": ""}, ["chat.W003"]),
        ({"VONAGE_CLIENT_SDK_INTEGRITY": ""}, ["chat.W004"]),
        ({"VONAGE_CLIENT_SDK_URL": "/static/sdk.js", "VONAGE_CLIENT_SDK_INTEGRITY": ""}, []),
        ({"VONAGE_CLIENT_SDK_INTEGRITY": "md5-abc"}, ["chat.E005"]),
        ({"VONAGE_CLIENT_SDK_INTEGRITY": "sha384-abc def"}, ["chat.E005"]),
        ({"CHAT_TRANSPORT": "socket", "VONAGE_CLIENT_SDK_URL": "", "VONAGE_CLIENT_SDK_INTEGRITY": "x"}, []),
    ],
)
def test_the_pages_client_sdk_is_looked_at_too(client_sdk: Settings, changes: dict[str, str], expected: list[str]) -> None:
    for name, value in changes.items():
        setattr(client_sdk, name, value)
    assert found() == expected


@pytest.mark.parametrize("host", ["api.nexmo.com", "api-us-3.vonage.com"])
def test_the_client_sdk_at_vonage_itself_is_warned_of(client_sdk: Settings, host: str) -> None:
    client_sdk.VONAGE_API_HOST = host
    [message] = [message for message in run_checks() if str(message.id).startswith("chat.")]
    found = [words in message.msg for words in ("2026-04-30", "falls back to our own connection")]
    assert (message.id, message.level, found) == ("chat.W005", WARNING, [True, True])


def test_our_own_socket_with_vonage_set_up_needs_no_warning(client_sdk: Settings) -> None:
    client_sdk.CHAT_TRANSPORT, client_sdk.VONAGE_API_HOST = "socket", "api.nexmo.com"
    assert found() == []


def test_a_client_sdk_without_vonage_is_named(settings: Settings) -> None:
    settings.CHAT_TRANSPORT, settings.VONAGE_CLIENT_SDK_URL = "client-sdk", "/static/sdk.js"
    assert found() == ["chat.W002"]
