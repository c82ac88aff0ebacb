"""`manage.py setup_sendinblue` and the set-up's checks, against the twin's account."""

import re
import stat
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import User
from chat.outbox import BackendError, State
from orders import mail_account
from orders.management.commands.setup_sendinblue import Command
from orders.models import Order
from tests.orders.brevo_side import sendinblue, told
from tests.twins import BrevoTwin

PUBLIC_URL = "https://shop.example.com"
CHANGES = {"brevo.create_template", "brevo.update_template", "brevo.create_webhook", "brevo.update_webhook"}


@pytest.fixture
def env_file(tmp_path: Path, settings: Settings) -> Path:
    settings.ENV_FILE = tmp_path / ".env"
    return tmp_path / ".env"


@pytest.fixture
def brevo(settings: Settings, env_file: Path) -> Iterator[BrevoTwin]:
    with sendinblue(settings) as twin:
        yield twin


def set_up(*arguments: str) -> str:
    """The command's output."""
    output = StringIO()
    call_command("setup_sendinblue", "--public-url", PUBLIC_URL, *arguments, stdout=output)
    return output.getvalue()


def lines(env_file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in env_file.read_text().splitlines())


def changes(brevo: BrevoTwin) -> set[str]:
    """What was changed at the provider."""
    return CHANGES & set(brevo.log.counts())


# The template.


def test_the_template_is_made_and_active(brevo: BrevoTwin) -> None:
    set_up()
    [template] = brevo.templates.values()
    assert (template["name"], template["isActive"]) == ("Order Support: order confirmation", True)


def test_half_a_set_of_vonages_settings_stops_nothing(brevo: BrevoTwin, settings: Settings) -> None:
    settings.VONAGE_API_KEY, settings.VONAGE_API_SECRET = "abcd1234", "a secret"
    # As from a shell, where checks come first; `call_command` leaves them out.
    shell = {"force_color": False, "no_color": True, "skip_checks": False, "stdout": StringIO()}
    Command().execute(public_url=PUBLIC_URL, dry_run=False, **shell)
    assert len(brevo.templates) == 1


def test_the_template_asks_for_the_guides_four_params_and_no_other(brevo: BrevoTwin) -> None:
    set_up()
    [template] = brevo.templates.values()
    asked = re.findall(r"{{(.*?)}}", template["htmlContent"] + template["subject"])
    assert set(asked) == {"params.name", "params.order_id", "params.order_text", "params.url"}


def test_the_template_comes_from_the_shop(brevo: BrevoTwin) -> None:
    set_up()
    [template] = brevo.templates.values()
    assert template["sender"] == {"name": "The Shop", "email": "shop@example.com"}


def test_the_templates_number_is_written_down(brevo: BrevoTwin, env_file: Path) -> None:
    set_up()
    assert lines(env_file)["SENDINBLUE_TEMPLATE_ID"] == str(next(iter(brevo.templates)))


def test_a_mail_by_the_new_template_reads_well(
    brevo: BrevoTwin, env_file: Path, settings: Settings, alice: User, place: Callable[..., Order]
) -> None:
    set_up()
    settings.SENDINBLUE_TEMPLATE_ID = int(lines(env_file)["SENDINBLUE_TEMPLATE_ID"])
    order = place(alice)
    assert told(order).state == State.DONE
    [mail] = brevo.mails
    assert mail.subject == f"Your order {order.number}"
    assert "Dear Alice Martin," in mail.html
    assert "You purchased 2 × Widget" in mail.html
    assert "{{" not in mail.html


def test_a_template_made_by_a_run_that_died_is_used(brevo: BrevoTwin, env_file: Path) -> None:
    set_up()
    env_file.unlink()
    set_up()
    assert (len(brevo.templates), lines(env_file)["SENDINBLUE_TEMPLATE_ID"]) == (1, str(next(iter(brevo.templates))))


def test_an_inactive_template_of_ours_is_activated(brevo: BrevoTwin, env_file: Path) -> None:
    set_up()
    next(iter(brevo.templates.values()))["isActive"] = False
    set_up()
    assert next(iter(brevo.templates.values()))["isActive"] is True


