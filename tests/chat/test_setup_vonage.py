"""`manage.py setup_vonage` against the twin's account, and what a run that was killed leaves behind."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import vonage_account
from chat.backends import vonage_applications, vonage_keys
from tests.chat.vonage_side import order_told, vonage_side, work
from tests.running import ROOT, wait_for
from tests.twins import VonageTwin
from tests.twins.vonage_applications import Application

PUBLIC_URL = "https://shop.example.com"
NAME = "Order Support shop.example.com"
CHANGES = {"vonage.create_application", "vonage.update_application"}


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """Where `.env` and the private key go."""
    settings.ENV_FILE = tmp_path / ".env"
    return tmp_path


@pytest.fixture
def vonage(settings: Settings, folder: Path) -> Iterator[VonageTwin]:
    """An account with somebody else's application in it, and its key and secret set here."""
    with vonage_side(settings) as twin:
        settings.VONAGE_APPLICATION_ID = settings.VONAGE_PRIVATE_KEY = ""
        settings.VONAGE_API_KEY, settings.VONAGE_API_SECRET = twin.api_key, twin.api_secret
        yield twin


def set_up(*arguments: str) -> str:
    """The command's output."""
    output = StringIO()
    call_command("setup_vonage", "--public-url", PUBLIC_URL, *arguments, stdout=output)
    return output.getvalue()


def lines(folder: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (folder / ".env").read_text().splitlines())


def made(vonage: VonageTwin) -> Application:
    """The one application beside the twin's own."""
    [application] = [item for item in vonage.applications.values() if item.id != vonage.application_id]
    return application


def changes(vonage: VonageTwin) -> set[str]:
    """What was changed at the provider."""
    return CHANGES & set(vonage.log.counts())


def is_signed_for(application: Application, key_file: Path) -> bool:
    return vonage_keys.are_same(application.public_key, vonage_keys.public_pem(str(key_file)))


