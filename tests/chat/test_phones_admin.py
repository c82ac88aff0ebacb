"""What operators see of texts and calls, what they can do about them, and which settings can't work."""

from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat.outbox import State
from chat.phones.models import CallReport, Notice, PhoneCall
from tests.chat import phone_side as side
from tests.chat.phone_side import MARIA, ask, work, write

PAGES = ["notice", "phonecall", "callreport"]
VONAGE = {"VONAGE_APPLICATION_ID": "app", "VONAGE_PRIVATE_KEY": "key", "VONAGE_FROM_NUMBER": "+44 7700 900000", "WEBHOOK_SECRET": "s"}


@pytest.fixture
def as_clerk(client: Client, clerk: User) -> Client:
    client.force_login(clerk)
    return client


@pytest.fixture
def rung(settings: Settings, alice: User) -> PhoneCall:
    """Alice wrote and asked for a call."""
    settings.DEMO = True
    side.on_duty("maria", MARIA)
    browser = side.browser_of(alice)
    write(browser, alice)
    ask(browser, alice)
    work()
    return PhoneCall.objects.get()


def act(client: Client, page: str, pk: int) -> str:
    """Choose "Retry now" for one row; what the page says then."""
    answer = client.post(f"/admin/chat/{page}/", {"action": "retry_now", "_selected_action": [pk]}, follow=True)
    return str(answer.content.decode())


@pytest.mark.parametrize("page", PAGES)
def test_operators_can_look_at_each_row(as_clerk: Client, rung: PhoneCall, page: str) -> None:
    model: Any = {"notice": Notice, "phonecall": PhoneCall, "callreport": CallReport}[page]
    row = model.objects.first()
    answers = [as_clerk.get(f"/admin/chat/{page}/?q=x"), as_clerk.get(f"/admin/chat/{page}/{row.pk}/change/")]
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize("page", PAGES)
def test_an_agent_sees_none_of_it(rung: PhoneCall, agent: User, page: str) -> None:
    assert side.log_in(agent).get(f"/admin/chat/{page}/").status_code == 302


def test_a_text_that_failed_is_tried_again_by_a_person(as_clerk: Client, rung: PhoneCall) -> None:
    Notice.objects.update(state=State.FAILED, provider_id="", lease_token=None)
    said = act(as_clerk, "notice", Notice.objects.get().pk)
    assert ("1 row is tried again now." in said, Notice.objects.get().state) == (True, State.WAITING)


@pytest.mark.parametrize("page", ["phonecall", "callreport"])
def test_a_call_is_never_tried_again_by_an_operator(as_clerk: Client, rung: PhoneCall, page: str) -> None:
    PhoneCall.objects.update(state=State.FAILED, lease_token=None)
    act(as_clerk, page, rung.pk)
    assert PhoneCall.objects.get().state == State.FAILED


def found(settings: Settings, **changes: str) -> list[str | None]:
    """The ids of what the checks say of texts and calls."""
    for name, value in (VONAGE | changes).items():
        setattr(settings, name, value)
    return [message.id for message in run_checks() if message.id in {"chat.W010", "chat.E010"}]


def test_a_number_and_the_messages_api_are_fine(settings: Settings) -> None:
    assert found(settings) == []


def test_no_number_is_fine(settings: Settings) -> None:
    assert found(settings, VONAGE_FROM_NUMBER="", VONAGE_SMS_API="sms") == []


@pytest.mark.parametrize("sender", ["Corner Shop", "070 555 01 20", "123"])
def test_a_sender_that_can_t_call_is_named(settings: Settings, sender: str) -> None:
    assert found(settings, VONAGE_FROM_NUMBER=sender) == ["chat.W010"]


@pytest.mark.parametrize("account", [{}, {"VONAGE_API_KEY": "key"}])
def test_the_sms_api_without_the_accounts_keys_stops_the_start(settings: Settings, account: dict[str, str]) -> None:
    assert found(settings, VONAGE_SMS_API="sms", **account) == ["chat.E010"]


def test_the_sms_api_with_the_accounts_keys_is_fine(settings: Settings) -> None:
    assert found(settings, VONAGE_SMS_API="sms", VONAGE_API_KEY="key", VONAGE_API_SECRET="secret") == []
