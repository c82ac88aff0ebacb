"""The mails about orders: written here, carried by whatever EMAIL_BACKEND names."""

import uuid
from email.utils import formataddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string
from django.utils.encoding import punycode
from django.utils.translation import gettext as _

from accounts import languages
from accounts.models import User
from chat import formats
from chat.outbox import BackendError
from orders import snapshot
from orders.models import Order


class OrderMail(EmailMultiAlternatives):
    """A mail with what a mail provider needs beside it.

    `params`: the template's (`name`, `order_id`, `order_text`, `url` as in the original guide; more under other names).
    `idempotency_key`: the same at every attempt. `message_id`: the provider's, after sending.
    """

    def __init__(self, *, params: dict[str, Any], tags: list[str], idempotency_key: uuid.UUID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.params = params
        self.tags = tags
        self.idempotency_key = str(idempotency_key)
        self.message_id = ""


def is_local() -> bool:
    """Whether mails stay in our own database (the embedded side)."""
    return bool(getattr(get_connection(), "is_local", False))


def recipient(customer: User) -> str:
    """Whom the mail goes to: the customer, or SENDINBLUE_TO_* where that is set. Raises BackendError where there is no address."""
    if settings.SENDINBLUE_TO_EMAIL:
        return formataddr((settings.SENDINBLUE_TO_NAME, settings.SENDINBLUE_TO_EMAIL))
    if not customer.email:
        told = _("%(name)s has no mail address. Add one to the customer, then press “Resend”.") % {"name": customer.display_name}
        raise BackendError(told, code="no_address", permanent=True)
    # A line break in a name that came past the forms would end the header.
    return formataddr((" ".join(customer.display_name.split()), _in_ascii(customer.email)))


def _in_ascii(address: str) -> str:
    """The address with its domain as mail headers need it: anna@müller.de is anna@xn--mller-kva.de.

    Raises BackendError where the part before the @ is not ASCII: few servers take such mail (RFC 6531), and Sendinblue does not.
    """
    local, _at, domain = address.rpartition("@")
    if not local.isascii():
        told = _("The mail address %(address)s has letters that mail servers refuse. Correct it, then press “Resend”.") % {
            "address": address
        }
        raise BackendError(told, code="bad_address", permanent=True)
    return f"{local}@{punycode(domain)}"


def confirmation(order: Order, *, url: str, idempotency_key: uuid.UUID) -> OrderMail:
    """The mail that tells the customer of the order, in their language and with their clock, as text and HTML."""
    with languages.as_read_by(order.customer):
        params = {
            "name": order.customer.display_name,
            "order_id": order.number,
            "order_text": snapshot.text(order),
            "url": url,
            "total": formats.money(order.total, order.currency),
            "shop": settings.SHOP_NAME,
        }
        context = params | {"order": order, "lines": _lines(order), "reply_to": settings.REPLY_TO_EMAIL}
        mail = OrderMail(
            subject=_("Your order %(number)s at %(shop)s") % {"number": order.number, "shop": settings.SHOP_NAME},
            body=render_to_string("orders/email/confirmation.txt", context),
            from_email=formataddr((settings.DEFAULT_FROM_NAME, settings.DEFAULT_FROM_EMAIL)),
            to=[recipient(order.customer)],
            reply_to=[settings.REPLY_TO_EMAIL],
            # RFC 3834: no out-of-office robot answers this.
            headers={"Auto-Submitted": "auto-generated"},
            params=params,
            tags=["order-confirmation", f"order-{order.number}"],
            idempotency_key=idempotency_key,
        )
        mail.attach_alternative(render_to_string("orders/email/confirmation.html", context), "text/html")
    return mail


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