def dies_at(monkeypatch: pytest.MonkeyPatch, place: ModuleType, name: str, *arguments: str) -> None:
    """Run the command, which ends for good where it would call `place.name`."""

    def die(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(place, name, die)
        with pytest.raises(KeyboardInterrupt):
            set_up(*arguments)


# The application.


def test_the_application_has_the_shops_name_and_host(vonage: VonageTwin) -> None:
    set_up()
    assert made(vonage).name == NAME


def test_the_application_gets_the_name_that_was_chosen(vonage: VonageTwin) -> None:
    set_up("--name", "Shop two")
    assert made(vonage).name == "Shop two"


@pytest.mark.parametrize(
    ("capability", "hook", "path"),
    [
        ("rtc", "event_url", "/webhooks/rtc"),
        ("voice", "answer_url", "/webhooks/voice/answer"),
        ("voice", "event_url", "/webhooks/voice/event"),
        ("messages", "inbound_url", "/webhooks/sms"),
        ("messages", "status_url", "/webhooks/sms"),
    ],
)
def test_each_webhook_comes_with_the_secret_in_its_address(vonage: VonageTwin, folder: Path, capability: str, hook: str, path: str) -> None:
    set_up()
    assert made(vonage).url(capability, hook) == f"{PUBLIC_URL}{path}/{lines(folder)['WEBHOOK_SECRET']}"


def test_calls_are_signed(vonage: VonageTwin) -> None:
    set_up()
    assert made(vonage).capabilities["voice"]["signed_callbacks"] is True


def test_the_new_application_takes_our_conversations(vonage: VonageTwin, folder: Path, settings: Settings, alice: User) -> None:
    set_up()
    settings.VONAGE_APPLICATION_ID = lines(folder)["NEXMO_APPLICATION_ID"]
    settings.VONAGE_PRIVATE_KEY = lines(folder)["NEXMO_APPLICATION_PRIVATE_KEY_PATH"]
    order_told(alice)
    work()
    [conversation] = vonage.stores[made(vonage).id].conversations.values()
    assert [event.type for event in conversation.events if event.type.startswith("custom:")] == ["custom:order-confirm-event"]


def test_the_address_of_events_leads_to_us(vonage: VonageTwin, folder: Path, settings: Settings, client: Client, db: None) -> None:
    set_up()
    settings.WEBHOOK_SECRET = lines(folder)["WEBHOOK_SECRET"]
    path = made(vonage).url("rtc", "event_url").removeprefix(PUBLIC_URL)
    assert client.post(path, {"type": "conversation:created"}, content_type="application/json").status_code == 200


# The private key.


def test_the_private_key_is_the_applications(vonage: VonageTwin, folder: Path) -> None:
    set_up()
    assert is_signed_for(made(vonage), folder / "private.key")


def test_the_private_key_is_readable_by_its_owner_only(vonage: VonageTwin, folder: Path) -> None:
    set_up()
    assert stat.S_IMODE((folder / "private.key").stat().st_mode) == 0o600


def test_the_private_key_never_leaves_the_house(vonage: VonageTwin, folder: Path) -> None:
    output = set_up()
    assert "PRIVATE KEY-" not in output + "".join(entry.body + entry.answer for entry in vonage.log.entries())


def test_a_key_that_is_there_is_used_and_not_overwritten(vonage: VonageTwin, folder: Path) -> None:
    vonage_keys.make(folder / "private.key")
    before = (folder / "private.key").read_bytes()
    set_up()
    assert (folder / "private.key").read_bytes() == before
    assert is_signed_for(made(vonage), folder / "private.key")


def test_no_key_is_ever_written_over_another(folder: Path) -> None:
    (folder / "private.key").write_text("mine")
    with pytest.raises(FileExistsError):
        vonage_keys.make(folder / "private.key")
    assert [(folder / "private.key").read_text(), len(list(folder.iterdir()))] == ["mine", 1]


def test_a_file_that_is_no_key_is_named(vonage: VonageTwin, folder: Path) -> None:
    (folder / "private.key").write_text("no key")
    with pytest.raises(CommandError, match="no private key in PEM form"):
        set_up()


def test_a_key_in_the_variable_itself_is_used(vonage: VonageTwin, folder: Path, settings: Settings) -> None:
    vonage_keys.make(folder / "elsewhere.key")
    settings.VONAGE_PRIVATE_KEY = (folder / "elsewhere.key").read_text()
    set_up()
    assert (is_signed_for(made(vonage), folder / "elsewhere.key"), (folder / "private.key").exists()) == (True, False)


# `.env`.


def test_env_gets_everything_that_is_needed(vonage: VonageTwin, folder: Path) -> None:
    set_up()
    written = lines(folder)
    secret = written.pop("WEBHOOK_SECRET")
    assert (written, len(secret) >= 40) == (
        {
            "PUBLIC_URL": PUBLIC_URL,
            "NEXMO_APPLICATION_PRIVATE_KEY_PATH": str(folder / "private.key"),
            "NEXMO_APPLICATION_ID": made(vonage).id,
        },
        True,
    )


def test_a_secret_that_is_set_is_kept(vonage: VonageTwin, folder: Path, settings: Settings) -> None:
    settings.WEBHOOK_SECRET = "the operator's/own"
    set_up()
    assert made(vonage).url("rtc", "event_url").endswith("/webhooks/rtc/the%20operator%27s%2Fown")
    assert "WEBHOOK_SECRET" not in lines(folder)


def test_the_secret_is_never_printed(vonage: VonageTwin, folder: Path) -> None:
    output = set_up()
    assert lines(folder)["WEBHOOK_SECRET"] not in output


def test_another_public_url_stays_and_is_named(vonage: VonageTwin, folder: Path) -> None:
    (folder / ".env").write_text("PUBLIC_URL=https://www.example.com/\n")
    assert f"PUBLIC_URL stays https://www.example.com/: mails link there, and not to {PUBLIC_URL}." in set_up()
    assert lines(folder)["PUBLIC_URL"] == "https://www.example.com/"


def test_nothing_is_made_where_no_line_can_be_written(vonage: VonageTwin, folder: Path, settings: Settings) -> None:
    settings.ENV_FILE.mkdir()
    with pytest.raises(CommandError, match="Point ENV_FILE to one"):
        set_up()
    assert (changes(vonage), [path.name for path in folder.iterdir()]) == (set(), [".env"])


# Looking first.


def test_a_dry_run_says_what_would_be_done(vonage: VonageTwin, folder: Path) -> None:
    assert set_up("--dry-run").splitlines() == [
        f"1. Make a key pair; the private key is {folder}/private.key, readable by you alone.",
        f"2. Write WEBHOOK_SECRET, PUBLIC_URL and NEXMO_APPLICATION_PRIVATE_KEY_PATH to {folder}/.env.",
        f"3. Make the application “{NAME}” at Vonage, with RTC, voice and messages, and its webhooks to {PUBLIC_URL}.",
        "Nothing was changed (--dry-run).",
    ]


def test_a_dry_run_changes_nothing(vonage: VonageTwin, folder: Path) -> None:
    set_up("--dry-run")
    assert (changes(vonage), list(folder.iterdir())) == (set(), [])


def test_the_second_run_has_nothing_to_do(vonage: VonageTwin) -> None:
    set_up()
    vonage.log.clear()
    assert set_up().splitlines()[-1] == "Nothing to do."
    assert changes(vonage) == set()


def test_the_second_run_with_another_address_changes_the_webhooks_only(vonage: VonageTwin, folder: Path) -> None:
    set_up()
    before = made(vonage).public_key
    call_command("setup_vonage", "--public-url", "https://new.example.com", stdout=StringIO())
    assert made(vonage).url("voice", "event_url").startswith("https://new.example.com/webhooks/voice/event/")
    assert (made(vonage).public_key, made(vonage).name) == (before, NAME)


def test_what_an_operator_set_in_the_dashboard_stays(vonage: VonageTwin) -> None:
    set_up()
    made(vonage).capabilities["voice"]["webhooks"]["answer_url"] |= {"address": "https://old.example.com", "socket_timeout": 5000}
    made(vonage).capabilities["vbc"] = {}
    made(vonage).privacy = {"improve_ai": True}
    set_up()
    answer = made(vonage).capabilities["voice"]["webhooks"]["answer_url"]
    assert (answer["address"].startswith(f"{PUBLIC_URL}/webhooks/voice/answer/"), answer["socket_timeout"]) == (True, 5000)
    assert ("vbc" in made(vonage).capabilities, made(vonage).privacy) == (True, {"improve_ai": True})


def test_an_application_on_a_later_page_is_found(vonage: VonageTwin, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up()
    (folder / ".env").unlink()
    monkeypatch.setattr(vonage_applications, "PAGE_SIZE", 1)
    set_up()
    assert lines(folder)["NEXMO_APPLICATION_ID"] == made(vonage).id


# Killed in between.


def test_a_run_killed_before_the_application_goes_on_with_its_key(
    vonage: VonageTwin, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies_at(monkeypatch, vonage_applications, "create")
    before = (folder / "private.key").read_bytes()
    set_up()
    assert ((folder / "private.key").read_bytes(), is_signed_for(made(vonage), folder / "private.key")) == (before, True)


def test_a_run_killed_before_it_noted_the_id_makes_no_second_application(vonage: VonageTwin, folder: Path, settings: Settings) -> None:
    vonage.faults.set("vonage.create_application", {"fault": "hang_after", "times": 1})
    variables = {"NEXMO_API_KEY": vonage.api_key, "NEXMO_API_SECRET": vonage.api_secret, "VONAGE_API_HOST": vonage.host}
    variables |= {"DJANGO_SETTINGS_MODULE": "ordersupport.settings", "ENV_FILE": str(settings.ENV_FILE)}
    command = [sys.executable, "manage.py", "setup_vonage", "--public-url", "https://old.example.com"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | variables) as process:
        wait_for(lambda: any(entry.worked for entry in vonage.log.entries("vonage.create_application")), "the application")
        process.kill()
    set_up()
    assert lines(folder)["NEXMO_APPLICATION_ID"] == made(vonage).id


def test_a_lost_reply_to_the_creation_makes_no_second_application(vonage: VonageTwin, folder: Path) -> None:
    vonage.faults.set("vonage.create_application", {"fault": "lost_reply", "times": 1})
    with pytest.raises(CommandError, match="Run this again"):
        set_up()
    set_up()
    assert lines(folder)["NEXMO_APPLICATION_ID"] == made(vonage).id


# A key that is lost.


def test_an_application_without_its_key_here_is_never_doubled(vonage: VonageTwin, folder: Path) -> None:
    set_up()
    (folder / ".env").unlink()
    (folder / "private.key").unlink()
    with pytest.raises(CommandError, match=r"has a private key that is not here: there is none in .*--new-key"):
        set_up()
    assert made(vonage).name == NAME


def test_a_key_of_another_application_is_named(vonage: VonageTwin, folder: Path) -> None:
    set_up()
    (folder / "private.key").unlink()
    vonage_keys.make(folder / "private.key")
    with pytest.raises(CommandError, match=r"the key in .*private.key is another one"):
        set_up()


def test_a_new_key_takes_the_place_of_a_lost_one(vonage: VonageTwin, folder: Path) -> None:
    set_up()
    (folder / "private.key").unlink()
    set_up("--new-key")
    assert is_signed_for(made(vonage), folder / "private.key")
    assert sorted(path.name for path in folder.iterdir()) == [".env", "private.key"]


def test_a_new_key_leaves_the_webhooks_as_they_are(vonage: VonageTwin) -> None:
    set_up()
    before = made(vonage).capabilities
    set_up("--new-key")
    assert made(vonage).capabilities == before


def test_a_new_key_keeps_the_old_one_beside_it(vonage: VonageTwin, folder: Path) -> None:
    set_up()
    before = (folder / "private.key").read_bytes()
    set_up("--new-key")
    assert (folder / "private.key.old1").read_bytes() == before
    assert stat.S_IMODE((folder / "private.key").stat().st_mode) == 0o600


def test_a_new_key_that_vonage_has_already_is_put_in_place(vonage: VonageTwin, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up()
    dies_at(monkeypatch, vonage_keys, "put_in_place", "--new-key")
    assert "Put the new private key in place" in set_up()
    assert is_signed_for(made(vonage), folder / "private.key")


def test_a_new_key_that_vonage_does_not_have_yet_is_used(vonage: VonageTwin, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up()
    dies_at(monkeypatch, vonage_account, "_give_key", "--new-key")
    left = (folder / "private.key.new").read_bytes()
    set_up("--new-key")
    assert ((folder / "private.key").read_bytes(), is_signed_for(made(vonage), folder / "private.key")) == (left, True)


def test_a_key_in_the_variable_can_not_be_replaced(vonage: VonageTwin, folder: Path, settings: Settings) -> None:
    set_up()
    settings.VONAGE_PRIVATE_KEY = (folder / "private.key").read_text()
    with pytest.raises(CommandError, match="holds the key itself"):
        set_up("--new-key")


# What can be wrong.


def test_without_key_and_secret_the_command_says_where_to_get_them(folder: Path) -> None:
    with pytest.raises(CommandError, match="dashboard, API settings"):
        set_up()


def test_a_wrong_secret_is_said_in_plain_words(vonage: VonageTwin, settings: Settings) -> None:
    settings.VONAGE_API_SECRET = "wrong"
    with pytest.raises(CommandError, match="does not take NEXMO_API_KEY with NEXMO_API_SECRET"):
        set_up()


def test_an_id_that_the_account_does_not_have_is_named(vonage: VonageTwin, settings: Settings) -> None:
    settings.VONAGE_APPLICATION_ID = "00000000-0000-4000-8000-00000000dead"
    with pytest.raises(CommandError, match="The account has no application 00000000-0000-4000-8000-00000000dead"):
        set_up()


def test_two_applications_of_one_name_are_not_guessed_between(vonage: VonageTwin) -> None:
    public_key = vonage.applications[vonage.application_id].public_key
    for number in ("one", "two"):
        vonage.add_application(Application(f"id-{number}", NAME, public_key))
    with pytest.raises(CommandError, match=re.escape("(id-one, id-two)")):
        set_up()


def test_an_address_that_vonage_can_not_reach_is_named(vonage: VonageTwin) -> None:
    with pytest.raises(CommandError, match="can't reach http://localhost:3000"):
        call_command("setup_vonage")


def test_an_address_that_is_none_is_named(vonage: VonageTwin) -> None:
    with pytest.raises(CommandError, match="Write a whole address"):
        call_command("setup_vonage", "--public-url", "shop.example.com")


def test_an_address_without_tls_is_warned_of(vonage: VonageTwin) -> None:
    errors = StringIO()
    call_command("setup_vonage", "--public-url", "http://shop.example.com", "--dry-run", stdout=StringIO(), stderr=errors)
    assert "is not https" in errors.getvalue()


def test_an_answer_that_is_not_vonages_is_named(vonage: VonageTwin) -> None:
    vonage.faults.set("vonage.list_applications", {"fault": "status", "status": 200, "body": "{}"})
    with pytest.raises(CommandError, match="is not Vonage's API"):
        set_up()


def test_a_gateways_page_is_no_traceback(vonage: VonageTwin) -> None:
    vonage.faults.set("vonage.list_applications", {"fault": "html_502"})
    with pytest.raises(CommandError, match="Vonage: 502"):
        set_up()


def test_a_host_where_nobody_listens_is_named(vonage: VonageTwin, settings: Settings) -> None:
    settings.VONAGE_API_HOST = "localhost:1"
    with pytest.raises(CommandError, match="Nobody listens at localhost:1"):
        set_up()


def test_the_command_runs_with_half_a_set_of_settings(vonage: VonageTwin) -> None:
    assert (django_settings.VONAGE_APPLICATION_ID, set_up().count("Done.")) == ("", 1)
