"""What the chat page says where nobody is there or nobody has answered: only what is true, and what happens next."""

import html
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat import conversations, hours, links
from chat.coordinator import drain
from chat.models import Conversation, Event
from orders.models import Order
from tests.opening import enter

# A Wednesday noon: no midnight comes while a test runs, and no "within a day" depends on the hour of the run. It is far ahead, so that
# what SQLite wrote by its own clock is due.
NOW = datetime(2030, 6, 5, 12, tzinfo=UTC)
WAITING = "Nobody has answered yet. You need not wait here: we mail you the answer."
WAITING_HERE = "Nobody has answered yet. You need not wait here: the answer stays in this chat."


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


@pytest.fixture
def talk(alice: User, place: Callable[..., Order]) -> Conversation:
    """Alice was told of an order."""
    place(alice)
    drain()
    return conversations.open_for(alice)


@pytest.fixture
def closed(talk: Conversation, settings: Settings) -> str:
    """The desk opens at eight, the day after tomorrow, on Alice's clock too: that weekday's name."""
    settings.DESK_HOURS = hours.read("Fri 08:00-09:00")
    User.objects.filter(pk=talk.customer_id).update(time_zone="UTC")
    return "Friday"


def write(talk: Conversation, person: User, *, minutes_ago: float = 0) -> None:
    """A line of theirs, so long ago."""
    event = conversations.send_text(conversations.join(talk, person), "A line")
    then = timezone.now() - timedelta(minutes=minutes_ago)
    Event.objects.filter(pk=event.pk).update(created_at=then)
    Conversation.objects.filter(pk=talk.pk).exclude(waiting_since=None).update(waiting_since=then)


def page(talk: Conversation) -> str:
    """The customer's page, without any script."""
    return str(enter(Client(), talk).content.decode())


def line(talk: Conversation) -> str:
    """What it says."""
    found = re.search(r'<p id="away" role="status">(.*?)</p>', page(talk), re.DOTALL)
    assert found
    return html.unescape(found[1])


def data(talk: Conversation) -> dict[str, Any]:
    """What its script goes by."""
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', page(talk), re.DOTALL)
    assert found
    away: dict[str, Any] = json.loads(found[1])["away"]
    return away


def test_where_the_hours_are_not_known_nothing_is_said(talk: Conversation) -> None:
    assert (line(talk), data(talk)["closed"]) == ("", [])


def test_closed_says_until_when_and_what_happens_next(talk: Conversation, closed: str) -> None:
    assert line(talk) == f"Nobody is at the desk until {closed} 8:00. Write now, we answer by mail."


def test_within_a_day_the_time_alone_is_said_in_the_customers_own_zone(talk: Conversation, settings: Settings) -> None:
    settings.DESK_HOURS = hours.read("Thu 00:00-01:00")
    User.objects.filter(pk=talk.customer_id).update(time_zone="Asia/Shanghai")
    assert line(talk) == "Nobody is at the desk until 8:00. Write now, we answer by mail."


def test_the_hours_are_those_of_the_shops_zone(talk: Conversation, closed: str, settings: Settings) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    User.objects.filter(pk=talk.customer_id).update(time_zone="UTC")
    assert line(talk) == "Nobody is at the desk until Thursday 23:00. Write now, we answer by mail."


def test_where_the_customers_zone_is_not_known_the_shops_is_named(talk: Conversation, closed: str, settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    User.objects.filter(pk=talk.customer_id).update(time_zone="")
    assert line(talk) == f"Nobody is at the desk until {closed} 8:00 (Europe/Berlin). Write now, we answer by mail."
    User.objects.filter(pk=talk.customer_id).update(language="zh-hans")
    assert line(talk) == "星期五 8:00 (Europe/Berlin) 之前没有客服在线。您可以现在留言，我们会通过邮件回复。"


def test_in_chinese(talk: Conversation, closed: str) -> None:
    User.objects.filter(pk=talk.customer_id).update(language="zh-hans")
    assert line(talk) == "星期五 8:00 之前没有客服在线。您可以现在留言，我们会通过邮件回复。"


def test_open_says_nothing(talk: Conversation, settings: Settings) -> None:
    settings.DESK_HOURS = hours.read("Mon-Sun 00:00-24:00")
    assert line(talk) == ""


def test_open_until_midnight_says_nothing_yet(talk: Conversation, settings: Settings) -> None:
    settings.DESK_HOURS = hours.read("Wed 00:00-24:00")
    assert (line(talk), len(data(talk)["closed"])) == ("", 1)


@pytest.mark.parametrize(("minutes", "says"), [(4.9, ""), (5.1, WAITING)])
def test_who_has_waited_for_long_need_not(talk: Conversation, minutes: float, says: str) -> None:
    write(talk, talk.customer, minutes_ago=minutes)
    assert line(talk) == says


def test_who_waits_while_it_is_closed_reads_until_when(talk: Conversation, closed: str) -> None:
    write(talk, talk.customer, minutes_ago=20)
    assert line(talk).startswith("Nobody is at the desk until")


def test_an_answer_takes_it_away(talk: Conversation, agent: User) -> None:
    write(talk, talk.customer, minutes_ago=20)
    write(talk, agent)
    assert line(talk) == ""


def test_solved_takes_it_away(talk: Conversation, agent: User) -> None:
    write(talk, talk.customer, minutes_ago=20)
    conversations.solve(conversations.join(talk, agent))
    assert line(talk) == ""


@pytest.mark.parametrize(("minutes", "is_said"), [(4.9, False), (5.1, True)])
@pytest.mark.usefixtures("closed")
def test_whoever_wrote_a_moment_ago_is_there_at_any_hour(talk: Conversation, agent: User, minutes: float, is_said: bool) -> None:
    write(talk, agent, minutes_ago=minutes)
    write(talk, talk.customer)
    assert bool(line(talk)) is is_said


@pytest.mark.usefixtures("closed")
def test_where_we_can_not_mail_no_mail_is_promised(talk: Conversation) -> None:
    User.objects.filter(pk=talk.customer_id).update(email="")
    assert line(talk).endswith(" 8:00. Write now, the answer will be here.")
    assert data(talk)["waiting"] == WAITING_HERE


def test_the_script_knows_the_week_to_come(talk: Conversation, settings: Settings) -> None:
    settings.DESK_HOURS = hours.read("Mon-Sun 08:00-17:00")
    away = data(talk)
    nights = away["closed"]
    assert (len(nights) in {7, 8}, all(since < until for since, until in nights)) == (True, True)
    assert nights[-1][1] - nights[-1][0] == 15 * 3600 * 1000
    assert away["shut"] == "Nobody is at the desk until {time}. Write now, we answer by mail."


def test_agents_read_nothing_of_it(talk: Conversation, agent: User, closed: str) -> None:
    browser = Client()
    browser.force_login(agent)
    answer = browser.get(links.path_for(talk, 1001, username=agent.username))
    assert ('id="away"' in answer.content.decode(), '"away": null' in answer.content.decode()) == (False, True)
