"""What we ask of a provider that keeps a copy of our conversations: one verb, one request.

Every verb raises BackendError, or one of its kinds below; `Page` is how a search goes on, so that the caller can renew its lease
between two pages.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from chat.outbox import BackendError

JSON = dict[str, Any]


class AlreadyThereError(BackendError):
    """It exists already under this name: find it and go on."""


class RefusedForGoodError(BackendError):
    """The provider does not do this for us, however often we ask."""


class NotThereError(BackendError):
    """What the request leans on is gone. `what`: conversation, user or member."""

    def __init__(self, message: str, *, code: str, what: str) -> None:
        super().__init__(message, code=code)
        self.what = what


@dataclass(frozen=True)
class Page:
    """One page of a search: the id that was found, or the cursor of the next page, or neither at the end."""

    found: str | None
    cursor: str | None


@dataclass(frozen=True)
class Copy:
    """An event as it is to be copied. `own_id` names it for ever; `member_id` is null where the system speaks."""

    own_id: str
    type: str
    body: JSON
    member_id: str | None


class Mirror:
    """The verbs. Here nobody keeps a copy; whoever does overrides them all. Ids and cursors are the provider's own."""

    def wants(self, event_type: str) -> bool:
        """Whether events of this type are copied."""
        return False

    def create_user(self, name: str, *, display_name: str) -> str:
        """The new user's id. Raises AlreadyThereError."""
        raise self._nobody()

    def find_user(self, name: str) -> Page:
        """The user of exactly this name."""
        raise self._nobody()

    def create_conversation(self, name: str, *, display_name: str) -> str:
        """The new conversation's id. Raises AlreadyThereError."""
        raise self._nobody()

    def find_conversation(self, name: str, *, cursor: str | None) -> Page:
        """The conversation of exactly this name, newest first."""
        raise self._nobody()

    def join(self, conversation_id: str, *, user_id: str) -> str:
        """The new member's id. Raises AlreadyThereError and NotThereError."""
        raise self._nobody()

    def find_member(self, conversation_id: str, *, user_id: str, cursor: str | None) -> Page:
        """The user's joined membership."""
        raise self._nobody()

    def add_event(self, conversation_id: str, copy: Copy) -> str:
        """The new event's id. Not safe to repeat: ask `find_event` first."""
        raise self._nobody()

    def find_event(self, conversation_id: str, copy: Copy, *, newer_than: int, taken: Collection[str], cursor: str | None) -> Page:
        """The event that `add_event` made of this copy, if it did: numbered above `newer_than`, its id not among `taken`."""
        raise self._nobody()

    def own_id(self, event_type: str, body: JSON) -> str | None:
        """The `own_id` that an event of the provider carries, where its type can carry one."""
        return None

    def delete_conversation(self, conversation_id: str) -> None:
        """Delete a conversation; one that is gone is no error. So with a user."""
        raise self._nobody()

    def delete_user(self, user_id: str) -> None:
        """Delete a user."""
        raise self._nobody()

    def _nobody(self) -> BackendError:
        return BackendError("There is no provider that keeps a copy.", code="not_configured", permanent=True)
