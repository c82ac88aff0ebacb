"""The box above an order's form: whether the customer knows, and what a clerk can do about it."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from accounts.models import User
from chat import formats, links
from orders import journey
from orders.admin import acts
from orders.models import Order


def shown(request: HttpRequest, order: Order, *, agent: User | None) -> dict[str, Any]:
    """What the template shows to whoever asks; `agent` is they, where they may read chats."""
    tellings = journey.told(order)
    return {
        "order": order,
        "told": tellings[0],
        "earlier": tellings[1:],
        "total": formats.money(order.total, order.currency),
        "may_chat": agent is not None,
        "chat_path": acts.chat_path(order, agent) if agent else "",
        "no_chat_yet": acts.no_chat_yet(order),
        "opened": _opened(order),
        "customer_path": _customer_path(request, order) if tellings[0].is_about_the_address else "",
    }


def _opened(order: Order) -> str:
    conversation = getattr(order.customer, "conversation", None)
    at = links.opened_at(conversation, order.number) if conversation else None
    return journey.moment(at) if at else ""


def _customer_path(request: HttpRequest, order: Order) -> str:
    """The customer's page, where their mail address stands; empty for whoever may not change it."""
    return reverse("admin:accounts_user_change", args=[order.customer_id]) if request.user.has_perm("accounts.change_user") else ""
