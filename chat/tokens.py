"""The token with which one person's browser speaks to Vonage for itself (Client SDK).

`sub` is a user's name at Vonage and is the identity: only the server picks it, for whom `chat/access.py` let in. The acl lets
them read and write in this one conversation and delete nothing (https://developer.vonage.com/en/conversation/guides/jwt-acl).
"""

from dataclasses import dataclass
from typing import Any

from chat import backends
from chat.backends import names, vonage_tokens
from chat.backends.vonage_tokens import KeyFileError
from chat.models import Member

DEFAULT_SECONDS = 60 * 60
READ, WRITE = {"methods": ["GET"]}, {"methods": ["GET", "POST"]}


class NoTokenError(Exception):
    """There is none to be had: `code` not_configured (ever, here) or not_mirrored_yet (in a moment)."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class ClientToken:
    """A token, until when it is good (seconds since 1970), and the ids at Vonage of what it opens."""

    token: str
    expires_at: int
    user_name: str
    conversation_id: str


def mint_for(member: Member, *, seconds: int = DEFAULT_SECONDS) -> ClientToken:
    """A token for this member, good for `seconds`, a day at most. Raises NoTokenError."""
    if not backends.mirror().wants("message"):
        raise NoTokenError("Vonage is not configured here; the chat goes over our own socket.", code="not_configured")
    user, conversation = member.user, member.conversation
    if not (user.provider_id and conversation.provider_id and member.provider_id):
        raise NoTokenError("The conversation is not at Vonage yet. Ask again in a moment.", code="not_mirrored_yet")
    name = names.of_user(user)
    claims = {"sub": name, "acl": {"paths": acl(conversation.provider_id, user.provider_id)}}
    try:
        token, expires_at = vonage_tokens.mint(claims, seconds=seconds)
    except KeyFileError as error:
        raise NoTokenError(f"Vonage's private key can't be used. {error}", code="not_configured") from None
    return ClientToken(token, expires_at, name, conversation.provider_id)


def acl(conversation_id: str, user_id: str) -> dict[str, Any]:
    """What the Client SDK asks for and nothing more; `*` stands for the API's version.

    Each path is whole, so that even a service that ignores `methods` lets nobody reach another conversation or user.
    """
    own = f"/*/conversations/{conversation_id}"
    return {
        "/*/sessions/**": {},
        "/*/rtc/**": {},
        f"/*/users/{user_id}": READ,
        f"/*/users/{user_id}/conversations": READ,
        own: READ,
        f"{own}/members": READ,
        f"{own}/members/*": READ,
        f"{own}/events": WRITE,
    }
