"""Which browser opened a link. The first one is the customer's; a further one reads how the order stands and proves itself by a code.

A browser keeps one secret in a long-lived signed cookie; we keep its SHA-256 for each conversation that it opened. Its session holds
the device's number and nothing else, so that shutting a device out takes effect wherever it has got to.
"""

import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chat import links, mails
from chat.entry.models import AccessLink, Device, LinkUse
from chat.models import Conversation

COOKIE = "ordersupport_device"
SALT = "chat.devices"
# Chromium keeps no cookie for longer; each opening begins the time anew.
COOKIE_AGE = timedelta(days=400)


def new_secret() -> str:
    """What a browser's cookie holds."""
    return secrets.token_urlsafe(32)


def enter(link: AccessLink, secret: str) -> Device:
    """Let the browser with this secret in by the link; `confirmed_at` says whether it is taken for the customer's.

    It is where it opened this link first, or was the customer's before.
    """
    now, digest = timezone.now(), links.digest_of(secret)
    with transaction.atomic():
        # Of two that press at once, the database lets one be the first.
        is_first = bool(AccessLink.objects.filter(pk=link.pk, opened_at=None, revoked_at=None).update(opened_at=now))
        device, _is_new = Device.objects.update_or_create(
            conversation=link.conversation, digest=digest, defaults={"link": link, "opened_at": now}
        )
        if is_first and not device.confirmed_at:
            device.confirmed_at = now
            device.save(update_fields=["confirmed_at"])
        act = LinkUse.Act.OPENED if device.confirmed_at else LinkUse.Act.NEW_DEVICE
        LinkUse.objects.create(link=link, device=device, act=act)
        if not device.confirmed_at:
            links.tell_doors(link.conversation)
    return device


def confirm(device: Device) -> None:
    """It has proved to be the customer's."""
    with transaction.atomic():
        device.confirmed_at = timezone.now()
        device.save(update_fields=["confirmed_at"])
        LinkUse.objects.create(link_id=device.link_id, device=device, act=LinkUse.Act.CONFIRMED)
        links.tell_doors(device.conversation)


def admitted(conversation: Conversation, number: object) -> Device | None:
    """The device of that number, unless it belongs elsewhere or its link was revoked."""
    if type(number) is not int:
        return None
    found = Device.objects.select_related("link").filter(pk=number, conversation=conversation, link__revoked_at=None).first()
    if found:
        found.conversation = conversation
    return found


def unconfirmed() -> QuerySet[Device]:
    """Devices that came by a link lately and have not proved to be the customer's."""
    lately = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return Device.objects.filter(confirmed_at=None, link__revoked_at=None, opened_at__gt=lately)


def standing(conversation: Conversation) -> dict[str, Any]:
    """How the customer's way in fares, for agents: {"new_device": bool, "opened_at": datetime | None, "mailed": MailedLink | None,
    "can_be_mailed": bool, "is_told_by_mail": bool}.

    `mailed`: the mail of the newest link, where it is one that went out by itself and nobody opened yet. `can_be_mailed`: whether such a
    mail has anywhere to go; `is_told_by_mail`: whether an answer that the customer does not see can follow them, which goes to nobody else.
    """
    customer = conversation.customer
    newest = conversation.links.filter(revoked_at=None).select_related("mailed").order_by("-pk").first()
    mailed = getattr(newest, "mailed", None) if newest and not newest.opened_at else None
    opened = conversation.links.exclude(opened_at=None).order_by("-opened_at").first()
    return {
        "new_device": unconfirmed().filter(conversation=conversation).exists(),
        "opened_at": opened.opened_at if opened else None,
        "mailed": mailed,
        "can_be_mailed": bool(mails.address(customer)),
        "is_told_by_mail": bool(customer.email),
    }
