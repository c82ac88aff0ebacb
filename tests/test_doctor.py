"""`manage.py doctor`: each sentence that it can say, against the twins or a door that is shut."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from chat import vonage_account
from chat.backends import vonage_applications, vonage_keys
from orders.backends import sendinblue_wire
from ordersupport.doctor import variables
from tests.chat.vonage_side import vonage_side
from tests.orders.brevo_side import sendinblue
from tests.running import ROOT
from tests.twins import BrevoTwin, VonageTwin

USERS = "vonage.list_users"


@pytest.fixture(autouse=True)
def env_file(tmp_path: Path, settings: Settings) -> Path:
    settings.ENV_FILE = tmp_path / ".env"
    return tmp_path / ".env"


@pytest.fixture
def vonage(settings: Settings) -> Iterator[VonageTwin]:
    """A full set of settings for the twin, and nothing for Sendinblue."""
    with vonage_side(settings) as twin:
        settings.VONAGE_API_KEY, settings.VONAGE_API_SECRET = twin.api_key, twin.api_secret
        settings.WEBHOOK_SECRET = "a long random word"
        application = twin.applications[twin.application_id]
        application.capabilities = vonage_account.capabilities(settings.PUBLIC_URL, settings.WEBHOOK_SECRET)
        yield twin


@pytest.fixture
def brevo(settings: Settings) -> Iterator[BrevoTwin]:
    with sendinblue(settings) as twin:
        settings.WEBHOOK_SECRET = "a long random word"
        yield twin


def run(*arguments: str) -> tuple[int, str]:
    """The command's exit code and output."""
    output = StringIO()
    try:
        call_command("doctor", *arguments, stdout=output)
    except SystemExit as ended:
        return int(str(ended.code)), output.getvalue()
    return 0, output.getvalue()


def live() -> tuple[int, list[str]]:
    """The exit code, and what the providers say."""
    code, output = run("--live")
    said = output.partition("What the providers say\n")[2]
    return code, [line.strip() for line in said.splitlines() if line.startswith("  ") and "so it was not asked" not in line]


def about(name: str, output: str) -> list[str]:
    """The lines about one variable."""
    found = re.search(rf"^  {name}: (.+(?:\n      .+)*)", output, re.MULTILINE)
    assert found, f"nothing about {name}"
    return [line.strip() for line in found[1].splitlines()]


def clock_of(twin: VonageTwin, *, behind: float, status: int) -> None:
    """From now on the provider answers so, and its clock is so many seconds behind ours."""
    body = '{"_embedded": {"users": []}}' if status == 200 else '{"code": "system:error:invalid-token"}'
    headers = {"date": formatdate(time.time() - behind, usegmt=True)}
    twin.faults.set(USERS, {"fault": "status", "status": status, "body": body, "headers": headers})


# Every variable.


def test_every_variable_of_the_example_is_explained() -> None:
    names = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    output = run()[1]
    assert [name for name in names if not about(name, output)[1:]] == []


def test_where_a_value_comes_from_is_said_for_variables_that_exist() -> None:
    assert set(variables.WHERE) <= {variable.name for variable in variables.everything()}


def test_a_fresh_checkout_is_well() -> None:
    code, output = run()
    assert (code, output.splitlines()[-1]) == (0, "All is well.")


def test_what_is_on_is_said_first() -> None:
    assert "Mails               kept in the embedded mailbox, and sent to nobody\n" in run()[1]


def test_what_providers_do_is_said_first(vonage: VonageTwin, brevo: BrevoTwin, settings: Settings) -> None:
    settings.SENDINBLUE_TEMPLATE_ID, settings.SENDINBLUE_TO_EMAIL = 7, "tester@example.com"
    output = run()[1]
    assert "sent by Sendinblue by template 7, from shop@example.com, all of them to tester@example.com\n" in output
    copied = f"here, and copied to the Vonage application {vonage.application_id} as far as Vonage still takes them\n"
    assert copied in output


def test_a_default_is_named() -> None:
    assert about("PORT", run()[1])[0] == "default, 3000"


