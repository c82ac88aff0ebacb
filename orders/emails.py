"""The mails about orders: written here, carried by whatever EMAIL_BACKEND names."""

import uuid
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from accounts import languages
from chat import formats
from chat.mails import Mail, recipient
from chat.sentences import said
from orders import snapshot
from orders.models import Order


def confirmation(order: Order, *, url: str, idempotency_key: uuid.UUID) -> Mail:
    """The mail that tells the customer of the order, in their language, as text and HTML.

    Its params are the original guide's (`name`, `order_id`, `order_text`, `url`), and more under other names.
    """
    with languages.as_read_by(order.customer):
        params = {
            "name": order.customer.display_name,
            "order_id": order.number,
            "order_text": snapshot.text(order),
            "url": url,
            "total": formats.money(order.total, order.currency),
            "shop": settings.SHOP_NAME,
        }
        context = params | {"order": order, "lines": _lines(order), "address": _address(order), "reply_to": settings.REPLY_TO_EMAIL}
        mail = Mail(
            subject=_("Your order %(number)s at %(shop)s") % {"number": order.number, "shop": settings.SHOP_NAME},
            body=render_to_string("orders/email/confirmation.txt", context),
            to=[recipient(order.customer, then=said("press “Resend”"))],
            params=params,
            tags=["order-confirmation", f"order-{order.number}"],
            idempotency_key=idempotency_key,
            fits_template=True,
        )
        mail.attach_alternative(render_to_string("orders/email/confirmation.html", context), "text/html")
    return mail


def _address(order: Order) -> list[str]:
    """The lines of where the parcel goes, without those of which every piece is missing; none where there is no place to bring it to."""
    if not (order.street or order.postal_code or order.city):
        return []
    place = " ".join(part for part in (order.postal_code, order.city) if part)
    last = ", ".join(part for part in (place, order.region, order.country) if part)
    return [line for line in (order.ship_to_name, order.street, last) if line]


def _lines(order: Order) -> list[dict[str, Any]]:
    return [
        {
            "name": line.name,
            "sku": line.sku,
            "quantity": line.quantity,
            "unit_price": formats.money(line.unit_price, order.currency),
            "total": formats.money(line.total, order.currency),
        }
        for line in order.lines.all()
    ]
