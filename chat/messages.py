"""What a person may send: the checks that every door shares, and the error that names what is wrong."""

import unicodedata
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from accounts.storable import is_storable

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

LONGEST_TEXT = 8000
LONGEST_KEY = 64
HIGHEST_NUMBER = 2**53 - 1  # JavaScript counts no further
# The event by which the others hear that somebody came.
JOINED = "member:joined"
# The event by which an agent says that nothing is left to do.
SOLVED = "custom:conversation-solved-event"


class RefusedError(Exception):
    """What can't be taken: `code` for programs, the text for people, `field` for forms.

    `retry`: the same may be taken later; `after_seconds`: not before.
    """

    def __init__(
        self, message: "StrOrPromise", *, code: str, field: str = "body.text", retry: bool = False, after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.retry = retry
        self.after_seconds = after_seconds


def body_of(event: object) -> dict[str, Any]:
    """The body of an event that is a message of text. Raises RefusedError, naming the field, for anything else."""
    field = ""
    if isinstance(event, dict):
        body = event.get("body")
        if event.get("type", "message") != "message":
            field = "type"
        elif not isinstance(body, dict):
            field = "body"
        elif body.get("message_type", "text") != "text":
            field = "body.message_type"
        else:
            return body
    raise RefusedError(_("Send an event of type message with a body of message_type text."), code="bad_type", field=field)


def check_text(text: object) -> None:
    """Raise RefusedError unless `text` can be stored on every engine and read by a person."""
    if not isinstance(text, str):
        raise RefusedError(_("The message must be text."), code="bad_type")
    if all(_is_unseen(character) for character in text):
        raise RefusedError(_("Write a message first."), code="empty")
    if len(text) > LONGEST_TEXT:
        raise RefusedError(_("The message is too long. It may have %d characters.") % LONGEST_TEXT, code="too_long")
    if not is_storable(text):
        raise RefusedError(_("The message holds characters that can't be sent."), code="bad_text")


def _is_unseen(character: str) -> bool:
    """Whether it draws nothing by itself: a space, a control, or what only joins, parts or turns its neighbours."""
    kind = unicodedata.category(character)
    return kind[0] == "Z" or kind in {"Cc", "Cf"}


def check_key(key: object) -> None:
    """Raise RefusedError unless `key` can be a client's own key of a message."""
    if not isinstance(key, str) or not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise RefusedError(_("A client key has 1 to 64 printable characters."), code="bad_key", field="client_key")


def check_about(about: object) -> None:
    """Raise RefusedError unless `about` is None or can be an order's number."""
    if about is not None and (type(about) is not int or not 0 < about <= HIGHEST_NUMBER):
        raise RefusedError(_("Name the order that the message is about by its number."), code="bad_about", field="body.about")
