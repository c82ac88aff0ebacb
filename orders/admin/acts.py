"""What a clerk can do about an order beside editing it, and what is said afterwards."""

from django.contrib import messages
from django.db import transaction
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from accounts.models import User
from chat import links, mails
from orders import confirmation
from orders.models import Order, Status

Said = tuple[int, str]


def tell_again(order: Order, *, shown: str = "") -> Said:
    """Resend the order's confirmation and say whom that tells.

    `shown`: the version that the clerk had before their eyes. Where it is no longer the latest, somebody (or the same clerk's second
    click) was quicker, and nobody is mailed twice.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
        facts = {"name": order.customer.display_name, "number": order.number, "address": mails.address(order.customer)}
        if order.status == Status.DRAFT:
            return messages.WARNING, _("Order %(number)s is a draft: place it, and %(name)s is told.") % facts
        if order.status == Status.CANCELLED:
            return messages.WARNING, _("Order %(number)s is cancelled: there is nothing left to tell %(name)s.") % facts
        if not facts["address"]:
            return messages.ERROR, _without_address(order)
        if shown and shown != str(order.version):
            return messages.INFO, _("Order %(number)s was resent a moment ago, so %(name)s is not mailed twice.") % facts
        confirmation.resend(order)
    return messages.SUCCESS, _("%(name)s is told of order %(number)s, at %(address)s.") % facts


def moved_on(order: Order) -> str:
    """What a new status does, once it is stored; empty where it does nothing, as the customer never heard of the order."""
    if not order.confirmations.filter(event_added_at__isnull=False).exists():
        return ""
    facts = {"name": order.customer.display_name, "number": order.number, "status": order.get_status_display()}
    return _("%(name)s sees in the chat that order %(number)s is now %(status)s. No mail is sent for that.") % facts


def _without_address(order: Order) -> str:
    # No draft can be saved of an order that was placed, and its page has no pencil: the customer stays.
    words = _("{name} has no mail address, so nobody was told. {link}, then press “Resend”.")
    link = format_html('<a href="{}">{}</a>', reverse("admin:accounts_user_change", args=[order.customer_id]), _("Add one to the customer"))
    return format_html(words, name=order.customer.display_name, link=link)


def chat_path(order: Order, agent: User) -> str:
    """The chat page beside this order as the agent sees it; empty while the conversation isn't open."""
    conversation = getattr(order.customer, "conversation", None)
    return links.path_for(conversation, order.number, username=agent.username) if conversation else ""


def no_chat_yet(order: Order) -> str:
    """Why there is no chat to open."""
    return _("%(name)s's conversation opens when they are told of their first order.") % {"name": order.customer.display_name}
