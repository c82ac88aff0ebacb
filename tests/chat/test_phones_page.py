"""What the chat page shows of calls, before and without any script, and what it hands to its scripts."""

import html
import json
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import conversations, links
from chat.phones import calls
from tests.chat import phone_side as side
from tests.chat.phone_side import MARIA, ask, work

Json = dict[str, Any]
FAILED = "The call failed. Please try again, or write to us here."


@pytest.fixture(autouse=True)
def _demo(settings: Settings) -> None:
    """The embedded side has phones in the demo only."""
    settings.DEMO = True


@pytest.fixture
def maria(db: None) -> User:
    """The agent on duty."""
    return side.on_duty("maria", MARIA)


@pytest.fixture
def as_alice(maria: User, alice: User) -> Client:
    """The customer's browser."""
    return side.browser_of(alice)


def page_of(client: Client, customer: User, username: str = "alice") -> str:
    """The chat page as that person sees it."""
    return client.get(links.path_for(side.conversation_of(customer), 1002, username=username)).content.decode()


def handed_on(page: str) -> Json:
    """What the page hands to its scripts."""
    found: Json = json.loads(re.findall(r'<script id="page-data" type="application/json">(.*?)</script>', page, re.DOTALL)[0])
    return found


def cards(page: str) -> list[str]:
    """The calls in the conversation, in words."""
    found = re.findall(r'<article class="event-card">(.*?)</article>', page, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", card)).split()) for card in found if "#i-phone" in card]


def tell(customer: User, state: str, whose: str, **more: Any) -> None:
    """One stage of a call, in the conversation."""
    body = {"id": "CALL-1", "state": state, "side": whose, "agent": {"display_name": "Maria"}, "seconds": None} | more
    conversations.add_event(side.conversation_of(customer), calls.CALL_EVENT, body)


def test_a_customer_is_offered_a_call(as_alice: Client, alice: User) -> None:
    page = page_of(as_alice, alice)
    assert ('name="phone"' in page, handed_on(page)["urls"]["calls"]) == (True, f"{side.address(alice, 'calls')}?as=alice")


def test_an_agent_is_offered_none(as_alice: Client, alice: User, maria: User) -> None:
    page = page_of(side.log_in(maria), alice, "maria")
    assert ('name="phone"' in page, {"calls", "present"} & set(handed_on(page)["urls"])) == (False, set())


def test_a_shop_that_can_t_call_offers_none(as_alice: Client, alice: User, settings: Settings) -> None:
    settings.DEMO = False
    page = page_of(as_alice, alice)
    assert ('name="phone"' in page, "calls" in handed_on(page)["urls"]) == (False, False)


def test_the_page_shows_no_more_of_the_number_than_its_owner_needs(as_alice: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(phone="+46 70 555 01 20")
    page = page_of(as_alice, alice).replace('placeholder="+46 70 555 01 20"', "")
    # Fewer digits may stand in any id.
    assert ("•••20" in page, [part for part in ("7055501", "5550120") if part in page.replace(" ", "")]) == (True, [])


def test_a_call_is_one_card_as_it_is_now(as_alice: Client, alice: User) -> None:
    for state, whose in (("requested", "agent"), ("ringing", "agent"), ("answered", "customer")):
        tell(alice, state, whose)
    assert [card[:-6] for card in cards(page_of(as_alice, alice))] == ["Call with Maria You are talking with Maria."]


def test_an_agent_reads_whose_call_it_is(as_alice: Client, alice: User, maria: User) -> None:
    tell(alice, "requested", "agent")
    assert cards(page_of(side.log_in(maria), alice, "maria"))[0].startswith("Maria's call with Alice Martin ")


def test_the_scripts_are_handed_every_stage(as_alice: Client, alice: User) -> None:
    for state in ("requested", "ringing"):
        tell(alice, state, "agent")
    events = [event for event in handed_on(page_of(as_alice, alice))["events"] if event["type"] == calls.CALL_EVENT]
    assert [event["body"]["state"] for event in events] == ["requested", "ringing"]


@pytest.mark.parametrize(
    ("state", "whose", "customers", "agents"),
    [
        ("started", "agent", "We are ringing Maria.", "We are ringing Maria."),
        ("answered", "agent", "Maria has picked up. Now your phone rings.", "Maria has picked up. Now Alice Martin's phone rings."),
        ("ringing", "customer", "Maria has picked up. Now your phone rings.", "Maria has picked up. Now Alice Martin's phone rings."),
        ("answered", "customer", "You are talking with Maria.", "Maria and Alice Martin are talking."),
        ("busy", "agent", "The line was busy.", "The line was busy."),
        ("timeout", "customer", "Nobody picked up.", "Nobody picked up."),
        (
            "something new",
            "agent",
            "The call failed. Please try again, or write to us here.",
            "The call failed. Please try again, or write to us here.",
        ),
    ],
)
def test_each_stage_has_its_words_for_both(
    as_alice: Client, alice: User, maria: User, state: str, whose: str, customers: str, agents: str
) -> None:
    tell(alice, state, whose)
    seen_by_alice, seen_by_maria = cards(page_of(as_alice, alice)), cards(page_of(side.log_in(maria), alice, "maria"))
    assert (customers in seen_by_alice[0], agents in seen_by_maria[0]) == (True, True)


@pytest.mark.parametrize(("seconds", "length"), [(0, ""), (None, ""), (7, "7 s"), (192, "3 min 12 s")])
def test_a_call_that_is_over_shows_its_length(as_alice: Client, alice: User, seconds: int | None, length: str) -> None:
    tell(alice, "completed", "customer", seconds=seconds)
    assert re.fullmatch(rf"Call with Maria The call is over. \d\d:\d\d ?{length}", cards(page_of(as_alice, alice))[0])


def test_two_calls_are_two_cards(as_alice: Client, alice: User) -> None:
    tell(alice, "rejected", "agent")
    ask(as_alice, alice)
    work()
    assert len(cards(page_of(as_alice, alice))) == 2
