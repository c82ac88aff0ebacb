"""The one way in with a password: refused in words, throttled by name and address, and with a second step where that is on."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from accounts import callers
from accounts.models import AuditEntry, User

Answer = Any
RIGHT = "a long password"


def log_in(client: Client, name: str, password: str, *, address: str = "192.0.2.7", url: str = "/login/") -> Answer:
    """Post the form from an address."""
    return client.post(url, {"username": name, "password": password}, REMOTE_ADDR=address)


def is_logged_in(client: Client) -> bool:
    """Whether this browser is somebody."""
    return "_auth_user_id" in client.session


# --- Password ----------------------------------------------------------------------------------------------------------


def test_the_right_password_opens_the_inbox(client: Client, agent: User) -> None:
    assert log_in(client, "agent", RIGHT)["Location"] == "/inbox/"


def test_a_wrong_one_is_said_in_words_that_name_neither_half(client: Client, agent: User) -> None:
    wrong, nobody = log_in(client, "agent", "wrong"), log_in(client, "nobody", "wrong")
    said = [re.search(r'id="wrong">(.*?)</p>', answer.content.decode()) for answer in (wrong, nobody)]
    assert said[0]
    assert said[1]
    assert said[0][1] == said[1][1]


def test_the_admin_uses_the_same_page_and_leads_back(client: Client, clerk: User) -> None:
    first = client.get("/admin/orders/order/")
    assert first["Location"] == "/admin/login/?next=/admin/orders/order/"
    assert "accounts/login.html" in [template.name for template in client.get(first["Location"]).templates]
    answer = client.post(first["Location"], {"username": "clerk", "password": RIGHT, "next": "/admin/orders/order/"})
    assert answer["Location"] == "/admin/orders/order/"


def test_an_agent_at_the_admins_door_reads_why_and_goes_round_in_no_circle(client: Client, agent: User) -> None:
    client.force_login(agent)
    answer = client.get("/admin/", follow=True)
    assert (answer.status_code, "You are logged in as agent" in answer.content.decode()) == (200, True)


def test_nobody_is_led_elsewhere_after_the_log_in(client: Client, agent: User) -> None:
    answer = client.post("/login/", {"username": "agent", "password": RIGHT, "next": "https://evil.example/"})
    assert answer["Location"] == "/inbox/"


# --- Too many ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(client: Client, agent: User) -> Answer:
    """The answer to the tenth wrong password for the agent from one address."""
    for _number in range(9):
        log_in(client, "agent", "wrong")
    return log_in(client, "agent", "wrong")


def test_the_tenth_wrong_password_makes_the_pair_wait_and_says_how_long(locked: Answer) -> None:
    assert (locked.status_code, locked["Retry-After"]) == (429, "900")
    assert "Wait 15 minutes" in locked.content.decode()


def test_while_it_waits_the_right_one_is_not_taken_either(locked: Answer, client: Client) -> None:
    assert (log_in(client, "agent", RIGHT).status_code, is_logged_in(client)) == (429, False)


def test_the_admins_address_is_no_way_round(locked: Answer, client: Client) -> None:
    assert log_in(client, "agent", RIGHT, url="/admin/login/").status_code == 429


def test_its_owner_gets_in_from_elsewhere(locked: Answer) -> None:
    assert log_in(Client(), "agent", RIGHT, address="198.51.100.4").status_code == 302


def test_a_colleague_gets_in_from_the_same_address(locked: Answer, clerk: User) -> None:
    assert log_in(Client(), "clerk", RIGHT).status_code == 302


def test_after_a_quarter_of_an_hour_it_is_over_however_often_it_was_tried_meanwhile(locked: Answer, client: Client) -> None:
    with time_machine.travel(timedelta(minutes=10)):
        log_in(client, "agent", "wrong")
    with time_machine.travel(timedelta(minutes=16)):
        assert log_in(client, "agent", RIGHT).status_code == 302


@pytest.fixture
def sprayed(client: Client, agent: User) -> None:
    """From one address one password was tried on a hundred names."""
    names = [f"user{number}" for number in range(99)]
    AccessAttempt.objects.bulk_create(AccessAttempt(username=name, ip_address="192.0.2.7", failures_since_start=1) for name in names)
    log_in(client, "user99", "Spring-2026!")


def test_an_address_that_tries_many_names_waits_whatever_it_tries_next(sprayed: None, client: Client) -> None:
    answer = log_in(client, "agent", RIGHT)
    assert (answer.status_code, answer["Retry-After"], is_logged_in(client)) == (429, "900", False)


@pytest.mark.parametrize("url", ["/login/", "/admin/login/"])
def test_before_that_one_more_is_let_in(client: Client, agent: User, url: str) -> None:
    AccessAttempt.objects.create(username="other", ip_address="192.0.2.7", failures_since_start=99)
    assert log_in(client, "agent", RIGHT, url=url).status_code == 302


def test_other_addresses_dont_wait_for_it(sprayed: None) -> None:
    assert log_in(Client(), "agent", RIGHT, address="198.51.100.4").status_code == 302


def test_an_address_is_let_in_again_after_a_quarter_of_an_hour(sprayed: None, client: Client) -> None:
    with time_machine.travel(timedelta(minutes=16)):
        assert log_in(client, "agent", RIGHT).status_code == 302


def test_no_password_is_kept_of_it(client: Client, agent: User) -> None:
    log_in(client, "agent", "not-my-password")
    assert "not-my-password" not in str(list(AccessAttempt.objects.values()))


def test_whoever_gets_in_starts_anew(client: Client, agent: User) -> None:
    for _number in range(9):
        log_in(client, "agent", "wrong")
    log_in(client, "agent", RIGHT)
    client.logout()
    assert log_in(client, "agent", "wrong").status_code == 200


@pytest.mark.parametrize(
    ("remote", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("", "0.0.0.0"),
        ("unix:", "0.0.0.0"),
    ],
)
def test_a_client_counts_by_its_address_or_its_network(remote: str, counted: str) -> None:
    assert callers.address(RequestFactory().get("/", REMOTE_ADDR=remote)) == counted


def test_what_a_caller_says_of_himself_does_not_count() -> None:
    assert callers.address(RequestFactory().get("/", REMOTE_ADDR="192.0.2.7", headers={"x-forwarded-for": "1.2.3.4"})) == "192.0.2.7"


# --- The second step ---------------------------------------------------------------------------------------------------


@pytest.fixture
def two(settings: Settings) -> None:
    """Every password takes a code."""
    settings.TWO_FACTOR = True


def code_of(user: User) -> str:
    """What the person's app shows."""
    return f"{totp(TOTPDevice.objects.get(user=user).bin_key):06d}"


