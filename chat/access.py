"""The one door to a conversation. A stranger's conversation does not exist, as far as the stranger can tell.

Two kinds of people pass: an agent who is logged in (and staff with the same permission), under their own name only; and the
customer, whose browser opened a mailed link and keeps its device's number in its session. One browser may hold both, so every door
takes `username`: as whom the caller speaks. The name never lets anybody in by itself.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from chat import conversations
from chat.entry import devices
from chat.entry.models import Device
from chat.models import Conversation, Member

Session = MutableMapping[str, Any]
GRANTS = "chat_devices"
MOST_GRANTS = 20


class NoAccessError(Exception):
    """There is no such conversation, or it is none of the caller's business: the answer is the same 404."""


class UnconfirmedError(NoAccessError):
    """The caller came by a link that another device had opened before, and may only read how its order stands.

    Doors that know nothing of this refuse it as they refuse a stranger.
    """

    code = "unconfirmed_device"

    def __init__(self, device: Device) -> None:
        super().__init__(device.pk)
        self.device = device


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


def party(*, conversation_id: str, username: str, user: User | AnonymousUser | None, session: Session | None) -> Party:
    """The caller's side of the conversation; raises NoAccessError, and UnconfirmedError to a device that has to prove itself.

    `username` empty: the caller's log-in, else the customer whose device the session holds.
    """
    # PostgreSQL refuses to look for a NUL, and no database takes half a character.
    if not conversation_id.isprintable():
        raise NoAccessError
    conversation = Conversation.objects.select_related("customer").filter(public_id=conversation_id).first()
    if conversation is None:
        raise NoAccessError(conversation_id)
    customer = conversation.customer
    # Asking for a permission costs two queries, and a customer has none.
    if user != customer and isinstance(user, User) and _is_agent(user, username):
        return Party(user, conversation)
    if username in {"", customer.username} and customer.is_active and _is_customer(conversation, user, session):
        return Party(customer, conversation)
    raise NoAccessError(conversation_id)


def grant(session: Session, device: Device) -> None:
    """Let the session in as this device."""
    granted = _granted(session)
    public_id = device.conversation.public_id
    others = [pair for pair in granted.items() if pair[0] != public_id]
    session[GRANTS] = dict([*others[1 - MOST_GRANTS :], (public_id, device.pk)])


def _is_agent(user: User | AnonymousUser | None, username: str) -> bool:
    return isinstance(user, User) and user.is_active and username in {"", user.username} and user.is_agent


def _is_customer(conversation: Conversation, user: User | AnonymousUser | None, session: Session | None) -> bool:
    if isinstance(user, User) and user.pk == conversation.customer_id and user.is_active:
        return True
    number = _granted(session).get(conversation.public_id) if session is not None else None
    device = devices.admitted(conversation, number)
    if device and not device.confirmed_at:
        raise UnconfirmedError(device)
    return device is not None


def _granted(session: Session) -> dict[str, object]:
    """Conversation's id -> device's number, the latest last."""
    granted = session.get(GRANTS)
    return granted if isinstance(granted, dict) else {}
