"""The orders' part of what a customer takes away or has erased. Numbers, articles, prices and the country stay for the books."""

from collections.abc import Iterator
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.db.models import Q

from accounts import privacy
from accounts.models import User
from accounts.privacy import Counts, Erasure, Row
from accounts.takeaway import moment
from accounts.traces import Terms
from chat.outbox import BackendError
from chat.privacy import deletions
from chat.privacy.models import Thing
from chat.privacy.part import cancel
from orders import money
from orders.backends.sendinblue_wire import ask
from orders.models import MailEvent, Order, OrderConfirmation, OrderLine, OrderStatusChange, StoredMail

ADDRESS = ("ship_to_name", "street", "postal_code", "city", "region")


def _export(customer: User) -> Iterator[tuple[str, Row]]:
    for order in Order.objects.filter(customer=customer).prefetch_related("lines").order_by("number"):
        yield "order", _order(order)
    for row in OrderConfirmation.objects.filter(order__customer=customer).prefetch_related("mail_events").order_by("pk"):
        events = [{"type": event.type, "to": event.recipient, "at": moment(event.occurred_at)} for event in row.mail_events.all()]
        sent: Row = {"order": row.order_id, "version": row.version, "sent_at": moment(row.mail_sent_at), "message_id": row.message_id}
        yield "mail", sent | {"events": events}
    for change in OrderStatusChange.objects.filter(order__customer=customer).order_by("pk"):
        yield "status", {"order": change.order_id, "from": change.previous, "to": change.status, "at": moment(change.created_at)}
    for mail in _kept_mails(customer, privacy.terms_of(customer)):
        yield "kept mail", {"at": moment(mail.created_at), "to": mail.to, "subject": mail.subject, "text": mail.text, "html": mail.html}


def _order(order: Order) -> Row:
    names = ("number", "status", "currency", "external_id", *ADDRESS, "country", "data", "version")
    lines = [
        {"name": line.name, "sku": line.sku, "quantity": line.quantity, "unit_price": money.plain(line.unit_price, order.currency)}
        for line in order.lines.all()
    ]
    dates = {"created_at": moment(order.created_at), "placed_at": moment(order.placed_at)}
    return {name: getattr(order, name) for name in names} | dates | {"lines": lines, "total": money.plain(order.total, order.currency)}


def _erase(erasure: Erasure) -> Counts:
    customer, terms = erasure.customer, erasure.terms
    for address in terms.addresses if settings.SENDINBLUE_API_KEY else ():
        deletions.ask(customer, Thing.SENDINBLUE_CONTACT, address)
        deletions.ask(customer, Thing.SENDINBLUE_LOG, address)
    orders = Order.objects.filter(customer=customer)
    mails = _kept_mails(customer, terms)
    StoredMail.objects.filter(pk__in=[mail.pk for mail in mails]).delete()
    confirmations = OrderConfirmation.objects.filter(order__customer=customer)
    ended = cancel(confirmations) + cancel(OrderStatusChange.objects.filter(order__customer=customer))
    to_them = Q(confirmation__in=confirmations)
    for address in terms.addresses:
        to_them |= Q(recipient__iexact=address)
    for event in MailEvent.objects.filter(to_them):
        # What makes an event one of a kind, the recipient among it, stays one of a kind.
        MailEvent.objects.filter(pk=event.pk).update(recipient=f"erased-{event.pk}", reason="")
    for line in OrderLine.objects.filter(order__customer=customer):
        if terms.pattern.search(f"{line.name} {line.sku}"):
            OrderLine.objects.filter(pk=line.pk).update(name=terms.scrub(line.name), sku=terms.scrub(line.sku))
    done = orders.update(**dict.fromkeys(ADDRESS, ""), data={})
    for order in orders.exclude(external_id=""):
        Order.objects.filter(pk=order.pk).update(external_id=terms.scrub(order.external_id))
    return {"orders": done, "kept mails": len(mails), "waiting work cancelled": ended}


def _kept_mails(customer: User, terms: Terms) -> list[StoredMail]:
    """The mails of the embedded side that went to this customer, or name them."""
    numbers = set(Order.objects.filter(customer=customer).values_list("number", flat=True))
    addresses = {address.lower() for address in terms.addresses}

    def is_theirs(mail: StoredMail) -> bool:
        return mail.params.get("order_id") in numbers or parseaddr(mail.to)[1].lower() in addresses

    return [mail for mail in StoredMail.objects.order_by("pk").iterator() if is_theirs(mail)]


def _former(customer: User) -> Iterator[str]:
    """Where mails about their orders went, unless every mail goes to one address of ours."""
    told = MailEvent.objects.filter(confirmation__order__customer=customer).values_list("recipient", flat=True).distinct()
    kept = StoredMail.objects.filter(params__order_id__in=list(Order.objects.filter(customer=customer).values_list("number", flat=True)))
    found = {*told, *(parseaddr(to)[1] for to in kept.values_list("to", flat=True))}
    yield from (address for address in found if address.lower() != settings.SENDINBLUE_TO_EMAIL.lower())


def _marks(customer: User) -> Iterator[str]:
    """By the number of an order of theirs, at an address or in an answer."""
    numbers = "|".join(str(number) for number in Order.objects.filter(customer=customer).values_list("number", flat=True))
    if numbers:
        yield rf'/orders/(?:{numbers})(?=[/? ]|$)|"(?:number|order_id)":\s*(?:{numbers})(?!\d)'


def _delete_contact(email: str) -> None:
    """https://developers.brevo.com/reference/delete-contact"""
    _gone("ContactsApi", "delete_contact", email)


def _delete_log(email: str) -> None:
    """The log of all mails to the address, and their stored previews.

    https://developers.brevo.com/docs/deleting-transactional-logs-based-on-recipient-address-to
    """
    _gone("TransactionalEmailsApi", "smtp_log_message_id_delete", email)


def _gone(api: str, function: str, *arguments: Any) -> None:
    try:
        ask(api, function, *arguments)
    except BackendError as error:
        # Its own word for "there is none"; a bare 404 may be a wrong address of the API.
        if error.code != "document_not_found":
            raise


deletions.deletes(Thing.SENDINBLUE_CONTACT, _delete_contact, provider="sendinblue")
deletions.deletes(Thing.SENDINBLUE_LOG, _delete_log, provider="sendinblue")
privacy.register(privacy.Part(_export, _erase, former=_former, marks=_marks))
