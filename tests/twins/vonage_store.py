"""What one Vonage application holds: users, conversations, members, events."""

import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

JsonObject = dict[str, Any]


def now() -> str:
    """The current time as Vonage writes it: UTC, milliseconds, Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class User:
    serial: int
    id: str
    name: str
    fields: JsonObject  # display_name, image_url, properties, channels
    created: str = field(default_factory=now)


@dataclass
class Member:
    serial: int
    id: str
    user: User
    state: str  # INVITED, JOINED or LEFT
    fields: JsonObject  # channel, media, knocking_id, invited_by
    timestamp: dict[str, str]
    initiator: JsonObject


@dataclass
class Event:
    id: int  # progressive within the conversation
    type: str
    sender: Member | None
    body: JsonObject
    timestamp: str = field(default_factory=now)
    is_deleted: bool = False

    @property
    def serial(self) -> int:
        return self.id


@dataclass
class Conversation:
    serial: int
    id: str
    name: str
    fields: JsonObject  # display_name, image_url, properties, numbers, callback
    created: str = field(default_factory=now)
    updated: str = ""
    sequence: int = 0
    members: dict[str, Member] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def joined(self, user: User, channel_type: str = "app") -> Member | None:
        return self._member_in("JOINED", user, channel_type)

    def invited(self, user: User, channel_type: str = "app") -> Member | None:
        return self._member_in("INVITED", user, channel_type)

    def _member_in(self, state: str, user: User, channel_type: str) -> Member | None:
        for member in self.members.values():
            if member.state == state and member.user is user and member.fields["channel"]["type"] == channel_type:
                return member
        return None


class Store:
    """One application's data. `on_event` hears of every new event; `event` None = the conversation itself was created."""

    def __init__(self, on_event: Callable[["Store", Conversation, Event | None], None], application_id: str) -> None:
        self.application_id = application_id
        self.users: dict[str, User] = {}
        self.conversations: dict[str, Conversation] = {}
        self._users_by_name: dict[str, User] = {}
        self._conversations_by_name: dict[str, Conversation] = {}
        self._serials = itertools.count(1)
        self._on_event = on_event

    def user(self, id_or_name: str) -> User | None:
        return self.users.get(id_or_name) or self._users_by_name.get(id_or_name)

    def user_named(self, name: str) -> User | None:
        return self._users_by_name.get(name)

    def conversation_named(self, name: str) -> Conversation | None:
        return self._conversations_by_name.get(name)

    def add_user(self, name: str | None, fields: JsonObject) -> User:
        user = User(next(self._serials), f"USR-{uuid.uuid4()}", name or f"NAM-{uuid.uuid4()}", fields)
        self.users[user.id] = self._users_by_name[user.name] = user
        return user

    def rename_user(self, user: User, name: str) -> None:
        del self._users_by_name[user.name]
        user.name = name
        self._users_by_name[name] = user

    def remove_user(self, user: User) -> None:
        del self.users[user.id], self._users_by_name[user.name]

    def add_conversation(self, name: str | None, fields: JsonObject) -> Conversation:
        new = Conversation(next(self._serials), f"CON-{uuid.uuid4()}", name or f"NAM-{uuid.uuid4()}", fields)
        self.conversations[new.id] = self._conversations_by_name[new.name] = new
        self._on_event(self, new, None)
        return new

    def rename_conversation(self, conversation: Conversation, name: str) -> None:
        del self._conversations_by_name[conversation.name]
        conversation.name = name
        self._conversations_by_name[name] = conversation

    def remove_conversation(self, conversation: Conversation) -> None:
        del self.conversations[conversation.id], self._conversations_by_name[conversation.name]

    def add_member(self, conversation: Conversation, user: User, *, state: str, fields: JsonObject, by: User | None) -> Member:
        moment = {"INVITED": "invited", "JOINED": "joined"}[state]
        initiator: JsonObject = {"is_system": by is None}
        if by is not None:
            initiator["user_id"] = by.id
        member = Member(next(self._serials), f"MEM-{uuid.uuid4()}", user, state, fields, {moment: now()}, {moment: initiator})
        conversation.members[member.id] = member
        return member

    def add_event(self, conversation: Conversation, kind: str, *, sender: Member | None, body: JsonObject) -> Event:
        conversation.sequence += 1
        event = Event(conversation.sequence, kind, sender, body)
        conversation.events.append(event)
        self._on_event(self, conversation, event)
        return event
