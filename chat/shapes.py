"""Conversations, members and events as JSON, in Vonage's shapes; the same on pages, in the API and on the socket."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from accounts.models import User
from chat.models import Conversation, Event, Member

Shape = dict[str, Any]


def timestamp(moment: datetime) -> str:
    """UTC to the millisecond, as Vonage writes it: 2026-11-22T09:48:35.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def user(person: User) -> Shape:
    """What others may know of a person."""
    return {"id": person.public_id, "name": person.username, "display_name": person.display_name}


def event(stored: Event, conversation: Conversation) -> Shape:
    """One event; `id` is its number in the conversation. Reads `from_member.user`, so select it beforehand."""
    member = stored.from_member
    embedded = {"from_user": user(member.user), "from_member": {"id": member.public_id}} if member else {}
    return {
        "id": stored.sequence,
        "type": stored.type,
        "from": member.public_id if member else None,
        "conversation_id": conversation.public_id,
        "timestamp": timestamp(stored.created_at),
        "body": stored.body,
        "client_key": stored.client_key if member else None,
        "_embedded": embedded,
    }


def events(stored: Iterable[Event], conversation: Conversation) -> list[Shape]:
    """Several events of one conversation."""
    return [event(one, conversation) for one in stored]


def member(person: Member, conversation: Conversation) -> Shape:
    """One member, how far they have read, and when they last read something of the other side."""
    return {
        "id": person.public_id,
        "user": user(person.user),
        "role": "customer" if person.user_id == conversation.customer_id else "agent",
        "seen": person.seen_sequence,
        "seen_at": timestamp(person.seen_at) if person.seen_at else None,
        "state": person.state,
    }


def members(conversation: Conversation) -> list[Shape]:
    """Everybody in the conversation, the customer first."""
    people = conversation.members.select_related("user").order_by("pk")
    return [member(person, conversation) for person in people]