def set_up(client: Client, user: User) -> list[str]:
    """Log in for the first time; the recovery codes."""
    log_in(client, user.username, RIGHT)
    client.get("/login/code/")
    page = client.post("/login/code/", {"code": code_of(user)}).content.decode()
    return re.findall(r"<li><code>(\w+)</code></li>", page)


@pytest.fixture
def browser(two: None, agent: User) -> Client:
    """Where the agent has given a right password, long after setting the app up."""
    with time_machine.travel(timedelta(hours=-1)):
        set_up(Client(), agent)
    client = Client()
    log_in(client, "agent", RIGHT)
    return client


def test_a_right_password_alone_logs_nobody_in(two: None, client: Client, clerk: User) -> None:
    assert log_in(client, "clerk", RIGHT)["Location"] == "/login/code/"
    assert (is_logged_in(client), client.get("/admin/").status_code, client.get("/api/orders/").status_code) == (False, 302, 401)


def test_a_session_that_somebody_planted_does_not_come_along_to_the_second_step(two: None, client: Client, agent: User) -> None:
    client.session.save()
    planted = client.session.session_key
    log_in(client, "agent", RIGHT)
    thief = Client()
    thief.cookies["ordersupport_session"] = planted
    assert (client.session.session_key == planted, client.get("/login/code/").status_code, thief.get("/login/code/").status_code) == (
        False,
        200,
        302,
    )


def test_the_first_log_in_sets_the_app_up_and_shows_ten_recovery_codes(two: None, client: Client, agent: User) -> None:
    codes = set_up(client, agent)
    assert (len(set(codes)), is_logged_in(client)) == (10, True)
    assert AuditEntry.objects.filter(action="two_factor_set_up", actor=agent).count() == 1


