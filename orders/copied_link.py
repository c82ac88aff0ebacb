"""A fresh link for staff or a program to hand on, shown once and written down."""

from dataclasses import dataclass

from django.db import transaction

from accounts import audit
from accounts.models import AuditEntry, User
from chat import conversations, links
from chat.entry.models import AccessLink
from orders.models import Order


@dataclass(frozen=True)
class Copied:
    """A link that was made to be copied: its row, and the whole address with its key."""

    link: AccessLink
    url: str


def copy(order: Order, by: User) -> Copied:
    """Make a link for the order's customer; the audit log says who had it, when and for whom."""
    with transaction.atomic():
        conversation = conversations.open_for(order.customer)
        link = links.issue(conversation, order.number, issued_by=by)
        audit.record(by, AuditEntry.Action.LINK_COPIED, order.customer, order=order.number, link=link.pk)
    return Copied(link, links.url_for(link))