def test_a_value_that_is_set_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_NAME", "Mugs & Co")
    assert about("SHOP_NAME", run()[1])[0] == "set from the environment, Mugs & Co"


def test_a_value_of_the_file_is_told_apart(monkeypatch: pytest.MonkeyPatch, env_file: Path) -> None:
    env_file.write_text("SHOP_NAME='Mugs & Co'\n")
    monkeypatch.setenv("SHOP_NAME", "Mugs & Co")
    assert about("SHOP_NAME", run()[1])[0] == "set from .env, Mugs & Co"


def test_the_environment_wins_over_the_file_and_that_is_said(monkeypatch: pytest.MonkeyPatch, env_file: Path) -> None:
    env_file.write_text("SHOP_NAME=Cups & Co\n")
    monkeypatch.setenv("SHOP_NAME", "Mugs & Co")
    assert about("SHOP_NAME", run()[1])[0] == "set from the environment, which wins over .env, Mugs & Co"


def test_the_name_that_was_used_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREVO_API_KEY", "xkeysib-0123456789")
    assert about("SENDINBLUE_API_KEY", run()[1])[0] == "set as BREVO_API_KEY from the environment, 18 characters"


@pytest.mark.parametrize(
    "name",
    ["SENDINBLUE_API_KEY", "NEXMO_API_KEY", "NEXMO_API_SECRET", "SECRET_KEY", "WEBHOOK_SECRET", "VONAGE_SIGNATURE_SECRET", "METRICS_TOKEN"],
)
def test_a_secret_is_never_printed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "hush-hush-hush-hush-hush-hush-hush")
    output = run()[1]
    assert ("hush" in output, about(name, output)[0]) == (False, "set from the environment, 34 characters")


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_a_password_in_an_address_is_never_printed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "scheme://somebody:hush@db.example.com:5432/shop?password=hush")
    assert about(name, run()[1])[0] == "set from the environment, scheme://…@db.example.com:5432/shop"


def test_a_private_key_in_the_variable_is_never_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    vonage_keys.make(tmp_path / "private.key")
    pem = (tmp_path / "private.key").read_text().strip()
    monkeypatch.setenv("VONAGE_PRIVATE_KEY", pem)
    output = run()[1]
    assert (pem.splitlines()[1] in output, f"set as VONAGE_PRIVATE_KEY from the environment, {len(pem)} characters" in output) == (
        False,
        True,
    )


def test_what_is_missing_says_where_to_get_it(settings: Settings) -> None:
    settings.VONAGE_API_KEY = "abcd1234"
    code, output = run()
    said = [
        *("missing", "Vonage account's key and secret, for SMS and for making the application."),
        *("From: Vonage's dashboard, API settings.", "WRONG, see 1 below."),
    ]
    assert (code, about("NEXMO_API_SECRET", output)) == (1, said)


def test_what_is_wrong_is_numbered_with_its_fix(settings: Settings) -> None:
    settings.VONAGE_API_KEY = "abcd1234"
    output = run()[1]
    assert re.search(
        r"^  1\. WRONG: NEXMO_APPLICATION_ID and .+ not set.+`manage.py setup_vonage` makes the application", output, re.MULTILINE
    )
    assert output.splitlines()[-1] == "Wrong: 1. To look at: 0."


def test_what_is_worth_a_look_is_no_error(brevo: BrevoTwin, settings: Settings) -> None:
    settings.WEBHOOK_SECRET = ""
    code, output = run()
    assert (code, about("WEBHOOK_SECRET", output)[0], output.splitlines()[-1]) == (0, "missing", "Wrong: 0. To look at: 1.")


def test_a_key_file_that_everybody_can_read_is_worth_a_look(vonage: VonageTwin, settings: Settings, tmp_path: Path) -> None:
    vonage_keys.make(tmp_path / "private.key")
    (tmp_path / "private.key").chmod(0o644)
    settings.VONAGE_PRIVATE_KEY = str(tmp_path / "private.key")
    code, output = run()
    assert (code, f"CAREFUL: Everybody on this machine can read NEXMO_APPLICATION_PRIVATE_KEY_PATH, {tmp_path}/private.key" in output) == (
        0,
        True,
    )


