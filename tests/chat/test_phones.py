"""Texts to the agents on duty: who gets one, when, how often, and what is in it. (What Vonage does with them: test_phones_vonage.py.)"""

import asyncio
import json
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import conversations, links
from chat.outbox import State
from chat.phones import numbers, waiting
from chat.phones.models import Notice
from ordersupport.asgi import application
from tests.accounts.threads import THREADS, at_once
from tests.chat import phone_side as side
from tests.chat.phone_side import MARIA, ROBIN, texts, work, work_later, write
from tests.chat.vonage_side import order_told
from tests.opening import link_to


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
    """The customer's browser: she opened her link, and has done nothing else."""
    return side.browser_of(alice)


def arrive(client: Client, customer: User) -> int:
    """The page says that a person is at it."""
    return client.post(side.address(customer, "present"), {}, content_type="application/json").status_code


# Who is a person.


def test_a_mail_scanner_that_opens_the_link_wakes_nobody(maria: User, as_alice: Client, alice: User) -> None:
    link = link_to(side.conversation_of(alice), 1002)
    for _visit in range(5):
        Client().get(link)
        Client().head(link)
    as_alice.get(side.address(alice, "events"))
    work()
    assert (texts(), Notice.objects.count()) == ([], 0)


def test_a_customer_who_arrives_is_told_to_the_agent_on_duty(maria: User, as_alice: Client, alice: User) -> None:
    assert arrive(as_alice, alice) == 204
    work()
    assert [number for number, _text in texts()] == ["12025550143"]


def test_a_customer_who_writes_is_told_to_the_agent_on_duty(maria: User, as_alice: Client, alice: User) -> None:
    write(as_alice, alice)
    work()
    assert len(texts()) == 1


def test_a_customer_without_scripts_who_writes_is_told_too(maria: User, as_alice: Client, alice: User) -> None:
    as_alice.post(links.path_for(side.conversation_of(alice), 1002), {"text": "Hello"})
    work()
    assert len(texts()) == 1


def test_what_the_shop_tells_the_customer_wakes_nobody(maria: User, as_alice: Client, alice: User) -> None:
    conversations.add_event(side.conversation_of(alice), "custom:order-status-event", {"id": 1002, "status": "shipped"})
    work()
    assert texts() == []


def test_an_agent_who_opens_the_chat_wakes_nobody(maria: User, as_alice: Client, alice: User) -> None:
    assert arrive(side.log_in(maria), alice) == 204
    work()
    assert texts() == []


def test_a_stranger_finds_no_such_door(maria: User, as_alice: Client, alice: User, bob: User) -> None:
    assert (arrive(side.browser_of(bob), alice), arrive(Client(), alice), Notice.objects.count()) == (404, 404, 0)


def test_another_site_can_not_say_that_a_customer_is_here(maria: User, as_alice: Client, alice: User) -> None:
    as_alice.handler.enforce_csrf_checks = True
    assert (arrive(as_alice, alice), Notice.objects.count()) == (403, 0)


def hears(client: Client, customer: User, frame: dict[str, Any]) -> list[str]:
    """The types of the frames that a socket of this browser hears, having sent `frame` and then a ping once it was live."""
    cookie = f"{django_settings.SESSION_COOKIE_NAME}={client.cookies[django_settings.SESSION_COOKIE_NAME].value}"
    path = f"/ws/conversations/{side.conversation_of(customer).public_id}/"
    headers = [(b"cookie", cookie.encode()), (b"origin", b"http://localhost"), (b"host", b"localhost")]
    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers, "subprotocols": []}

    async def talk() -> list[str]:
        socket = ApplicationCommunicator(application, scope)
        await socket.send_input({"type": "websocket.connect"})
        assert (await socket.receive_output(10))["type"] == "websocket.accept"
        heard: list[str] = []
        for awaited, said in (("live", [frame, {"type": "ping"}]), ("pong", [])):
            while heard[-1:] != [awaited]:
                heard.append(json.loads((await socket.receive_output(10))["text"])["type"])
            for one in said:
                await socket.send_input({"type": "websocket.receive", "text": json.dumps(one)})
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait(10)
        return heard

    return asyncio.run(talk())


@THREADS
def test_a_customer_who_arrives_over_the_socket_is_told_too(alice: User) -> None:
    side.on_duty("maria", MARIA)
    heard = hears(side.browser_of(alice), alice, {"type": "present"})
    work()
    assert (heard, len(texts())) == (["events", "live", "pong"], 1)


