"""The link in the mail: signed, for one conversation, and old after LINK_MAX_AGE_DAYS."""

from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from django.urls import reverse

from chat.models import Conversation

SALT = "chat.links"


def key_for(conversation: Conversation, subject: int) -> str:
    """A key that opens this conversation and no other; it also says beside which order (`subject`)."""
    return signing.dumps([conversation.public_id, subject], salt=SALT)


def opens(key: str, conversation: Conversation) -> bool:
    """Whether the key was made for this conversation and is young enough."""
    return _read(key)[0] == conversation.public_id


def names(key: str, conversation: Conversation, subject: int) -> bool:
    """Whether the key was made for this conversation beside this very order."""
    return _read(key) == (conversation.public_id, subject)


def _read(key: str) -> tuple[str, int]:
    try:
        public_id, subject = signing.loads(key, salt=SALT, max_age=timedelta(days=settings.LINK_MAX_AGE_DAYS))
        return str(public_id), int(subject)
    except (signing.BadSignature, ValueError, TypeError):
        return "", 0


def path_for(conversation: Conversation, subject: int, *, username: str | None = None) -> str:
    """The chat page's path as `username` (default: the customer) beside the order numbered `subject`."""
    return reverse("chat", args=[username or conversation.customer.username, conversation.public_id, subject])


def url_for(conversation: Conversation, subject: int) -> str:
    """The whole link that goes into the customer's mail."""
    return f"{settings.PUBLIC_URL}{path_for(conversation, subject)}?{urlencode({'key': key_for(conversation, subject)})}"
