"""/api/conversations/ as each kind of caller uses and misuses it."""

import base64
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import ApiKey, User
from chat import conversations, links, shapes
from chat.models import Conversation, Member
from tests.accounts.threads import THREADS, at_once
from tests.opening import enter

LIST = "/api/conversations/"
Answer = Any


@pytest.fixture
def conversation(alice: User) -> Conversation:
    """Alice's conversation; she joined it with event 1."""
    return conversations.open_for(alice)


@pytest.fixture
def alices(conversation: Conversation) -> Client:
    """The browser in which Alice opened her link; it has to show its CSRF token when it writes."""
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    token = enter(browser, conversation).context["page"]["csrf"]
    browser.defaults["HTTP_X_CSRFTOKEN"] = token
    return browser


@pytest.fixture
def agents(agent: User) -> Client:
    """An agent's browser."""
    browser = Client(raise_request_exception=False)
    browser.force_login(agent)
    return browser


def with_key(user: User) -> Client:
    """A program with a key of that user."""
    _row, key = ApiKey.objects.create_key(user=user, name="test")
    return Client(headers={"Authorization": f"Token {key}"}, raise_request_exception=False)


def events(conversation: Conversation, query: str = "") -> str:
    """The address of the events."""
    return f"{LIST}{conversation.public_id}/events/{query}"


def seen(conversation: Conversation, query: str = "") -> str:
    """The address of the mark."""
    return f"{LIST}{conversation.public_id}/seen/{query}"


def message(text: Any = "Hello", *, about: Any = None, **more: Any) -> dict[str, Any]:
    """A message as a program sends it."""
    body = {"message_type": "text", "text": text}
    return {"type": "message", "body": body | ({} if about is None else {"about": about}), **more}


def post(browser: Client, url: str, content: object) -> Answer:
    """Write."""
    return browser.post(url, content, content_type="application/json")