@THREADS
def test_a_socket_that_only_listens_wakes_nobody(alice: User) -> None:
    side.on_duty("maria", MARIA)
    hears(side.browser_of(alice), alice, {"type": "seen", "sequence": 1})
    work()
    assert texts() == []


# Once in each waiting episode.


def test_ten_messages_in_a_minute_are_one_text(maria: User, as_alice: Client, alice: User) -> None:
    for number in range(10):
        write(as_alice, alice, f"Hello {number}")
        work()
    assert len(texts()) == 1


def test_arriving_and_writing_are_one_text(maria: User, as_alice: Client, alice: User) -> None:
    arrive(as_alice, alice)
    write(as_alice, alice)
    arrive(as_alice, alice)
    work()
    assert len(texts()) == 1


def test_after_an_answer_the_next_wait_is_another_text(maria: User, as_alice: Client, alice: User) -> None:
    write(as_alice, alice)
    work()
    write(side.log_in(maria), alice, "Hello, how can I help?")
    write(as_alice, alice, "Where is it?")
    work_later()
    assert len(texts()) == 2


@THREADS
def test_eight_doors_at_once_are_one_text(alice: User) -> None:
    side.on_duty("maria", MARIA)
    member = conversations.join(side.conversation_of(alice), alice)
    at_once(8, lambda number: conversations.arrive(member) if number % 2 else conversations.send_text(member, "Hello"))
    work()
    assert len(texts()) == 1


def test_two_agents_on_duty_get_one_text_each(maria: User, as_alice: Client, alice: User) -> None:
    side.on_duty("robin", ROBIN)
    write(as_alice, alice)
    work()
    assert sorted(number for number, _text in texts()) == ["12025550143", "12025550144"]


def test_an_agent_who_comes_on_duty_meanwhile_is_told_by_the_next_message(maria: User, as_alice: Client, alice: User) -> None:
    write(as_alice, alice)
    work()
    side.on_duty("robin", ROBIN)
    write(as_alice, alice)
    work()
    assert [number for number, _text in texts()] == ["12025550143", "12025550144"]


@pytest.mark.parametrize(
    "change", [{"on_duty": False}, {"phone": ""}, {"phone": "ask the desk"}, {"phone": "070 555 01 20"}, {"is_active": False}], ids=str
)
def test_who_is_not_on_duty_with_a_number_gets_none(maria: User, as_alice: Client, alice: User, change: dict[str, Any]) -> None:
    User.objects.filter(pk=maria.pk).update(**change)
    write(as_alice, alice)
    work()
    assert (texts(), Notice.objects.count()) == ([], 0)


def test_who_may_not_answer_chats_gets_none(maria: User, as_alice: Client, alice: User) -> None:
    maria.groups.clear()
    write(as_alice, alice)
    work()
    assert texts() == []


# No longer needed, or not yet.


def test_no_text_leaves_once_somebody_has_answered(maria: User, as_alice: Client, alice: User, agent: User) -> None:
    write(as_alice, alice)
    write(side.log_in(agent), alice, "Hello!")
    work()
    assert (texts(), Notice.objects.get().state) == ([], State.CANCELLED)


def test_no_text_leaves_to_an_agent_who_went_off_duty(maria: User, as_alice: Client, alice: User) -> None:
    write(as_alice, alice)
    User.objects.filter(pk=maria.pk).update(on_duty=False)
    work()
    assert (texts(), Notice.objects.get().state) == ([], State.CANCELLED)


@pytest.fixture
def talking(maria: User, as_alice: Client, alice: User) -> tuple[Client, Client]:
    """Alice wrote, Maria was told and has just answered: both browsers."""
    write(as_alice, alice)
    work()
    as_maria = side.log_in(maria)
    write(as_maria, alice, "Hello, how can I help?")
    return as_alice, as_maria


def test_an_agent_who_has_just_answered_is_given_a_moment(talking: tuple[Client, Client], alice: User) -> None:
    write(talking[0], alice, "Where is it?")
    work()
    assert len(texts()) == 1


def test_a_talk_to_and_fro_is_no_further_text(talking: tuple[Client, Client], alice: User) -> None:
    for _turn in range(5):
        write(talking[0], alice, "And now?")
        write(talking[1], alice, "Wait a moment.")
    work_later()
    assert len(texts()) == 1


