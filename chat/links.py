"""The link in the mail: one random key for one conversation and one order, opened by its customer, until it ends or is revoked.

A key is HMAC-SHA256 of its row's nonce (192 random bits) under SECRET_KEY. So a mail that is built again after a crash carries the same
key, though only the key's SHA-256 is stored, and neither the database nor SECRET_KEY alone opens anything. A fast hash is right here:
it only has to be one-way, because nobody can try out 2^192 keys. A slow one is for what people make up and remember.
"""

import base64
import hashlib
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import User
from chat.entry.models import AccessLink, Device
from chat.hub import INBOX, Hint, hub
from chat.models import Conversation

SALT = "chat.links"
SHOWN_DIGITS = 2


def issue(conversation: Conversation, subject: int, *, mail_key: uuid.UUID | None = None, issued_by: User | None = None) -> AccessLink:
    """A fresh link beside the order numbered `subject`, by one insert; `url_for(link)` is what to pass on."""
    link = _made(conversation, subject, mail_key=mail_key, issued_by=issued_by)
    link.save(force_insert=True)
    return link


def in_mails(wanted: Mapping[uuid.UUID, tuple[Conversation, int]]) -> dict[uuid.UUID, AccessLink]:
    """The links of mails, by their idempotency keys: always the same one, so that every attempt is the same mail to the byte.

    `wanted`: the conversation and the order's number of each mail. One look and one insert, however many there are.
    """
    stored = list(AccessLink.objects.filter(mail_key__in=list(wanted)))
    found = {link.mail_key: link for link in stored if link.mail_key and not link.revoked_at and link.digest == digest_of(key_of(link))}
    with transaction.atomic():
        # SECRET_KEY was changed since, so a key can't be made again (it may have left, and goes on opening); or the link was revoked.
        if old := [link.pk for link in stored if link.mail_key not in found]:
            AccessLink.objects.filter(pk__in=old).update(mail_key=None)
        new = {key: _made(*wanted[key], mail_key=key) for key in wanted if key not in found}
        AccessLink.objects.bulk_create(new.values())
    carried = found | new
    for key, link in carried.items():
        link.conversation = wanted[key][0]
    return carried


def _made(conversation: Conversation, subject: int, **more: Any) -> AccessLink:
    link = AccessLink(conversation=conversation, subject=subject, **more)
    link.digest = digest_of(key_of(link))
    return link


def specimen(conversation: Conversation, subject: int) -> AccessLink:
    """A link that is stored nowhere and opens nothing, for a mail that nobody gets."""
    return AccessLink(conversation=conversation, subject=subject)


def key_of(link: AccessLink) -> str:
    """The key itself, 256 bits as 43 characters; to be put into a mail or before the eyes of whoever may have it, and nowhere else."""
    mac = salted_hmac(SALT, link.nonce, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def digest_of(key: str) -> str:
    """What is stored of a key, and looked up."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def find(key: str, *, username: str, conversation_id: str, subject: int) -> AccessLink | None:
    """The link that this key opens, for exactly this address.

    One query answers for all: a key that ended, was revoked, is another address's or was never given finds nothing in the same way and
    in the same time.
    """
    if not (username.isprintable() and conversation_id.isprintable()):
        return None
    opening = AccessLink.objects.select_related("conversation__customer").filter(
        digest=digest_of(key),
        subject=subject,
        conversation__public_id=conversation_id,
        conversation__customer__username=username,
        conversation__customer__is_active=True,
        revoked_at=None,
        expires_at__gt=timezone.now(),
    )
    return opening.first()


def note_fetch(link: AccessLink) -> None:
    """Something asked for the link's page, most often a machine. The first time is kept, so one write in a link's life is the most."""
    if link.fetched_at is None:
        AccessLink.objects.filter(pk=link.pk, fetched_at=None).update(fetched_at=timezone.now())


def names(conversation: Conversation, subject: int) -> bool:
    """Whether a link beside this very order was ever given for the conversation: the order is its customer's, told yet or not."""
    return conversation.links.filter(subject=subject).exists()


def opened_at(conversation: Conversation, subject: int) -> datetime | None:
    """When a link beside this order was last opened for the first time: of each link, the first press of its button is kept."""
    opened = conversation.links.filter(subject=subject).exclude(opened_at=None)
    return opened.order_by("-opened_at").values_list("opened_at", flat=True).first()


def revoke(link: AccessLink) -> bool:
    """End the link, and shut out every device that came by it, at once; False where somebody did so before."""
    with transaction.atomic():
        if not AccessLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now()):
            return False
        Device.objects.filter(link=link).update(confirmed_at=None)
        tell_doors(link.conversation)
    return True


def revoke_all(conversation: Conversation) -> int:
    """End every link that still opens the conversation; how many there were."""
    now = timezone.now()
    with transaction.atomic():
        open_ones = list(conversation.links.filter(revoked_at=None).values_list("pk", flat=True))
        AccessLink.objects.filter(pk__in=open_ones).update(revoked_at=now)
        Device.objects.filter(conversation=conversation).update(confirmed_at=None)
        tell_doors(conversation)
    return len(open_ones)


def tell_doors(conversation: Conversation) -> None:
    """After commit: the conversation's sockets ask again whether they may stay, and the inbox shows its row anew."""
    look = Hint(kind="events", conversation=conversation.public_id, sequence=conversation.sequence)

    def tell() -> None:
        hub.publish(conversation.public_id, Hint(kind="access"))
        hub.publish(INBOX, look)

    transaction.on_commit(tell)


def path_for(conversation: Conversation, subject: int, *, username: str | None = None) -> str:
    """The chat page's path as `username` (default: the customer) beside the order numbered `subject`; it opens nothing by itself."""
    return reverse("chat", args=[username or conversation.customer.username, conversation.public_id, subject])


def page_for(conversation: Conversation, subject: int) -> str:
    """The whole address of the customer's page, without a key: for who was let in before."""
    return f"{settings.PUBLIC_URL}{path_for(conversation, subject)}"


def url_for(link: AccessLink) -> str:
    """The whole link with its key: whoever presses its button first is taken for the customer."""
    return f"{page_for(link.conversation, link.subject)}?{urlencode({'key': key_of(link)})}"


def masked(subject: int) -> str:
    """An order's number for who has not come in yet: 1002 is ••02; empty where there is no order."""
    digits = str(subject or "")
    return re.sub(r"\d", "•", digits[:-SHOWN_DIGITS]) + digits[-SHOWN_DIGITS:]
