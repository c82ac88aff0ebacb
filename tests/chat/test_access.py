"""The one door to a conversation: who passes, as whom, and who never does."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission

from accounts.models import User
from chat import access, conversations, links
from chat.access import NoAccessError, UnconfirmedError
from chat.entry import devices
from chat.entry.models import AccessLink
from chat.models import Conversation, Event

CUSTOMER_AND_AGENT = [("alice", "customer"), ("agent", "agent")]


@pytest.fixture
def conversation(alice: User) -> Conversation:
    """Alice's conversation."""
    return conversations.open_for(alice)


@pytest.fixture
def granted(conversation: Conversation) -> dict[str, Any]:
    """The session of a browser in which Alice opened her link."""
    return granted_to(conversation)


def granted_to(conversation: Conversation) -> dict[str, Any]:
    """The session of a browser that opened a fresh link first."""
    session: dict[str, Any] = {}
    access.grant(session, devices.enter(links.issue(conversation, 1001), "a secret of this browser"))
    return session


def enter(conversation: Conversation, **caller: Any) -> tuple[str, str]:
    """As whom the caller passes: username and role."""
    defaults: dict[str, Any] = {"conversation_id": conversation.public_id, "username": "", "user": None, "session": {}}
    party = access.party(**(defaults | caller))
    return party.user.username, party.role


# --- Who passes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("username", ["", "alice"])
def test_the_customer_passes_with_the_links_grant(conversation: Conversation, granted: dict[str, Any], username: str) -> None:
    assert enter(conversation, session=granted, username=username) == ("alice", "customer")


def test_a_browser_remembers_the_last_twenty_conversations(conversation: Conversation) -> None:
    session: dict[str, Any] = {access.GRANTS: {f"CON-{number}": number for number in range(20)}}
    access.grant(session, devices.enter(links.issue(conversation, 1001), "a secret"))
    assert list(session[access.GRANTS]) == [*(f"CON-{number}" for number in range(1, 20)), conversation.public_id]


def test_a_customer_who_is_logged_in_passes(conversation: Conversation, alice: User) -> None:
    assert enter(conversation, user=alice) == ("alice", "customer")


@pytest.mark.parametrize("username", ["", "agent"])
def test_an_agent_passes_by_login(conversation: Conversation, agent: User, username: str) -> None:
    assert enter(conversation, user=agent, username=username) == ("agent", "agent")


def test_staff_with_the_agents_permission_pass(conversation: Conversation, clerk: User) -> None:
    assert enter(conversation, user=clerk) == ("clerk", "agent")


def test_a_browser_with_both_speaks_as_the_login_by_default(conversation: Conversation, agent: User, granted: dict[str, Any]) -> None:
    assert enter(conversation, user=agent, session=granted) == ("agent", "agent")


@pytest.mark.parametrize(("username", "role"), CUSTOMER_AND_AGENT)
def test_a_browser_with_both_speaks_as_whom_it_says(
    conversation: Conversation, agent: User, granted: dict[str, Any], username: str, role: str
) -> None:
    assert enter(conversation, user=agent, session=granted, username=username) == (username, role)


def test_an_agent_in_their_own_conversation_is_its_customer(agent: User) -> None:
    assert enter(conversations.open_for(agent), user=agent) == ("agent", "customer")


# --- Who doesn't -------------------------------------------------------------------------------------------------------


def refused(conversation: Conversation, **caller: Any) -> bool:
    """Whether the caller is told that there is no such conversation."""
    with pytest.raises(NoAccessError):
        enter(conversation, **caller)
    return True


@pytest.mark.parametrize("username", ["", "alice", "agent", "bob", "\x00"])
def test_a_stranger_passes_under_no_name(conversation: Conversation, agent: User, bob: User, username: str) -> None:
    assert refused(conversation, user=AnonymousUser(), username=username)


