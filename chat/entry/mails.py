"""The mails that let a customer in: a fresh link, and the code for a new device. Each is a row of the outbox and leaves once.

A mail whose answer was lost is repeated under its idempotency key only while Sendinblue surely knows the key; after that the row fails,
because a code is too old by then and whoever waits for a link asks again.
"""

import uuid
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.lookups import same_letters
from accounts.models import User
from chat import folds, links, mails, outbox
from chat.entry import codes
from chat.entry.models import AccessLink, AddressNotice, EntryMail, LinkRequest, MailedAnswer, MailedCode, MailedLink
from chat.mails import Mail
from chat.models import Conversation
from chat.outbox import BackendError, Call, State, Work
from chat.sentences import said

MOST_LINKS_AN_HOUR = 3
# What staff does about a mail that had nowhere to go.
ONCE_MENDED = {
    "link": said("press “Retry now”"),
    "code": said("let them ask for another code"),
    # A former address can't be mended.
    "changed_address": said("write to them yourself"),
}


def mail_link(conversation: Conversation, subject: int, *, issued_by: User | None = None) -> AccessLink:
    """A fresh link that goes to the customer by mail: asked for by themself, or by `issued_by`, one of our people."""
    with transaction.atomic():
        key = uuid.uuid4()
        link = links.issue(conversation, subject, mail_key=key, issued_by=issued_by)
        MailedLink.objects.create(link=link, idempotency_key=key)
    return link


@outbox.works_on(LinkRequest)
def answer(request: LinkRequest) -> Work:
    """Mail a fresh link to every customer who has this address. Nobody who asked is told whether there is one."""
    if request.address:
        owners = Conversation.objects.filter(same_letters("customer__email", request.address), customer__is_active=True)
        with transaction.atomic():
            for conversation in owners.select_related("customer"):
                if not _has_enough(conversation):
                    mail_link(conversation, _newest_order(conversation))
            request.stamp(address="")
    yield from ()  # a rule is a generator; this one asks nobody outside


@outbox.works_on(MailedLink)
def send_link(row: MailedLink) -> Work:
    """Send the link, unless it was revoked before it left."""
    link = row.link
    if not link.is_open:
        row.cancel("The link was revoked before its mail left.")
        return
    yield from _send(row, link.conversation.customer, kind="link", facts={"url": links.url_for(link), "order_id": link.subject})


@outbox.works_on(MailedCode)
def send_code(row: MailedCode) -> Work:
    """Send the code while it is good; a later one ends it."""
    if row.expires_at <= timezone.now():
        row.cancel("The code ended before its mail left.")
        return
    facts = {"code": codes.digits_of(row), "order_id": row.device.link.subject}
    yield from _send(row, row.device.conversation.customer, kind="code", facts=facts)


def _send(row: EntryMail, customer: User, *, kind: str, facts: dict[str, Any]) -> Work:
    mail = built(kind, customer, facts, idempotency_key=row.idempotency_key)
    if is_in_doubt(row):
        told = said("It is unknown whether the mail left. Whoever waits for it can ask for another one.")
        raise BackendError(told, code="outcome_unknown", permanent=True, unknown=True)
    yield from hand_over(row, mail)


def doubt_unsent() -> int:
    """Take every such mail that is not known as sent for one that may have left, as after a backup was put back; how many."""
    found = 0
    for model in (MailedLink, MailedCode, MailedAnswer, AddressNotice):
        unsent = model.objects.filter(state=State.WAITING)
        unsent.filter(tried_at=None).update(tried_at=F("created_at"))
        found += unsent.count()
    return found


def may_be_under_way(customer: User) -> bool:
    """Whether such a mail to this customer may be leaving, or have left unheard. Locks them: none begins to until the transaction ends."""
    theirs: list[QuerySet[Any]] = [
        MailedLink.objects.filter(link__conversation__customer=customer),
        MailedCode.objects.filter(device__conversation__customer=customer),
        MailedAnswer.objects.filter(conversation__customer=customer),
        AddressNotice.objects.filter(person=customer),
    ]
    unsent = {"state__in": [State.WAITING, State.FAILED]}
    held = [row for rows in theirs for row in rows.filter(**unsent).select_for_update(of=("self",), no_key=True)]
    return any(row.tried_at for row in held)


def is_in_doubt(row: EntryMail) -> bool:
    """Whether the mail may have left so long ago that its key no longer keeps it from leaving twice."""
    return row.tried_at is not None and outbox.clock() - row.tried_at > mails.KEY_PROTECTS and not mails.is_local()


def hand_over(row: EntryMail, mail: Mail) -> Work:
    """Send it under the row's key, and keep since when it may have left."""
    earlier = row.tried_at
    if not earlier:
        row.stamp(tried_at=outbox.clock())
    try:
        yield Call(partial(mail.send, fail_silently=False), local=mails.is_local(), provider="sendinblue")
    except BackendError as refused:
        # Refused without doing anything, and no earlier attempt is open: the next one repeats nothing.
        if not refused.unknown and not earlier:
            row.stamp(tried_at=None)
        raise


def built(kind: str, customer: User, facts: dict[str, Any], *, idempotency_key: uuid.UUID) -> Mail:
    """The mail of this `kind` (`link`, `code` or `changed_address`) in the customer's language, as text and HTML."""
    with translation.override(customer.language):
        shop = settings.SHOP_NAME
        subjects = {
            "link": _("Your link to %(shop)s"),
            "code": _("Your code for %(shop)s"),
            "changed_address": _("Your mail address at %(shop)s was changed"),
        }
        params = {"name": customer.display_name, "shop": shop} | facts
        context = params | {"reply_to": settings.REPLY_TO_EMAIL, "title": subjects[kind] % {"shop": shop}}
        mail = Mail(
            subject=context["title"],
            body=render_to_string(f"chat/entry/{kind}.txt", context),
            to=[mails.recipient(customer, then=ONCE_MENDED[kind])],
            params=params,
            tags=[f"entry-{kind}"],
            idempotency_key=idempotency_key,
        )
        mail.attach_alternative(render_to_string(f"chat/entry/{kind}.html", context), "text/html")
    return mail


def _has_enough(conversation: Conversation) -> bool:
    """Whether strangers who know the address have filled the mailbox enough for this hour."""
    asked = MailedLink.objects.filter(link__conversation=conversation, link__issued_by=None)
    return asked.filter(created_at__gt=timezone.now() - timedelta(hours=1)).count() >= MOST_LINKS_AN_HOUR


def _newest_order(conversation: Conversation) -> int:
    """The order beside which the page opens; 0 where none was told yet."""
    orders = folds.orders(conversation)
    return int(orders[0]["id"]) if orders else 0
