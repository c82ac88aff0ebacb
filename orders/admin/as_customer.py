"""A customer's page as they see it, for staff who help them over the phone; it is written down who looked."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts import audit, languages
from accounts.models import AuditEntry
from chat import page
from orders.models import Order


def shown(request: HttpRequest, order: Order) -> HttpResponse | None:
    """The page beside this order, in the customer's language and time, with nothing to press; None where they have none yet."""
    customer = order.customer
    conversation = getattr(customer, "conversation", None)
    told = _("You see this page as %(name)s sees it. Nothing can be written here; that you looked is in the audit log.")
    staff = {
        "order_url": reverse("admin:orders_order_change", args=[order.pk]),
        "notice": told % {"name": customer.display_name},
        "back": _("Back to the order"),
        "language": get_language(),
    }
    with languages.as_read_by(customer):
        context = page.as_customer(conversation, order.number) if conversation else None
        if context is None:
            return None
        audit.record(request.user, AuditEntry.Action.VIEWED_AS_CUSTOMER, customer, order=order.number)
        response = render(request, "chat/as_customer.html", context | {"staff": staff})
    response.headers["Content-Language"] = customer.language
    return response