def test_a_mistyped_name_in_env_is_found(env_file: Path) -> None:
    env_file.write_text("SENDINBLUE_FROM_MAIL=shop@example.com\nHTTPS_PROXY=http://proxy\nVONAGE_API_KEY=abcd1234\n")
    output = run()[1]
    assert f"CAREFUL: SENDINBLUE_FROM_MAIL in {env_file} is not a setting we know. Is SENDINBLUE_FROM_EMAIL meant?" in output
    assert output.count("is not a setting we know") == 1


def test_a_value_that_stops_every_start_is_named_without_a_traceback() -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "ordersupport.settings", "PORT": "three"}
    ended = subprocess.run([sys.executable, "manage.py", "doctor"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (
        1,
        "Order Support can't start: PORT is 'three'. Write a whole number from 1 to 65535.\n",
    )


def test_half_a_set_does_not_keep_the_doctor_from_speaking() -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "ordersupport.settings", "NEXMO_API_KEY": "abcd1234"}
    ended = subprocess.run([sys.executable, "manage.py", "doctor"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr, "What is on" in ended.stdout) == (1, "", True)


# Live: who is asked.


def test_nobody_is_asked_unless_it_is_said(vonage: VonageTwin, brevo: BrevoTwin) -> None:
    run()
    assert (vonage.log.counts(), brevo.log.counts()) == ({}, {})


def test_who_is_not_configured_is_not_asked() -> None:
    output = run("--live")[1]
    assert "note:  Vonage is not configured, so it was not asked.\n  note:  Sendinblue is not configured, so it was not asked." in output


def test_all_is_well(vonage: VonageTwin, brevo: BrevoTwin) -> None:
    assert live() == (
        0,
        [
            f"ok:    Vonage takes our token: the application {vonage.application_id} answers.",
            "ok:    Vonage takes NEXMO_API_KEY with its secret, and the application's events come here.",
            "ok:    Sendinblue takes the key: the account of Twin, 300 mails left.",
        ],
    )


def test_only_harmless_questions_are_asked(vonage: VonageTwin, brevo: BrevoTwin) -> None:
    live()
    assert (vonage.log.counts(), brevo.log.counts()) == ({USERS: 1, "vonage.get_application": 1}, {"brevo.get_account": 1})


# Live: Vonage refuses our token.


def test_a_wrong_application_id_is_named(vonage: VonageTwin, settings: Settings) -> None:
    settings.VONAGE_APPLICATION_ID = "00000000-0000-4000-8000-00000000dead"
    said = "Vonage refuses our token: the account has no application 00000000-0000-4000-8000-00000000dead. Correct NEXMO_APPLICATION_ID."
    assert live() == (1, [f"wrong: {said}"])


def test_a_key_file_of_another_application_is_named(vonage: VonageTwin, settings: Settings, tmp_path: Path) -> None:
    vonage_keys.make(tmp_path / "private.key")
    settings.VONAGE_PRIVATE_KEY = str(tmp_path / "private.key")
    code, [said] = live()
    assert (code, f"the private key is not that of the application {vonage.application_id}" in said, "--new-key" in said) == (1, True, True)


def test_without_the_accounts_key_both_are_possible(vonage: VonageTwin, settings: Settings) -> None:
    settings.VONAGE_APPLICATION_ID, settings.VONAGE_API_KEY, settings.VONAGE_API_SECRET = "00000000-0000-4000-8000-00000000dead", "", ""
    assert "don't belong together, or the application is gone. With NEXMO_API_KEY" in live()[1][0]


def test_a_revoked_application_is_said_to_be_one_for_the_support(vonage: VonageTwin) -> None:
    vonage.revoke_application()
    assert "although id and key belong together. Ask its support" in live()[1][0]


def test_a_wrong_account_key_beside_a_wrong_token_is_named(vonage: VonageTwin, settings: Settings) -> None:
    vonage.revoke_application()
    settings.VONAGE_API_SECRET = "wrong"
    assert "the account can't be asked why: Vonage does not take NEXMO_API_KEY with NEXMO_API_SECRET." in live()[1][0]


def test_a_clock_that_is_ahead_is_named(vonage: VonageTwin) -> None:
    clock_of(vonage, behind=400, status=401)
    code, [said] = live()
    assert code == 1
    assert re.search(r"refuses our token, and this machine's clock is 4\d\d seconds ahead of Vonage's", said)


def test_a_clock_that_is_behind_is_named_even_while_tokens_are_taken(vonage: VonageTwin) -> None:
    clock_of(vonage, behind=-400, status=200)
    code, said = live()
    assert (code, bool(re.search(r"note:  This machine's clock is (400|3\d\d) seconds behind Vonage's", said[1]))) == (0, True)


def test_a_key_file_that_went_away_is_named(vonage: VonageTwin, settings: Settings, tmp_path: Path) -> None:
    settings.VONAGE_PRIVATE_KEY = str(tmp_path / "gone.key")
    said = f"Vonage's private key can't be used. The file {tmp_path}/gone.key can't be read: No such file or directory."
    assert live() == (1, [f"wrong: {said}"])


# Live: Vonage answers something else.


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"fault": "status", "status": 403}, "refuses this product to our application (403 system:error:permission). In-App Messaging"),
        ({"fault": "status", "status": 404}, "refuses this product to our application (404 http:error:not-found)"),
        ({"fault": "status", "status": 410}, "refuses this product to our application (410 http:error:gone)"),
        (
            {"fault": "rate_limited"},
            "asks us to slow down (429 http:error:too-many-request) and did not look at our token. Ask again in a while.",
        ),
        ({"fault": "rate_limited", "reset": 30}, "Ask again in 30 seconds."),
        ({"fault": "html_502"}, "Vonage is out of order (502)."),
        ({"fault": "status", "status": 500}, "Vonage is out of order (500 system:error:internal-error)."),
        ({"fault": "status", "status": 302, "body": ""}, "answers with a redirect, which is not followed. Check VONAGE_API_HOST."),
        ({"fault": "empty_200"}, "is not Vonage's API. Check VONAGE_API_HOST, and whether a proxy answers in its place."),
        ({"fault": "status", "status": 200, "body": "{}"}, "is not Vonage's API."),
        ({"fault": "status", "status": 400}, "Vonage: 400 http:error:validation-fail"),
        ({"fault": "reset"}, "Vonage can't be asked: The connection to localhost:"),
        ({"fault": "hang"}, "took the connection, but gave no answer within 1 seconds."),
    ],
)
def test_what_vonage_answers_is_said_in_words(
    vonage: VonageTwin, monkeypatch: pytest.MonkeyPatch, fault: dict[str, object], said: str
) -> None:
    monkeypatch.setattr(vonage_applications, "TIMEOUT_SECONDS", 1)
    vonage.faults.set(USERS, fault)
    code, [sentence] = live()
    assert (code, said in sentence) == (1, True), sentence