def problem(answer: Answer) -> tuple[int, str | None, str]:
    """Status, field and code of a refusal with one error."""
    assert answer["Content-Type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    return answer.status_code, error["field"], error["code"]


def stored(conversation: Conversation) -> list[dict[str, Any]]:
    """Every event, as JSON."""
    return shapes.events(conversations.history(conversation, limit=1000), conversation)


# --- Reading -----------------------------------------------------------------------------------------------------------


def test_events_are_answered_as_they_were_stored(conversation: Conversation, alices: Client) -> None:
    assert alices.get(events(conversation)).json() == {
        "events": stored(conversation),
        "sequence": 1,
        "has_more": False,
        "members": shapes.members(conversation),
    }


@pytest.fixture
def ten(conversation: Conversation, alice: User) -> Conversation:
    """A conversation of ten events."""
    member = conversations.join(conversation, alice)
    [conversations.send_text(member, str(number)) for number in range(9)]
    return conversation


@pytest.mark.parametrize(
    ("query", "numbers", "has_more"),
    [
        ("?limit=3", [8, 9, 10], True),
        ("?limit=10", list(range(1, 11)), False),
        ("?after=0&limit=3", [1, 2, 3], True),
        ("?after=7&limit=3", [8, 9, 10], False),
        ("?after=10", [], False),
        ("?before=4&limit=2", [2, 3], True),
        ("?before=3&limit=2", [1, 2], False),
        ("?before=1", [], False),
        ("?before=9007199254740992&limit=2", [9, 10], True),
    ],
)
def test_events_come_in_pages_in_order(ten: Conversation, alices: Client, query: str, numbers: list[int], has_more: bool) -> None:
    answer = alices.get(events(ten, query)).json()
    assert ([event["id"] for event in answer["events"]], answer["has_more"], answer["sequence"]) == (numbers, has_more, 10)


@pytest.mark.parametrize("name", ["after", "before", "limit"])
@pytest.mark.parametrize("value", ["junk", "-1", "1.5", "%00", "9" * 30, "9" * 5000, "NaN", "[]"])
def test_a_page_that_cant_be_asked_for_is_a_400(conversation: Conversation, alices: Client, name: str, value: str) -> None:
    assert problem(alices.get(events(conversation, f"?{name}={value}")))[:2] == (400, name)


def test_a_page_after_one_number_and_before_another_is_refused_by_name(ten: Conversation, alices: Client) -> None:
    assert problem(alices.get(events(ten, "?after=2&before=9"))) == (400, "before", "after_and_before")


@pytest.mark.parametrize("after", [11, 2**53])
def test_what_comes_after_a_number_of_the_future_is_refused_by_name(ten: Conversation, alices: Client, after: int) -> None:
    assert problem(alices.get(events(ten, f"?after={after}"))) == (400, "after", "future_sequence")


@pytest.mark.parametrize("limit", ["0", "201"])
def test_a_page_has_between_one_and_two_hundred_events(conversation: Conversation, alices: Client, limit: str) -> None:
    assert problem(alices.get(events(conversation, f"?limit={limit}")))[:2] == (400, "limit")


def test_reading_writes_nothing(conversation: Conversation, agents: Client) -> None:
    agents.get(events(conversation))
    assert len(stored(conversation)) == 1


def test_an_address_without_its_last_slash_is_the_same(ten: Conversation, alices: Client) -> None:
    answer = post(alices, events(ten).removesuffix("/"), message("Not lost"))
    assert (answer.status_code, stored(ten)[-1]["body"]["text"]) == (201, "Not lost")
    assert alices.get(events(ten).removesuffix("/") + "?after=10").json()["events"] == [answer.json()]


@pytest.mark.parametrize("position", ["9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+14:00", "2026-11-29T00:00:00", "x"])
def test_a_place_in_the_list_that_no_clock_shows_is_a_404(conversation: Conversation, agents: Client, position: str) -> None:
    cursor = base64.b64encode(urlencode({"p": position}).encode()).decode()
    assert agents.get(LIST, {"cursor": cursor}).status_code == 404


# --- Writing -----------------------------------------------------------------------------------------------------------


def test_a_message_is_answered_as_it_was_stored(conversation: Conversation, alices: Client) -> None:
    answer = post(alices, events(conversation), message("Hello", about=1001, client_key="k-1"))
    assert (answer.status_code, answer.json()) == (201, stored(conversation)[1])
    assert answer.json()["body"] == {"message_type": "text", "text": "Hello", "about": 1001}


def test_the_same_key_again_answers_the_stored_message(conversation: Conversation, alices: Client) -> None:
    first = post(alices, events(conversation), message(client_key="k-1"))
    again = post(alices, events(conversation), message(client_key="k-1"))
    assert (again.status_code, again.json()) == (200, first.json())


def test_a_key_used_for_another_text_is_refused(conversation: Conversation, alices: Client) -> None:
    post(alices, events(conversation), message("Hello", client_key="k-1"))
    assert problem(post(alices, events(conversation), message("Bye", client_key="k-1"))) == (400, "client_key", "key_reused")


@THREADS
def test_one_key_posted_eight_times_at_once_is_one_message(conversation: Conversation, agents: Client) -> None:
    url = events(conversation)
    answers = at_once(8, lambda number: post(agents, url, message(client_key="k-1")))
    assert {answer.json()["id"] for answer in answers} == {3}


def test_without_a_key_each_message_is_one(conversation: Conversation, alices: Client) -> None:
    [post(alices, events(conversation), message()) for _time in range(2)]
    assert len(stored(conversation)) == 3


@pytest.mark.parametrize("type_", [{}, {"type": "message"}])
def test_the_type_and_kind_may_be_left_out(conversation: Conversation, alices: Client, type_: dict[str, str]) -> None:
    assert post(alices, events(conversation), {"body": {"text": "Hello"}, **type_}).status_code == 201


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (message(""), ("body.text", "empty")),
        (message("  \n "), ("body.text", "empty")),
        (message("\u200b\u2060"), ("body.text", "empty")),
        (message("x" * 8001), ("body.text", "too_long")),
        (message("x" * 65_536), ("body.text", "too_long")),
        (message("a\x00b"), ("body.text", "bad_text")),
        (message("\ud800"), ("body.text", "bad_text")),
        (message(None), ("body.text", "bad_type")),
        (message(5), ("body.text", "bad_type")),
        (message(True), ("body.text", "bad_type")),
        (message(["Hello"]), ("body.text", "bad_type")),
        (message(about=0), ("body.about", "bad_about")),
        (message(about=-1), ("body.about", "bad_about")),
        (message(about="junk"), ("body.about", "bad_about")),
        (message(about="1001"), ("body.about", "bad_about")),
        (message(about=True), ("body.about", "bad_about")),
        (message(about=1.5), ("body.about", "bad_about")),
        (message(about=2**60), ("body.about", "bad_about")),
        (message(about=[1]), ("body.about", "bad_about")),
        (message(client_key=""), ("client_key", "bad_key")),
        (message(client_key="x" * 65), ("client_key", "bad_key")),
        (message(client_key="a\x00b"), ("client_key", "bad_key")),
        (message(client_key="\ud800"), ("client_key", "bad_key")),
        (message(client_key=5), ("client_key", "bad_key")),
        (message(client_key=["k-1"]), ("client_key", "bad_key")),
        ({"type": "message"}, ("body", "bad_type")),
        ({"body": {}}, ("body.text", "required")),
        ({"body": "Hello"}, ("body", "bad_type")),
        ({"body": []}, ("body", "bad_type")),
        (message() | {"type": "custom:order-confirm-event"}, ("type", "bad_type")),
        (message() | {"type": "member:left"}, ("type", "bad_type")),
        (message() | {"type": None}, ("type", "bad_type")),
        ({"body": {"message_type": "image", "text": "x"}}, ("body.message_type", "bad_type")),
        ([], (None, "bad_type")),
    ],
)
def test_a_message_that_cant_be_taken_is_refused_by_field_and_code(
    conversation: Conversation, alices: Client, content: object, expected: tuple[str | None, str]
) -> None:
    assert problem(post(alices, events(conversation), content)) == (400, *expected)
    assert len(stored(conversation)) == 1