def test_the_operators_own_template_is_left_as_it_is(brevo: BrevoTwin, settings: Settings, env_file: Path) -> None:
    own = {"id": 7, "name": "Mine", "subject": "S", "htmlContent": "<p>Mine</p>", "sender": {}, "isActive": True}
    brevo.templates[7] = dict(own)
    settings.SENDINBLUE_TEMPLATE_ID = 7
    set_up()
    assert (brevo.templates, "SENDINBLUE_TEMPLATE_ID" in env_file.read_text()) == ({7: own}, False)


def test_a_number_without_a_template_is_named(brevo: BrevoTwin, settings: Settings) -> None:
    settings.SENDINBLUE_TEMPLATE_ID = 99
    with pytest.raises(CommandError, match="has no template 99"):
        set_up()


# The webhook.


def test_the_webhook_is_registered_with_the_secret_as_bearer_token(brevo: BrevoTwin, env_file: Path) -> None:
    set_up()
    [hook] = brevo.hooks.values()
    assert (hook["url"], hook["type"]) == ("https://shop.example.com/webhooks/sendinblue", "transactional")
    assert hook["auth"] == {"type": "bearer", "token": lines(env_file)["WEBHOOK_SECRET"]}


@pytest.mark.parametrize("behind", ["/", "/the-secret", "/the-secret/"])
def test_a_webhook_that_was_registered_by_hand_is_not_doubled(brevo: BrevoTwin, settings: Settings, behind: str) -> None:
    settings.WEBHOOK_SECRET = "the-secret"
    url = "https://shop.example.com/webhooks/sendinblue"
    brevo.hooks[1] = {"id": 1, "url": url + behind, "description": "Mine", "type": "transactional", "events": ["delivered"]}
    set_up()
    [hook] = brevo.hooks.values()
    assert (hook["url"], hook["auth"]) == (url, {"type": "bearer", "token": "the-secret"})


def test_the_webhook_asks_for_everything_that_makes_a_state(brevo: BrevoTwin) -> None:
    set_up()
    [hook] = brevo.hooks.values()
    assert {"request", "delivered", "deferred", "softBounce", "hardBounce", "blocked", "invalid", "spam", "opened", "click"} <= set(
        hook["events"]
    )


def test_a_secret_that_is_set_is_kept(brevo: BrevoTwin, settings: Settings, env_file: Path) -> None:
    settings.WEBHOOK_SECRET = "the operator's own"
    set_up()
    assert next(iter(brevo.hooks.values()))["auth"]["token"] == "the operator's own"
    assert "WEBHOOK_SECRET" not in env_file.read_text()


def test_a_webhook_with_an_old_secret_is_given_the_new_one(brevo: BrevoTwin, settings: Settings) -> None:
    set_up()
    settings.WEBHOOK_SECRET = "changed since"
    set_up()
    assert [hook["auth"]["token"] for hook in brevo.hooks.values()] == ["changed since"]


def test_a_webhook_that_was_made_by_hand_keeps_its_events(brevo: BrevoTwin) -> None:
    url = "https://somebody:password@shop.example.com/webhooks/sendinblue"
    brevo.hooks[5] = {"id": 5, "url": url, "type": "transactional", "description": "", "events": ["proxyOpen"]}
    set_up()
    assert list(brevo.hooks) == [5]
    assert {"proxyOpen", "delivered"} <= set(brevo.hooks[5]["events"])


def test_the_registered_webhook_reaches_us_with_what_became_of_a_mail(
    brevo: BrevoTwin, settings: Settings, env_file: Path, alice: User, place: Callable[..., Order], live_server: Any
) -> None:
    call_command("setup_sendinblue", "--public-url", live_server.url, stdout=StringIO(), stderr=StringIO())
    settings.WEBHOOK_SECRET = lines(env_file)["WEBHOOK_SECRET"]
    # Held back until the worker is through: test and server share one SQLite connection here.
    brevo.turn(webhook_hold=True)
    confirmation = told(place(alice))
    brevo.webhooks.release(newest_first=True)
    assert brevo.webhooks.wait_until_sent()
    confirmation.refresh_from_db()
    assert confirmation.delivery == "delivered"


# Both.


