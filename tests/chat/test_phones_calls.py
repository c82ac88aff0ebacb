""" "Call me" from the chat page to the demo's phones and back: who may ask, whose phone rings, and what the conversation tells."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import links
from chat.models import Event
from chat.outbox import State
from chat.phones import calls
from chat.phones.models import CallReport, PhoneCall, StoredLeg
from tests.accounts.threads import THREADS, at_once
from tests.chat import phone_side as side
from tests.chat.phone_side import CUSTOMER, MARIA, ROBIN, ask, last_told, told, work, work_later, write

BEGINNING = ["requested agent", "started agent", "ringing agent"]


@pytest.fixture(autouse=True)
def _demo(settings: Settings) -> None:
    """The embedded side has phones in the demo only."""
    settings.DEMO = True


@pytest.fixture
def maria(db: None) -> User:
    """The agent on duty."""
    return side.on_duty("maria", MARIA)


@pytest.fixture
def as_alice(alice: User) -> Client:
    """The customer's browser."""
    return side.browser_of(alice)


@pytest.fixture
def ringing(maria: User, as_alice: Client, alice: User) -> PhoneCall:
    """Alice asked for a call, and Maria's phone rings."""
    ask(as_alice, alice)
    work()
    return PhoneCall.objects.get()


def buttons() -> dict[str, str]:
    """What can be pressed on the demo's phones: button -> where it posts to."""
    page = Client().get("/demo/phones/").content.decode()
    found = re.findall(r'formaction="([^"]+)" name="button" value="([^"]+)"', page)
    return {button: path for path, button in found}


def press(button: str) -> None:
    """Press a button that a phone shows now, and let the worker hear of it."""
    Client().post(buttons()[button], {"button": button})
    work()


# The whole way.


def test_a_call_is_told_in_the_conversation_from_the_request_to_the_end(ringing: PhoneCall, alice: User) -> None:
    press("answer")
    press("answer")
    press("hang-up")
    assert told(alice) == [*BEGINNING, "answered agent", "ringing customer", "answered customer", "completed customer"]


def test_the_agents_phone_rings_first(ringing: PhoneCall, alice: User) -> None:
    legs = StoredLeg.objects.filter(status="ringing").values_list("side", "number")
    assert (list(legs), told(alice)) == ([("agent", "12025550143")], BEGINNING)


def test_the_customers_phone_rings_once_the_agent_has_answered(ringing: PhoneCall) -> None:
    press("answer")
    assert list(StoredLeg.objects.filter(status="ringing").values_list("side", "number")) == [("customer", "46705550120")]


def test_a_call_that_is_over_tells_how_long_both_talked(ringing: PhoneCall, alice: User) -> None:
    press("answer")
    press("answer")
    answered_at = StoredLeg.objects.get(side="customer").answered_at
    assert answered_at
    with time_machine.travel(answered_at + timedelta(seconds=192), tick=False):
        press("hang-up")
    assert (last_told(alice)["state"], last_told(alice)["seconds"]) == ("completed", 192)


def test_a_call_that_is_over_leaves_no_row_open(ringing: PhoneCall) -> None:
    press("decline")
    ringing.refresh_from_db()
    assert (ringing.state, ringing.ended_at is None, CallReport.objects.exclude(state=State.DONE).count()) == (State.DONE, False, 0)


@pytest.mark.parametrize(
    ("pressed", "ending"),
    [
        (["decline"], "rejected agent"),
        (["answer", "decline"], "rejected customer"),
        (["answer", "hang-up"], "cancelled customer"),
        (["answer", "answer", "hang-up"], "completed customer"),
    ],
    ids=str,
)
def test_each_way_a_call_can_end_is_told(ringing: PhoneCall, alice: User, pressed: list[str], ending: str) -> None:
    for button in pressed:
        press(button)
    assert told(alice)[-1] == ending


def test_both_parties_are_told_who_talks_when_and_about_what(maria: User, as_alice: Client, alice: User) -> None:
    ask(as_alice, alice, about=1002)
    work()
    event = last_told(alice)
    assert (event["agent"], event["about"], event["text"]) == ({"display_name": "Maria"}, 1002, "We are ringing Maria.")


def test_no_number_is_shown_in_the_conversation(ringing: PhoneCall, alice: User) -> None:
    bodies = str(list(Event.objects.filter(type=calls.CALL_EVENT).values_list("body", flat=True)))
    assert ("5550120" in bodies, "5550143" in bodies, last_told(alice)["phone"]) == (False, False, "•••20")


def test_the_request_is_the_customers_and_the_rest_the_systems(ringing: PhoneCall) -> None:
    senders = Event.objects.filter(type=calls.CALL_EVENT).order_by("sequence").values_list("from_member__user__username", flat=True)
    assert list(senders) == ["alice", None, None]


def test_a_call_that_nobody_answers_ends(ringing: PhoneCall, alice: User) -> None:
    side.minutes_pass(3)
    work_later()
    ringing.refresh_from_db()
    assert (told(alice)[-1], ringing.state, buttons()) == ("timeout agent", State.DONE, {})


