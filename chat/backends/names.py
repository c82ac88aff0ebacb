"""How people and events are called at a provider: made by us alone, the same at every try, and nothing that a stranger could guess.

(A conversation's name is `Conversation.name`.)
"""

from accounts.models import User
from chat.models import Conversation, Event

PREFIX = "order-support-"


def of_user(user: User) -> str:
    """The name that a person has, which is who a token speaks for. Not the username: that one others may choose."""
    return f"{PREFIX}{user.public_id}"


def public_id(name: str) -> str:
    """Whose name this is, the other way round; "" for a name that we never gave."""
    return name.removeprefix(PREFIX) if name.startswith(PREFIX) else ""


def of_event(event: Event, conversation: Conversation) -> str:
    """The name that an event carries in its copy: `CON-…/7`, our conversation and our number."""
    return f"{conversation.public_id}/{event.sequence}"
