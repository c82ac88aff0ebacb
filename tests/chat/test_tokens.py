"""The token with which a browser speaks to Vonage for itself: for whom, for how long, and what it opens."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import jwt
import pytest
import requests
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import conversations, links, tokens
from chat.mirrored import MirrorRefusal
from chat.models import Conversation, Member
from tests.chat.vonage_side import member_of, order_told, vonage_side, work
from tests.opening import enter
from tests.twins import VonageTwin
from tests.twins.vonage import _default_key as twins_key
from tests.twins.vonage import public_pem

Json = dict[str, Any]


@pytest.fixture
def vonage(settings: Settings) -> Iterator[VonageTwin]:
    with vonage_side(settings) as twin:
        yield twin


@pytest.fixture
def conversation(vonage: VonageTwin, alice: User, agent: User) -> Conversation:
    """Alice's, with the agent in it, known at Vonage."""
    conversation = conversations.open_for(alice)
    conversations.join(conversation, agent)
    work()
    conversation.refresh_from_db()
    return conversation


@pytest.fixture
def as_alice(client: Client, conversation: Conversation) -> Client:
    """A browser in which Alice opened the link of her mail."""
    event = order_told(conversation.customer)
    enter(client, conversation, event.body["id"])
    return client


@pytest.fixture
def as_agent(conversation: Conversation, agent: User) -> Client:
    client = Client()
    client.force_login(agent)
    return client


def address(conversation: Conversation) -> str:
    return f"/api/conversations/{conversation.public_id}/token/"


def claims_of(token: str) -> Json:
    found: Json = jwt.decode(token, public_pem(twins_key()), algorithms=["RS256"])
    return found


def test_a_customer_gets_a_token_as_themself(as_alice: Client, conversation: Conversation, alice: User) -> None:
    answer = as_alice.get(address(conversation)).json()
    assert claims_of(answer["token"])["sub"] == answer["user_name"] == f"order-support-{alice.public_id}"


def test_an_agent_gets_a_token_as_themself(as_agent: Client, conversation: Conversation, agent: User) -> None:
    answer = as_agent.get(address(conversation)).json()
    assert claims_of(answer["token"])["sub"] == f"order-support-{agent.public_id}"


def test_an_agents_browser_with_a_customers_link_asks_for_either(as_alice: Client, conversation: Conversation, agent: User) -> None:
    as_alice.force_login(agent)
    names = [as_alice.get(address(conversation), {"as": name}).json()["user_name"] for name in ("alice", "agent")]
    assert names == [f"order-support-{conversation.customer.public_id}", f"order-support-{agent.public_id}"]


def test_the_answer_names_the_conversation_at_vonage(as_alice: Client, conversation: Conversation) -> None:
    assert as_alice.get(address(conversation)).json()["conversation_id"] == conversation.provider_id


def test_a_token_lives_an_hour(as_alice: Client, conversation: Conversation) -> None:
    answer = as_alice.get(address(conversation)).json()
    claims = claims_of(answer["token"])
    assert (claims["exp"] - claims["iat"], datetime.fromisoformat(answer["expires_at"]).timestamp()) == (
        3600,
        pytest.approx(time.time() + 3600, abs=5),
    )


def test_no_token_lives_longer_than_a_day(conversation: Conversation, alice: User) -> None:
    made = tokens.mint_for(Member.objects.get(user=alice), seconds=10**9)
    claims = claims_of(made.token)
    assert claims["exp"] - claims["iat"] == 24 * 60 * 60


def test_a_token_is_kept_by_no_cache(as_alice: Client, conversation: Conversation) -> None:
    assert as_alice.get(address(conversation)).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("who", ["nobody", "bob", "with bob's link", "a clerk of another trade"])
def test_a_stranger_gets_a_404(who: str, conversation: Conversation, bob: User, client: Client) -> None:
    if who == "with bob's link":
        theirs = conversations.open_for(bob)
        enter(client, theirs, 7)
    elif who != "nobody":
        client.force_login(bob if who == "bob" else User.objects.create_user("clerk", is_staff=True))
    assert client.get(address(conversation)).status_code == 404


def test_without_credentials_it_says_so(as_alice: Client, conversation: Conversation, settings: Settings) -> None:
    settings.VONAGE_APPLICATION_ID = ""
    answer = as_alice.get(address(conversation))
    assert (answer.status_code, answer.json()["code"]) == (409, "vonage_not_configured")


def test_before_the_copy_is_there_it_says_when_to_ask_again(as_agent: Client, vonage: VonageTwin, bob: User) -> None:
    answer = as_agent.get(address(conversations.open_for(bob)))
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "not_mirrored_yet", "2")


