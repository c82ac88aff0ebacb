"""What a clerk can do about an order beside editing it, and what is said afterwards."""

from django.contrib import messages
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from chat import links
from orders import confirmation, journey
from orders.forms import warning
from orders.models import Order, Status

Said = tuple[int, str]


def tell_again(order: Order, *, shown: str = "") -> Said:
    """Resend the order's confirmation and say whom that tells.

    `shown`: the version that the clerk had before their eyes. Where it is no longer the latest, somebody (or the same clerk's second
    click) was quicker, and nobody is mailed twice.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
        facts = {"name": order.customer.display_name, "number": order.number, "address": journey.address(order.customer)}
        if order.status == Status.DRAFT:
            return messages.WARNING, _("Order %(number)s is a draft: place it, and %(name)s is told.") % facts
        if order.status == Status.CANCELLED:
            return messages.WARNING, _("Order %(number)s is cancelled: there is nothing left to tell %(name)s.") % facts
        if not facts["address"]:
            return messages.ERROR, warning(order.customer)
        if shown and shown != str(order.version):
            return messages.INFO, _("Order %(number)s was resent a moment ago, so %(name)s is not mailed twice.") % facts
        confirmation.resend(order)
    return messages.SUCCESS, _("%(name)s is told of order %(number)s, at %(address)s.") % facts


def chat_path(order: Order, agent: User) -> str:
    """The chat page beside this order as the agent sees it; empty while the conversation isn't open."""
    conversation = getattr(order.customer, "conversation", None)
    return links.path_for(conversation, order.number, username=agent.username) if conversation else ""


def no_chat_yet(order: Order) -> str:
    """Why there is no chat to open."""
    return _("%(name)s's conversation opens when they are told of their first order.") % {"name": order.customer.display_name}