@pytest.mark.parametrize("body", ["", "{", "[" * 50_000, '{"body": NaN}'])
def test_a_body_that_is_no_json_is_a_400(conversation: Conversation, alices: Client, body: str) -> None:
    answer = alices.post(events(conversation), body, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_huge_body_is_a_413(conversation: Conversation, alices: Client) -> None:
    assert problem(post(alices, events(conversation), message("x" * 2_000_000))) == (413, None, "too_large")


def test_a_form_is_no_message(conversation: Conversation, alices: Client) -> None:
    assert problem(alices.post(events(conversation), {"text": "Hello"})) == (415, None, "unsupported_media_type")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_nothing_that_was_said_can_be_changed(conversation: Conversation, agents: Client, method: str) -> None:
    assert problem(agents.generic(method, events(conversation))) == (405, None, "method_not_allowed")


# --- Seen --------------------------------------------------------------------------------------------------------------


def mark(conversation: Conversation) -> int:
    """How far Alice has read."""
    return Member.objects.get(conversation=conversation, user__username="alice").seen_sequence


def test_a_mark_moves_forward(ten: Conversation, alices: Client) -> None:
    Member.objects.update(seen_sequence=0)
    assert post(alices, seen(ten), {"sequence": 4}).status_code == 204
    assert mark(ten) == 4


def test_a_mark_of_the_future_is_refused_by_name(ten: Conversation, alices: Client) -> None:
    Member.objects.update(seen_sequence=0)
    assert (problem(post(alices, seen(ten), {"sequence": 2**53})), mark(ten)) == ((400, "sequence", "future_sequence"), 0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, ("sequence", "required")),
        ({"sequence": None}, ("sequence", "null")),
        ({"sequence": "x"}, ("sequence", "invalid")),
        ({"sequence": 1.5}, ("sequence", "invalid")),
        ({"sequence": []}, ("sequence", "invalid")),
        ({"sequence": "9" * 5000}, ("sequence", "max_string_length")),
        ({"sequence": -1}, ("sequence", "min_value")),
        ({"sequence": 2**64}, ("sequence", "max_value")),
        ([], (None, "invalid")),
    ],
)
def test_a_mark_that_is_no_number_is_refused_by_field_and_code(
    ten: Conversation, alices: Client, content: object, expected: tuple[str | None, str]
) -> None:
    assert problem(post(alices, seen(ten), content)) == (400, *expected)