@pytest.mark.parametrize("username", ["", "alice", "bob"])
def test_another_customer_passes_under_no_name(conversation: Conversation, bob: User, username: str) -> None:
    session = granted_to(conversations.open_for(bob))
    assert refused(conversation, user=bob, session=session, username=username)


@pytest.mark.parametrize("username", ["alice", "bob", "clerk", "Agent", "agent "])
def test_an_agent_passes_under_their_own_name_only(conversation: Conversation, agent: User, bob: User, clerk: User, username: str) -> None:
    assert refused(conversation, user=agent, username=username)


def test_the_customers_grant_doesnt_make_an_agent(conversation: Conversation, agent: User, granted: dict[str, Any]) -> None:
    assert refused(conversation, session=granted, username="agent")


def test_a_customer_with_an_agents_display_name_is_no_agent(conversation: Conversation, bob: User, agent: User) -> None:
    bob.name = agent.name
    bob.save()
    assert refused(conversation, user=bob)


def test_staff_without_the_agents_permission_stay_out(conversation: Conversation) -> None:
    intern = User.objects.create_user("intern", is_staff=True)
    intern.user_permissions.set(Permission.objects.exclude(codename="answer_chats"))
    assert refused(conversation, user=intern)


def test_an_agent_who_was_switched_off_stays_out(conversation: Conversation, agent: User) -> None:
    User.objects.filter(pk=agent.pk).update(is_active=False)
    assert refused(conversation, user=User.objects.get(pk=agent.pk))


def test_a_customer_who_was_switched_off_stays_out(conversation: Conversation, granted: dict[str, Any]) -> None:
    User.objects.filter(pk=conversation.customer_id).update(is_active=False)
    assert refused(conversation, session=granted)


@pytest.mark.parametrize("number", [None, True, "1", [1], {}, 0, -1, 2**70])
def test_a_session_with_anything_but_a_devices_number_lets_nobody_in(conversation: Conversation, number: object) -> None:
    granted_to(conversation)
    assert refused(conversation, session={access.GRANTS: {conversation.public_id: number}})


@pytest.mark.parametrize("grants", [None, [], ["CON-1"], "CON-1", 1])
def test_a_session_of_an_earlier_version_lets_nobody_in(conversation: Conversation, grants: object) -> None:
    assert refused(conversation, session={access.GRANTS: grants})


def test_a_device_of_bobs_opens_nothing_of_alices(conversation: Conversation, bob: User) -> None:
    [number] = granted_to(conversations.open_for(bob))[access.GRANTS].values()
    assert refused(conversation, session={access.GRANTS: {conversation.public_id: number}})


def test_a_device_whose_link_was_revoked_is_out(conversation: Conversation, granted: dict[str, Any]) -> None:
    links.revoke(AccessLink.objects.get())
    assert refused(conversation, session=granted)


def test_a_device_that_did_not_prove_itself_is_told_so(conversation: Conversation) -> None:
    link, session = links.issue(conversation, 1001), {}
    devices.enter(link, "the first browser")
    access.grant(session, devices.enter(link, "another browser"))
    with pytest.raises(UnconfirmedError):
        enter(conversation, session=session)


def test_without_a_session_there_is_no_customer(conversation: Conversation) -> None:
    assert refused(conversation, session=None)


@pytest.mark.parametrize("public_id", ["", "CON-0", "\x00", "\ud800", "CON-" + "0" * 10_000, "1"])
def test_a_conversation_that_isnt_there_is_refused_alike(db: None, agent: User, public_id: str) -> None:
    assert refused(Conversation(public_id=public_id), user=agent)


# --- Their membership --------------------------------------------------------------------------------------------------


def test_being_let_in_writes_nothing(conversation: Conversation, agent: User) -> None:
    enter(conversation, user=agent)
    assert Event.objects.count() == 1


def test_an_agents_membership_is_made_on_first_use(conversation: Conversation, agent: User) -> None:
    party = access.party(conversation_id=conversation.public_id, username="", user=agent, session={})
    assert party.member().pk == party.member().pk
    assert Event.objects.filter(type="member:joined").count() == 2