@pytest.mark.parametrize(("kind", "status"), [("message", 409), ("everything", 409), ("custom", 200)])
def test_where_vonage_takes_no_messages_there_is_no_token(as_alice: Client, conversation: Conversation, kind: str, status: int) -> None:
    MirrorRefusal.objects.create(conversation=conversation, kind=kind, code="gone", reason="It ended.")
    assert as_alice.get(address(conversation)).status_code == status


def test_a_conversation_that_vonage_refused_to_make_is_not_waited_for(as_agent: Client, vonage: VonageTwin, bob: User) -> None:
    conversation = conversations.open_for(bob)
    MirrorRefusal.objects.create(conversation=conversation, kind="everything", code="gone", reason="It ended.")
    assert as_agent.get(address(conversation)).json()["code"] == "refused_by_vonage"


def test_without_credentials_an_old_refusal_is_not_the_reason(as_alice: Client, conversation: Conversation, settings: Settings) -> None:
    MirrorRefusal.objects.create(conversation=conversation, kind="message", code="gone", reason="It ended.")
    settings.VONAGE_APPLICATION_ID = ""
    assert as_alice.get(address(conversation)).json()["code"] == "vonage_not_configured"


def test_a_key_that_can_t_be_used_is_no_crash(as_alice: Client, conversation: Conversation, settings: Settings) -> None:
    settings.VONAGE_PRIVATE_KEY = "/nowhere/private.key"
    assert as_alice.get(address(conversation)).status_code == 409


def test_the_token_is_in_no_log(as_alice: Client, conversation: Conversation, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    token = as_alice.get(address(conversation)).json()["token"]
    assert token not in caplog.text


def test_the_token_is_not_in_the_chat_page(as_alice: Client, conversation: Conversation) -> None:
    page = as_alice.get(links.path_for(conversation, 1002)).content.decode()
    # Its beginning alone may stand in any random word.
    assert re.search(r"eyJ[\w-]+\.eyJ", page) is None


Ask = Callable[..., int]


@pytest.fixture
def ask(vonage: VonageTwin, conversation: Conversation, alice: User) -> Ask:
    """Vonage's answer to what the browser of Alice asks with her token."""
    token = tokens.mint_for(member_of(alice, conversation)).token

    def send(method: str, path: str, body: Json | None = None) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(method, f"{vonage.origin}/v1{path}", json=body, headers=headers, timeout=5).status_code

    return send


def test_the_token_reads_its_own_conversation(ask: Ask, conversation: Conversation, alice: User) -> None:
    own = f"/conversations/{conversation.provider_id}"
    alice.refresh_from_db()
    paths = [own, f"{own}/events", f"{own}/members", f"{own}/members/me", f"/users/{alice.provider_id}/conversations"]
    assert [ask("GET", path) for path in paths] == [200] * 5


def test_the_token_writes_into_its_own_conversation(ask: Ask, conversation: Conversation, alice: User) -> None:
    member = Member.objects.get(user=alice)
    event = {"type": "message", "from": member.provider_id, "body": {"message_type": "text", "text": "Hello"}}
    assert ask("POST", f"/conversations/{conversation.provider_id}/events", event) == 201


def test_the_token_deletes_nothing(ask: Ask, conversation: Conversation, alice: User, vonage: VonageTwin) -> None:
    own = f"/conversations/{conversation.provider_id}"
    alice.refresh_from_db()
    event = {"type": "message", "from": Member.objects.get(user=alice).provider_id, "body": {"message_type": "text", "text": "Hello"}}
    ask("POST", f"{own}/events", event)
    message = vonage.events(kind="message")[0]["id"]
    assert [ask("DELETE", path) for path in (own, f"{own}/events/{message}", f"/users/{alice.provider_id}")] == [403] * 3


def test_the_token_opens_nobody_elses_conversation(ask: Ask, bob: User, vonage: VonageTwin) -> None:
    order_told(bob)
    work()
    other = Conversation.objects.get(customer=bob)
    bob.refresh_from_db()
    paths = [
        f"/conversations/{other.provider_id}",
        f"/conversations/{other.provider_id}/events",
        "/conversations",
        f"/users/{bob.provider_id}",
    ]
    assert [ask("GET", path) for path in paths] == [403] * 4


def test_the_token_makes_neither_users_nor_conversations_nor_members(ask: Ask, conversation: Conversation) -> None:
    paths = ["/users", "/conversations", f"/conversations/{conversation.provider_id}/members"]
    assert [ask("POST", path, {}) for path in paths] == [403] * 3