# --- Who may -----------------------------------------------------------------------------------------------------------

GONE = (404, None, "not_found")


def test_an_agent_reads_and_writes(conversation: Conversation, agents: Client, agent: User) -> None:
    assert post(agents, events(conversation), message()).json()["_embedded"]["from_user"]["name"] == "agent"


def test_a_key_of_an_agent_writes_under_its_own_name(conversation: Conversation, agent: User) -> None:
    assert post(with_key(agent), events(conversation), message()).json()["_embedded"]["from_user"]["name"] == "agent"


@pytest.mark.parametrize("username", ["alice", "agent"])
def test_a_browser_with_both_speaks_as_whom_it_says(conversation: Conversation, alices: Client, agent: User, username: str) -> None:
    session = alices.session
    grants = dict(session)
    alices.force_login(agent)
    session = alices.session
    session.update(grants | dict(session))
    session.save()
    token = alices.get(links.path_for(conversation, 0, username="agent")).context["page"]["csrf"]
    alices.defaults["HTTP_X_CSRFTOKEN"] = token
    answer = post(alices, events(conversation, f"?as={username}"), message())
    assert answer.json()["_embedded"]["from_user"]["name"] == username


ADDRESSES = [events, seen]


@pytest.fixture(params=["stranger", "other customer", "other link", "staff", "key without the permission"])
def nobody(request: pytest.FixtureRequest, bob: User, conversation: Conversation) -> Client:
    """Somebody whom Alice's conversation is none of the business of."""
    browser = Client(raise_request_exception=False)
    if request.param == "other customer":
        browser.force_login(bob)
    if request.param == "other link":
        enter(browser, conversations.open_for(bob))
    if request.param == "staff":
        intern = User.objects.create_user("intern", is_staff=True)
        intern.user_permissions.set(Permission.objects.exclude(codename="answer_chats"))
        browser.force_login(intern)
    if request.param == "key without the permission":
        browser = with_key(bob)
    return browser


def test_what_is_none_of_their_business_isnt_there_to_read(nobody: Client, conversation: Conversation) -> None:
    assert problem(nobody.get(events(conversation))) == GONE


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_none_of_their_business_isnt_there_to_write(nobody: Client, conversation: Conversation, address: Any) -> None:
    assert problem(post(nobody, address(conversation), {})) == GONE
    assert len(stored(conversation)) == 1