def test_the_key_is_shown_as_a_picture_and_in_letters_until_it_is_set_up(two: None, client: Client, agent: User) -> None:
    log_in(client, "agent", RIGHT)
    pages = [client.get("/login/code/").content.decode() for _number in range(2)]
    keys = [re.search(r"<code>([A-Z2-7 ]{32,})</code>", page) for page in pages]
    assert keys[0]
    assert keys[1]
    assert keys[0][1] == keys[1][1]
    assert 'src="data:image/svg+xml;base64,' in pages[0]


def test_an_app_that_is_set_up_shows_its_key_to_nobody(browser: Client, agent: User) -> None:
    page = browser.get("/login/code/").content.decode()
    assert ("data:image" in page, "<code>" in page) == (False, False)


def test_the_apps_code_logs_in(browser: Client, agent: User) -> None:
    assert browser.post("/login/code/", {"code": code_of(agent)})["Location"] == "/inbox/"


def test_a_code_works_once(browser: Client, agent: User) -> None:
    code = code_of(agent)
    browser.post("/login/code/", {"code": code})
    other = Client()
    log_in(other, "agent", RIGHT)
    assert (other.post("/login/code/", {"code": code}).status_code, is_logged_in(other)) == (422, False)


def test_a_wrong_code_is_said_and_slows_down_the_next(browser: Client, agent: User) -> None:
    # After one wrong code the wait is a single second.
    with time_machine.travel(timedelta(), tick=False) as clock:
        assert browser.post("/login/code/", {"code": "000000"}).status_code == 422
        assert browser.post("/login/code/", {"code": code_of(agent)}).status_code == 422
        clock.shift(40)
        assert browser.post("/login/code/", {"code": code_of(agent)}).status_code == 302


def test_a_recovery_code_logs_in_once(two: None, agent: User) -> None:
    code = set_up(Client(), agent)[0]
    tries = []
    for _number in range(2):
        client = Client()
        log_in(client, "agent", RIGHT)
        tries.append(client.post("/login/code/", {"code": f" {code.upper()} "}).status_code)
    assert (tries, StaticToken.objects.count()) == ([302, 422], 9)


def test_without_the_password_there_is_no_second_step(two: None, client: Client, agent: User) -> None:
    assert client.post("/login/code/", {"code": "123456"})["Location"] == "/login/"


def test_after_ten_minutes_the_password_is_asked_again(browser: Client, agent: User) -> None:
    with time_machine.travel(timedelta(minutes=11)):
        assert browser.post("/login/code/", {"code": code_of(agent)})["Location"] == "/login/"


def test_a_password_that_has_changed_meanwhile_is_asked_again(browser: Client, agent: User) -> None:
    agent.set_password("another long password")
    agent.save()
    assert browser.post("/login/code/", {"code": code_of(agent)})["Location"] == "/login/"


def test_switching_it_on_ends_every_session(client: Client, clerk: User, settings: Settings) -> None:
    client.force_login(clerk)
    before = client.get("/admin/").status_code
    settings.TWO_FACTOR = True
    assert (before, client.get("/admin/").status_code) == (200, 302)


def test_an_operator_forgets_a_lost_phone(browser: Client, agent: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("reset_two_factor", "agent")
    assert "agent's second factor is forgotten" in capsys.readouterr().out
    assert (StaticToken.objects.count(), AuditEntry.objects.filter(action="two_factor_reset", actor=None).count()) == (0, 1)
    assert "data:image" in browser.get("/login/code/").content.decode()


@pytest.mark.parametrize(("name", "told"), [("nobody", "There is no user"), ("clerk", "clerk has no second factor")])
def test_an_operator_reads_why_there_is_nothing_to_forget(clerk: User, name: str, told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("reset_two_factor", name)


def test_staff_forget_a_colleagues_phone_in_the_admin(two: None, client: Client, agent: User, clerk: User) -> None:
    set_up(Client(), agent)
    client.force_login(clerk)
    client.post("/admin/accounts/user/", {"action": "reset_second_factor", "_selected_action": [agent.pk]})
    assert AuditEntry.objects.filter(action="two_factor_reset", actor=clerk).count() == 1


def test_the_admin_shows_no_keys_and_no_codes(two: None, client: Client, agent: User, clerk: User) -> None:
    set_up(Client(), agent)
    client.force_login(clerk)
    pages = ["/admin/otp_totp/totpdevice/", "/admin/otp_static/staticdevice/", "/admin/axes/accessattempt/"]
    assert [client.get(page).status_code for page in pages] == [404, 404, 404]