def test_a_call_under_way_is_left_alone(ringing: PhoneCall, alice: User) -> None:
    work_later()
    ringing.refresh_from_db()
    assert (told(alice), ringing.state, ringing.error_code) == (BEGINNING, State.WAITING, "under_way")


# Who may ask, and for what.


def test_a_request_answers_with_the_event_that_tells_of_it(maria: User, as_alice: Client, alice: User) -> None:
    answer = ask(as_alice, alice)
    assert (answer.status_code, answer.json()["type"], answer.json()["body"]["state"]) == (201, "custom:call-event", "requested")


def test_nothing_leaves_in_the_request(maria: User, as_alice: Client, alice: User) -> None:
    ask(as_alice, alice)
    assert StoredLeg.objects.count() == 0


def test_a_stranger_finds_no_such_door(maria: User, as_alice: Client, alice: User, bob: User) -> None:
    statuses = [ask(client, alice).status_code for client in (Client(), side.browser_of(bob))]
    assert (statuses, PhoneCall.objects.count()) == ([404, 404], 0)


def test_an_agent_can_not_ask_in_the_customers_name(maria: User, as_alice: Client, alice: User) -> None:
    assert (ask(side.log_in(maria), alice).status_code, PhoneCall.objects.count()) == (403, 0)


def test_another_site_can_not_ask_in_the_customers_name(maria: User, as_alice: Client, alice: User) -> None:
    as_alice.handler.enforce_csrf_checks = True
    assert (ask(as_alice, alice).status_code, PhoneCall.objects.count()) == (403, 0)