@pytest.mark.parametrize("username", ["alice", "clerk", "%00"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_agent_writes_under_no_other_name(agents: Client, conversation: Conversation, clerk: User, username: str, address: Any) -> None:
    assert problem(post(agents, address(conversation, f"?as={username}"), message())) == GONE


def test_a_key_and_a_customers_session_dont_add_up(conversation: Conversation, alices: Client, bob: User) -> None:
    alices.defaults["HTTP_AUTHORIZATION"] = with_key(bob).defaults["HTTP_AUTHORIZATION"]
    assert problem(alices.get(events(conversation))) == GONE


@pytest.mark.parametrize("public_id", ["CON-0", "%00", "%ED%A0%80", "x" * 5000, "..", str(uuid.uuid4())])
def test_a_conversation_that_isnt_there_is_a_404(agents: Client, public_id: str) -> None:
    assert agents.get(f"{LIST}{public_id}/events/").status_code == 404


def test_a_links_session_writes_only_with_its_csrf_token(conversation: Conversation, alices: Client) -> None:
    del alices.defaults["HTTP_X_CSRFTOKEN"]
    assert problem(post(alices, events(conversation), message())) == (403, None, "permission_denied")
    assert len(stored(conversation)) == 1


def test_an_agents_login_writes_only_with_its_csrf_token(conversation: Conversation, agent: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(agent)
    assert problem(post(browser, events(conversation), message())) == (403, None, "permission_denied")


def test_a_page_of_another_site_cant_write_with_a_customers_cookie(conversation: Conversation, alices: Client) -> None:
    alices.defaults["HTTP_ORIGIN"] = "https://evil.example"
    assert problem(post(alices, events(conversation), message())) == (403, None, "permission_denied")


# --- The inbox's list --------------------------------------------------------------------------------------------------


@pytest.fixture
def three(alice: User, bob: User, clerk: User) -> list[str]:
    """Three conversations, the newest event's first."""
    opened = [conversations.open_for(person).public_id for person in (alice, bob, clerk)]
    return opened[::-1]


def test_the_list_shows_who_wrote_last_first(three: list[str], agents: Client) -> None:
    assert [row["id"] for row in agents.get(LIST).json()["results"]] == three


def test_the_list_goes_on_by_cursor(three: list[str], agents: Client) -> None:
    first = agents.get(f"{LIST}?limit=2").json()
    second = agents.get(first["next"]).json()
    assert [row["id"] for row in first["results"] + second["results"]] == three


def test_a_row_tells_of_the_waiting_customer(conversation: Conversation, alice: User, agents: Client) -> None:
    event = conversations.send_text(conversations.join(conversation, alice), "Hello")
    row = agents.get(LIST).json()["results"][0]
    assert row == {
        "id": conversation.public_id,
        "customer": shapes.user(alice),
        "sequence": 2,
        "last_text": "Hello",
        "last_event_at": shapes.timestamp(event.created_at),
        "waiting_since": shapes.timestamp(event.created_at),
        "unread": row["unread"],
        "order": None,
        "new_device": False,
        "solved": False,
        "url": f"/chat/agent/{conversation.public_id}/0",
    }


def cursor(position: str) -> str:
    """A cursor that somebody made up."""
    return base64.b64encode(f"p={position}".encode()).decode()


POSITIONS = ["junk", "0", "\x00", "9" * 400, "2026-13-40"]


@pytest.mark.parametrize("made_up", ["junk", "x" * 5000, *map(cursor, POSITIONS)])
def test_a_cursor_that_we_never_gave_is_a_404(three: list[str], agents: Client, made_up: str) -> None:
    assert problem(agents.get(f"{LIST}?cursor={made_up}")) == (404, None, "not_found")


@pytest.mark.parametrize("limit", ["junk", "0", "-1", "9" * 5000, ""])
def test_a_junk_limit_is_the_usual_one(three: list[str], agents: Client, limit: str) -> None:
    assert len(agents.get(f"{LIST}?limit={limit}").json()["results"]) == 3


def test_a_stranger_gets_no_list(db: None) -> None:
    assert problem(Client().get(LIST)) == (401, None, "not_authenticated")


def test_a_customers_link_gets_no_list(alices: Client) -> None:
    assert problem(alices.get(LIST)) == (401, None, "not_authenticated")


def test_staff_without_the_agents_permission_get_no_list(db: None) -> None:
    browser = Client()
    browser.force_login(User.objects.create_user("intern", is_staff=True))
    assert problem(browser.get(LIST)) == (403, None, "permission_denied")