# Live: Vonage can't be reached.


def test_an_authority_that_is_not_trusted_is_named(vonage: VonageTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    code, [said] = live()
    assert (code, bool(re.search(r"is not trusted \(.*certificate.*\)\. .*REQUESTS_CA_BUNDLE", said))) == (1, True)


def test_a_ca_file_that_is_not_there_is_named(vonage: VonageTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    assert "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names a file that is not there." in live()[1][0]


def test_a_ca_file_that_is_empty_is_named(vonage: VonageTwin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").touch()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    assert "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names a file that holds no certificate." in live()[1][0]


def test_a_door_without_tls_is_named(vonage: VonageTwin, settings: Settings) -> None:
    with BrevoTwin() as plain:
        settings.VONAGE_API_HOST = plain.host
        assert f"No TLS is spoken at {plain.host}. Check VONAGE_API_HOST." in live()[1][0]


def test_a_shut_door_is_named(vonage: VonageTwin, settings: Settings) -> None:
    settings.VONAGE_API_HOST = "localhost:1"
    assert "Nobody listens at localhost:1, or a firewall is in the way." in live()[1][0]


def test_a_name_that_is_not_found_is_named(vonage: VonageTwin, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    settings.VONAGE_API_HOST = "api.nexmo.invalid"
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "The name of api.nexmo.invalid can't be found." in live()[1][0]


def test_what_is_no_host_is_named(vonage: VonageTwin, settings: Settings) -> None:
    settings.VONAGE_API_HOST = "localhost:port"
    assert "localhost:port is no host. Write VONAGE_API_HOST as host or host:port." in live()[1][0]


def test_each_name_that_the_doctor_understands_is_read_by_the_settings() -> None:
    asks = (
        "from ordersupport.env import Environment\n"
        "asked = set()\n"
        "text = Environment.text\n"
        "Environment.text = lambda self, *names, default='': (asked.update(names), text(self, *names, default=default))[1]\n"
        "import ordersupport.settings\n"
        "print(*asked)"
    )
    asked = subprocess.run([sys.executable, "-c", asks], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    understood = {name for variable in variables.everything() for name in variables.names_of(variable.name)}
    assert understood - set(asked) == set()


def test_a_proxy_that_is_away_is_named(vonage: VonageTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:1")
    monkeypatch.setenv("NO_PROXY", "nothing")
    assert "Check HTTPS_PROXY" in live()[1][0]


# Live: Vonage's account.


def test_a_wrong_account_key_is_wrong_although_tokens_are_taken(vonage: VonageTwin, settings: Settings) -> None:
    settings.VONAGE_API_SECRET = "wrong"
    code, said = live()
    assert (code, said[1].startswith("wrong: Vonage does not take NEXMO_API_KEY with NEXMO_API_SECRET.")) == (1, True)


def test_an_application_of_another_account_is_noted(vonage: VonageTwin) -> None:
    del vonage.applications[vonage.application_id]
    code, said = live()
    assert (code, said[1].startswith("note:  NEXMO_API_KEY belongs to another account")) == (0, True)


def test_an_account_that_can_not_be_read_now_is_noted(vonage: VonageTwin) -> None:
    vonage.faults.set("vonage.get_application", {"fault": "html_502"})
    code, said = live()
    assert (code, said[1]) == (0, "note:  The account can't be asked: Vonage: 502.")


@pytest.mark.parametrize(
    ("address", "where"), [("https://old.example.com/webhooks/rtc/hush", "to https://old.example.com"), ("", "nowhere")]
)
def test_events_that_go_elsewhere_are_noted(vonage: VonageTwin, address: str, where: str) -> None:
    hook = vonage.applications[vonage.application_id].capabilities["rtc"]["webhooks"]["event_url"]
    hook["address"] = address
    code, said = live()
    assert (code, f"The application's events go {where}, or without our secret" in said[1], "hush" in said[1]) == (0, True, False)


def test_before_there_is_an_application_the_account_is_asked(vonage: VonageTwin, settings: Settings) -> None:
    settings.VONAGE_APPLICATION_ID = settings.VONAGE_PRIVATE_KEY = ""
    said = "Vonage takes NEXMO_API_KEY with its secret: the account has 1 application. `manage.py setup_vonage` makes ours."
    assert live()[1] == [f"ok:    {said}"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("VONAGE_API_SECRET", "wrong", "wrong: Vonage does not take NEXMO_API_KEY with NEXMO_API_SECRET."),
        ("VONAGE_API_HOST", "localhost:1", "wrong: Vonage can't be asked: Nobody listens at localhost:1"),
    ],
)
def test_an_account_that_does_not_open_is_named(vonage: VonageTwin, settings: Settings, name: str, value: str, said: str) -> None:
    settings.VONAGE_APPLICATION_ID = settings.VONAGE_PRIVATE_KEY = ""
    setattr(settings, name, value)
    assert live()[1][0].startswith(said)


# Live: Sendinblue.


def test_a_wrong_mail_key_is_named(brevo: BrevoTwin, settings: Settings) -> None:
    settings.SENDINBLUE_API_KEY = "xkeysib-wrong"
    code, [said] = live()
    assert (code, said.startswith("wrong: Sendinblue does not accept the key.")) == (1, True)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"fault": "status", "status": 403, "code": "account_under_validation"}, "has not activated this account for sending yet."),
        ({"fault": "status", "status": 403}, "does not let this account or key send mails."),
        ({"fault": "status", "status": 402}, "has no credits left."),
        ({"fault": "status", "status": 404}, "SENDINBLUE_API_URL is not where Sendinblue's API answers. Its address ends in /v3."),
        ({"fault": "status", "status": 302, "body": ""}, "answers with a redirect, which is not followed."),
        ({"fault": "rate_limited"}, "asks us to slow down. This question is allowed 100 times an hour"),
        ({"fault": "html_502"}, "Sendinblue is out of order (http_502)."),
        ({"fault": "empty_200"}, "is not Sendinblue's API."),
        ({"fault": "reset"}, "The connection to Sendinblue broke before its answer came."),
        ({"fault": "hang"}, "Sendinblue took the connection, but gave no answer within 1 seconds."),
    ],
)
def test_what_sendinblue_answers_is_said_in_words(
    brevo: BrevoTwin, monkeypatch: pytest.MonkeyPatch, fault: dict[str, object], said: str
) -> None:
    monkeypatch.setattr(sendinblue_wire, "READ_SECONDS", 1.0)
    brevo.faults.set("brevo.get_account", fault)
    code, [sentence] = live()
    assert (code, said in sentence) == (1, True), sentence


def test_a_mail_door_that_is_shut_is_named(brevo: BrevoTwin, settings: Settings) -> None:
    settings.SENDINBLUE_API_URL = "http://localhost:1/v3"
    assert live()[1] == ["wrong: Sendinblue can't be reached. Check the network and SENDINBLUE_API_URL."]


def test_a_mail_authority_that_is_not_trusted_is_named(vonage: VonageTwin, brevo: BrevoTwin, settings: Settings) -> None:
    settings.SENDINBLUE_API_URL = f"https://{vonage.host}/v3"
    assert "Sendinblue's certificate is not trusted. Check SENDINBLUE_API_URL and SENDINBLUE_CA_FILE" in live()[1][-1]


def test_a_mail_key_that_can_be_none_is_named(brevo: BrevoTwin, settings: Settings) -> None:
    settings.SENDINBLUE_API_KEY = "xkeysib-“0123”"
    assert live()[1] == ["wrong: Sendinblue can't be asked: SENDINBLUE_API_KEY holds a character that no key has."]


# Live: the mail template.

TEMPLATE = {"id": 7, "name": "Ours", "subject": "S", "htmlContent": "<p>Ours</p>", "sender": {}, "isActive": True}


def test_an_active_mail_template_is_well(brevo: BrevoTwin, settings: Settings) -> None:
    brevo.templates[7], settings.SENDINBLUE_TEMPLATE_ID = dict(TEMPLATE), 7
    code, sentences = live()
    assert (code, sentences[1:]) == (0, ["ok:    Sendinblue has the mail template 7 (“Ours”), and it is active."])


def test_an_inactive_mail_template_is_named(brevo: BrevoTwin, settings: Settings) -> None:
    brevo.templates[7], settings.SENDINBLUE_TEMPLATE_ID = TEMPLATE | {"isActive": False}, 7
    code, sentences = live()
    assert (code, sentences[1].startswith("wrong: The mail template 7 (“Ours”) is not active, so no confirmation leaves.")) == (1, True)


def test_a_mail_template_that_is_not_there_is_named(brevo: BrevoTwin, settings: Settings) -> None:
    settings.SENDINBLUE_TEMPLATE_ID = 99
    code, sentences = live()
    said = "wrong: Sendinblue has no template 99. Correct SENDINBLUE_TEMPLATE_ID, or empty it to have one made."
    assert (code, sentences[1]) == (1, said)


def test_a_mail_template_that_can_t_be_read_is_no_missing_one(brevo: BrevoTwin, settings: Settings) -> None:
    settings.SENDINBLUE_TEMPLATE_ID = 7
    brevo.faults.set("brevo.get_template", {"fault": "status", "status": 503})
    code, sentences = live()
    assert (code, sentences[1].startswith("wrong: Sendinblue is out of order")) == (1, True)