def test_a_dry_run_says_what_would_be_done(brevo: BrevoTwin, env_file: Path) -> None:
    name, number = "“Order Support: order confirmation”", f"SENDINBLUE_TEMPLATE_ID in {env_file}"
    assert set_up("--dry-run").splitlines() == [
        f"1. Make the mail template {name}, activate it, and write its number to {number}.",
        f"2. Write a new WEBHOOK_SECRET to {env_file}.",
        "3. Register a webhook to https://shop.example.com/webhooks/sendinblue with the secret, for 12 kinds of events.",
        "Nothing was changed (--dry-run).",
    ]


def test_a_dry_run_changes_nothing(brevo: BrevoTwin, env_file: Path) -> None:
    set_up("--dry-run")
    assert (changes(brevo), env_file.exists()) == (set(), False)


def test_the_second_run_has_nothing_to_do(brevo: BrevoTwin, settings: Settings, env_file: Path) -> None:
    set_up()
    settings.SENDINBLUE_TEMPLATE_ID = int(lines(env_file)["SENDINBLUE_TEMPLATE_ID"])
    settings.WEBHOOK_SECRET = lines(env_file)["WEBHOOK_SECRET"]
    brevo.log.clear()
    assert set_up().splitlines()[-1] == "Nothing to do."
    assert changes(brevo) == set()


def test_a_second_run_before_the_restart_makes_nothing_twice(brevo: BrevoTwin, env_file: Path) -> None:
    set_up()
    before = env_file.read_text()
    set_up()
    assert (len(brevo.templates), len(brevo.hooks), env_file.read_text()) == (1, 1, before)


def test_the_secret_is_never_printed(brevo: BrevoTwin, env_file: Path) -> None:
    output = set_up()
    assert lines(env_file)["WEBHOOK_SECRET"] not in output


def test_the_secret_is_kept_before_it_is_given_away(brevo: BrevoTwin, env_file: Path) -> None:
    brevo.faults.set("brevo.create_webhook", {"fault": "lost_reply", "times": 1})
    with pytest.raises(CommandError, match="Run this again"):
        set_up()
    set_up()
    assert [hook["auth"]["token"] for hook in brevo.hooks.values()] == [lines(env_file)["WEBHOOK_SECRET"]]


def test_a_wrong_key_is_said_in_plain_words(brevo: BrevoTwin, settings: Settings) -> None:
    settings.SENDINBLUE_API_KEY = "xkeysib-wrong"
    with pytest.raises(CommandError, match="does not accept the key"):
        set_up()


def test_without_a_key_the_command_says_where_to_get_one() -> None:
    with pytest.raises(CommandError, match="SMTP & API"):
        set_up()


def test_an_address_that_the_provider_can_not_reach_is_named(brevo: BrevoTwin) -> None:
    with pytest.raises(CommandError, match="can't reach http://localhost:3000"):
        call_command("setup_sendinblue")


def test_an_address_that_is_none_is_named(brevo: BrevoTwin) -> None:
    with pytest.raises(CommandError, match="Write a whole address"):
        call_command("setup_sendinblue", "--public-url", "shop.example.com")


def test_the_whole_set_up_takes_few_calls(brevo: BrevoTwin) -> None:
    set_up()
    assert sum(brevo.log.counts().values()) == 4


# `.env`.


def test_an_empty_line_of_env_is_filled_in_place(brevo: BrevoTwin, env_file: Path) -> None:
    env_file.write_text("# Ours\nSENDINBLUE_TEMPLATE_ID=\nPORT=3000\n")
    set_up()
    assert re.fullmatch(r"# Ours\nSENDINBLUE_TEMPLATE_ID=\d+\nPORT=3000\nWEBHOOK_SECRET=\S{40,}\n", env_file.read_text())


def test_a_new_env_is_readable_by_its_owner_only(brevo: BrevoTwin, env_file: Path) -> None:
    set_up()
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600


def test_an_old_env_keeps_its_mode(brevo: BrevoTwin, env_file: Path) -> None:
    env_file.touch(mode=0o640)
    set_up()
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o640


# One harmless call for the doctor.


def test_the_account_answers_who_it_is(brevo: BrevoTwin) -> None:
    assert mail_account.check() == "Sendinblue takes the key: the account of Twin, 300 mails left."


def test_an_answer_that_is_no_account_is_named(brevo: BrevoTwin) -> None:
    brevo.faults.set("brevo.get_account", {"fault": "malformed"})
    with pytest.raises(BackendError, match="not Sendinblue's API"):
        mail_account.check()