def test_an_agent_who_sees_the_next_line_gets_no_text_about_it(talking: tuple[Client, Client], alice: User) -> None:
    write(talking[0], alice, "Where is it?")
    talking[1].post(side.address(alice, "seen"), {"sequence": side.conversation_of(alice).sequence}, content_type="application/json")
    work_later()
    assert (len(texts()), Notice.objects.order_by("pk").last().error_code) == (1, "agent_is_there")  # type: ignore[union-attr]


def test_a_line_that_was_seen_and_not_answered_is_told_after_a_while(talking: tuple[Client, Client], alice: User) -> None:
    write(talking[0], alice, "Where is it?")
    talking[1].post(side.address(alice, "seen"), {"sequence": side.conversation_of(alice).sequence}, content_type="application/json")
    work_later()
    side.minutes_pass(waiting.AROUND.total_seconds() / 60 + 1)
    work_later()
    assert len(texts()) == 2


# What is in it.


def test_a_text_names_the_order_and_the_way_to_the_chat(maria: User, as_alice: Client, alice: User) -> None:
    write(as_alice, alice)
    work()
    path = links.path_for(side.conversation_of(alice), 1002, username="maria")
    assert texts()[0][1] == f"A customer waits in the chat about order 1002: {django_settings.PUBLIC_URL}{path}"


def test_a_text_says_nothing_of_the_customer(maria: User, as_alice: Client, alice: User) -> None:
    write(as_alice, alice, "My card number is 4242 4242")
    work()
    said = texts()[0][1]
    assert [word for word in ("Alice", "Martin", "alice", "example.com", "4242 4242") if word in said] == []


def test_a_text_names_the_order_that_the_customer_wrote_about(maria: User, as_alice: Client, alice: User) -> None:
    order_told(alice, 1001)
    member = conversations.join(side.conversation_of(alice), alice)
    conversations.send_text(member, "Hello", about=1001)
    conversations.send_text(member, "Anybody there?")
    work()
    assert "order 1001:" in texts()[0][1]


def test_a_text_without_an_order_names_none(maria: User, bob: User) -> None:
    conversations.send_text(conversations.join(side.conversation_of(bob), bob), "Hello")
    work()
    assert texts()[0][1].startswith("A customer waits in the chat: http")


def test_the_way_in_a_text_opens_the_chat_for_its_agent_alone(maria: User, as_alice: Client, alice: User) -> None:
    write(as_alice, alice)
    work()
    path = texts()[0][1].partition(django_settings.PUBLIC_URL)[2]
    assert (side.log_in(maria).get(path).status_code, Client().get(path).status_code) == (200, 404)


# Without phones.


def test_a_shop_without_phones_writes_no_rows(maria: User, as_alice: Client, alice: User, settings: Settings) -> None:
    settings.DEMO = False
    write(as_alice, alice)
    assert Notice.objects.count() == 0


def test_texts_that_wait_when_phones_are_taken_away_are_cancelled(maria: User, as_alice: Client, alice: User, settings: Settings) -> None:
    write(as_alice, alice)
    settings.DEMO = False
    work()
    assert Notice.objects.get().state == State.CANCELLED


def test_where_nobody_is_on_duty_the_database_is_asked_once(alice: User, django_assert_num_queries: Any) -> None:
    conversation = side.conversation_of(alice)
    with django_assert_num_queries(1):
        waiting.begin(conversation)


# Numbers.


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("+46705550120", "46705550120"),
        ("+46 70-555 01 20", "46705550120"),
        ("0046 70 555 01 20", "46705550120"),
        ("+44 (0)7700 900001", "447700900001"),
        ("+1 (202) 555-0143", "12025550143"),
        ("＋４６ ７０ ５５５ ０１ ２０", "46705550120"),
        ("+٩٦٢ ٧٧ ١٢٣ ٤٥٦٧", "962771234567"),
        (" +86 138\u20110013\u00a08000 ", "8613800138000"),
    ],
)
def test_a_number_is_read_however_people_write_it(written: str, digits: str) -> None:
    assert numbers.number(written) == digits


@pytest.mark.parametrize(
    "written",
    [
        "",
        "+",
        "00",
        "070 555 01 20",
        "46705550120",
        "+0705550120",
        "+123",
        "+1234567890123456",
        "+46 70 CALL ME",
        "+46;ext=1",
        "++4670555",
        "+46\x0070",
    ],
)
def test_what_is_no_number_with_a_country_code_is_none(written: str) -> None:
    assert numbers.number(written) == ""
