"""The one door to a conversation. A stranger's conversation does not exist, as far as the stranger can tell.

Two kinds of people pass: an agent who is logged in (and staff with the same permission), under their own name only; and the
customer, whose browser showed a valid link's key and keeps that grant in its session. One browser may hold both, so every door takes
`username`: as whom the caller speaks. The name never lets anybody in by itself.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from chat import conversations, links
from chat.models import Conversation, Member

Session = MutableMapping[str, Any]
GRANTS = "chat_grants"


class NoAccessError(Exception):
    """There is no such conversation, or it is none of the caller's business: the answer is the same 404."""


@dataclass(frozen=True)
class Party:
    """Somebody who may read and write this conversation."""

    user: User
    conversation: Conversation

    @property
    def role(self) -> str:
        """`customer` or `agent`."""
        return "customer" if self.user.pk == self.conversation.customer_id else "agent"

    def member(self) -> Member:
        """Their membership, made on first use."""
        member = conversations.join(self.conversation, self.user)
        # Both are at hand already; a socket must not go to the database for them on the event loop.
        member.conversation, member.user = self.conversation, self.user
        return member


def party(*, conversation_id: str, username: str, user: User | AnonymousUser | None, session: Session | None, key: str = "") -> Party:
    """The caller's side of the conversation; raises NoAccessError.

    `username` empty: the caller's log-in, else the customer whose grant the session holds. A valid `key` becomes such a grant.
    """
    # PostgreSQL refuses to look for a NUL, and no database takes half a character.
    if not conversation_id.isprintable():
        raise NoAccessError
    conversation = Conversation.objects.select_related("customer").filter(public_id=conversation_id).first()
    if conversation is None:
        raise NoAccessError(conversation_id)
    if _is_agent(user, username) and isinstance(user, User):
        return Party(user, conversation)
    customer = conversation.customer
    if username in {"", customer.username} and customer.is_active and _is_customer(conversation, user, session, key):
        return Party(customer, conversation)
    raise NoAccessError(conversation_id)


def _is_agent(user: User | AnonymousUser | None, username: str) -> bool:
    return isinstance(user, User) and user.is_active and username in {"", user.username} and user.is_agent


def _is_customer(conversation: Conversation, user: User | AnonymousUser | None, session: Session | None, key: str) -> bool:
    if isinstance(user, User) and user.pk == conversation.customer_id and user.is_active:
        return True
    if session is None:
        return False
    granted = session.get(GRANTS, [])
    if conversation.public_id in granted:
        return True
    if key and links.opens(key, conversation):
        session[GRANTS] = [*granted[-19:], conversation.public_id]
        return True
    return False