def test_the_number_that_we_have_needs_not_be_written(maria: User, as_alice: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(phone="+46 70 555 01 99")
    ask(as_alice, alice, "")
    assert PhoneCall.objects.get().number == "46705550199"


@pytest.mark.parametrize("phone", ["", "070 555 01 20", "+46 70 CALL ME", "+", "x" * 41, None, 46705550120.5, ["+46705550120"]], ids=str)
def test_what_is_no_number_is_refused(maria: User, as_alice: Client, alice: User, phone: Any) -> None:
    answer = ask(as_alice, alice, phone)
    assert (answer.status_code, answer.json()["errors"][0]["field"], PhoneCall.objects.count()) == (400, "phone", 0)


def test_a_country_that_the_shop_does_not_call_is_refused(maria: User, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.VONAGE_CALL_PREFIXES = ["+47", "+1"]
    assert ask(as_alice, alice).json()["code"] == "not_called_there"


def test_a_country_that_the_shop_calls_is_called(maria: User, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.VONAGE_CALL_PREFIXES = ["+47", "+46"]
    assert ask(as_alice, alice).status_code == 201


def test_asking_twice_is_asking_once(maria: User, as_alice: Client, alice: User) -> None:
    first, second = ask(as_alice, alice), ask(as_alice, alice)
    assert (first.json()["id"], second.status_code, PhoneCall.objects.count()) == (second.json()["id"], 200, 1)


def test_one_call_at_a_time(ringing: PhoneCall, as_alice: Client, alice: User) -> None:
    answer = ask(as_alice, alice, "+46 70 555 01 99")
    assert (answer.status_code, answer.json()["code"], PhoneCall.objects.count()) == (409, "call_open", 1)


@THREADS
def test_eight_presses_at_once_are_one_call(alice: User) -> None:
    side.on_duty("maria", MARIA)
    browser = side.browser_of(alice)
    statuses = at_once(8, lambda number: ask(_same(browser), alice).status_code)
    assert (sorted(statuses), PhoneCall.objects.count()) == ([200] * 7 + [201], 1)


def _same(browser: Client) -> Client:
    """The same browser in another thread."""
    other = Client()
    other.cookies = browser.cookies
    return other


def test_after_the_end_the_customer_can_ask_again(ringing: PhoneCall, as_alice: Client, alice: User) -> None:
    press("decline")
    assert ask(as_alice, alice).status_code == 201


def ask_and_decline(client: Client, customer: User, phone: str) -> None:
    """A call that comes to nothing."""
    assert ask(client, customer, phone).status_code == 201
    work()
    press("decline")


def test_the_fourth_call_within_an_hour_is_refused(maria: User, as_alice: Client, alice: User) -> None:
    for last in (20, 21, 22):
        ask_and_decline(as_alice, alice, f"+46 70 555 01 {last}")
    answer = ask(as_alice, alice)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_calls")


def test_an_hour_later_it_is_taken(maria: User, as_alice: Client, alice: User) -> None:
    for _time in range(3):
        ask_and_decline(as_alice, alice, CUSTOMER)
    side.minutes_pass(61)
    assert ask(as_alice, alice).status_code == 201


def test_nobody_is_called_again_and_again_from_several_conversations(maria: User, as_alice: Client, alice: User, bob: User) -> None:
    for _time in range(3):
        ask_and_decline(as_alice, alice, CUSTOMER)
    assert ask(side.browser_of(bob), bob).json()["code"] == "too_many_calls"


def test_with_nobody_on_duty_the_customer_is_told_at_once(as_alice: Client, alice: User) -> None:
    answer = ask(as_alice, alice)
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        409,
        "nobody_on_duty",
        "Nobody can call you right now. Write to us, and we answer here.",
    )


def test_a_shop_without_phones_says_so(maria: User, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.DEMO = False
    assert (ask(as_alice, alice).json()["code"], PhoneCall.objects.count()) == ("not_available", 0)


# Whose phone rings.


def rung() -> list[str]:
    """The agents' numbers that were called, in order."""
    return list(StoredLeg.objects.filter(side="agent").order_by("pk").values_list("number", flat=True))


def test_who_answered_last_is_rung(maria: User, as_alice: Client, alice: User) -> None:
    write(side.log_in(side.on_duty("robin", ROBIN)), alice)
    ask(as_alice, alice)
    work()
    assert rung() == ["12025550144"]


def test_agents_take_turns(maria: User, as_alice: Client, alice: User) -> None:
    side.on_duty("robin", ROBIN)
    for _time in range(2):
        ask_and_decline(as_alice, alice, CUSTOMER)
    assert rung() == ["12025550143", "12025550144"]


def test_who_is_on_the_phone_is_not_rung(ringing: PhoneCall, bob: User) -> None:
    side.on_duty("robin", ROBIN)
    ask(side.browser_of(bob), bob, "+46 70 555 01 99")
    work()
    assert rung() == ["12025550143", "12025550144"]


def test_a_second_customer_waits_until_an_agent_is_free(ringing: PhoneCall, bob: User) -> None:
    ask(side.browser_of(bob), bob, "+46 70 555 01 99")
    work()
    waiting = (rung(), told(bob))
    press("decline")
    work_later()
    assert (waiting, told(bob)) == ((["12025550143"], ["requested agent"]), BEGINNING)


def test_a_customer_does_not_wait_for_a_free_agent_for_ever(ringing: PhoneCall, bob: User) -> None:
    ask(side.browser_of(bob), bob, "+46 70 555 01 99")
    work()
    PhoneCall.objects.exclude(pk=ringing.pk).update(created_at=ringing.created_at - 2 * calls.GOOD_FOR)
    work_later()
    assert (told(bob), PhoneCall.objects.exclude(pk=ringing.pk).get().state) == (["requested agent", "busy agent"], State.CANCELLED)


def test_nobody_is_rung_for_a_call_that_no_worker_saw_in_time(maria: User, as_alice: Client, alice: User) -> None:
    ask(as_alice, alice)
    side.minutes_pass(calls.GOOD_FOR.total_seconds() / 60 + 1)
    work()
    row = PhoneCall.objects.get()
    assert (rung(), told(alice), row.state, row.error_code) == ([], ["requested agent", "failed agent"], State.FAILED, "too_late")


def test_when_the_last_agent_went_off_duty_the_call_has_failed(maria: User, as_alice: Client, alice: User) -> None:
    ask(as_alice, alice)
    User.objects.filter(pk=maria.pk).update(on_duty=False)
    work()
    assert (told(alice), PhoneCall.objects.get().state) == (["requested agent", "failed agent"], State.CANCELLED)


# The demo's phones.


def test_the_phones_show_texts_with_their_way_to_the_chat(maria: User, as_alice: Client, alice: User) -> None:
    write(as_alice, alice)
    work()
    path = links.path_for(side.conversation_of(alice), 1002, username="maria")
    assert f'{path}" rel="nofollow"' in Client().get("/demo/phones/").content.decode()


def test_there_are_no_phones_outside_the_demo(ringing: PhoneCall, settings: Settings) -> None:
    paths = buttons()
    settings.DEMO = False
    statuses = [Client().get("/demo/phones/").status_code, Client().post(paths["answer"], {"button": "answer"}).status_code]
    assert (statuses, StoredLeg.objects.get(side="agent").status) == ([404, 404], "ringing")


@pytest.mark.parametrize("button", ["hang-up", "", "answer all"])
def test_a_button_that_the_phone_does_not_show_does_nothing(ringing: PhoneCall, alice: User, button: str) -> None:
    Client().post(buttons()["answer"], {"button": button})
    work()
    assert (StoredLeg.objects.get(side="agent").status, CallReport.objects.count()) == ("ringing", 2)


def test_a_button_pressed_twice_is_pressed_once(ringing: PhoneCall, alice: User) -> None:
    path = buttons()["answer"]
    for _time in range(2):
        Client().post(path, {"button": "answer"})
    work()
    assert told(alice) == [*BEGINNING, "answered agent", "ringing customer"]


def test_a_phone_without_a_call_shows_no_button(maria: User) -> None:
    assert buttons() == {}
