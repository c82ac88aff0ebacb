"""The orders' part of what a customer takes away or has erased. Numbers, articles, prices and the country stay for the books."""

from collections.abc import Iterator, Sequence
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts import privacy
from accounts.models import User
from accounts.privacy import Counts, Erasure, Row
from accounts.reading import Reading
from accounts.takeaway import moment
from accounts.traces import Terms
from chat.entry import mails as entry_mails
from chat.outbox import BackendError
from chat.privacy import deletions
from chat.privacy.models import Thing
from chat.privacy.part import cancel
from orders import deliveries, money
from orders.backends.sendinblue_wire import ask
from orders.mail_models import MailEvent, StoredMail
from orders.models import Order, OrderConfirmation, OrderLine, OrderStatusChange

ADDRESS = ("ship_to_name", "street", "postal_code", "city", "region")
KINDS = {
    "order": _("Orders"),
    "mail": _("Mails about orders"),
    "status": _("How orders moved on"),
    "kept mail": _("Kept mails"),
}


def _export(customer: User) -> Iterator[tuple[str, Row]]:
    for order in Order.objects.filter(customer=customer).prefetch_related("lines").order_by("number"):
        yield "order", _order(order)
    for row in OrderConfirmation.objects.filter(order__customer=customer).prefetch_related("mail_events").order_by("pk"):
        events = [{"type": event.type, "to": event.recipient, "at": moment(event.occurred_at)} for event in row.mail_events.all()]
        sent: Row = {"order": row.order_id, "version": row.version, "sent_at": moment(row.mail_sent_at), "message_id": row.message_id}
        yield "mail", sent | {"events": events}
    for change in OrderStatusChange.objects.filter(order__customer=customer).order_by("pk"):
        yield "status", {"order": change.order_id, "from": change.previous, "to": change.status, "at": moment(change.created_at)}
    reading = Reading()
    theirs = _kept_mails(customer, privacy.terms_of(customer, reading), reading)
    for mail in StoredMail.objects.filter(pk__in=theirs).order_by("pk"):
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
    confirmations = OrderConfirmation.objects.filter(order__customer=customer)
    # Until we are done no mail begins to leave, and no event of one comes: `deliveries.record` locks its confirmation too.
    held = list(confirmations.select_for_update(of=("self",), no_key=True).order_by("pk"))
    _forget_at_sendinblue(erasure, held)
    orders = Order.objects.filter(customer=customer)
    mails, _of_each = StoredMail.objects.filter(pk__in=_kept_mails(customer, terms, erasure.reading)).delete()
    ended = cancel(confirmations) + cancel(OrderStatusChange.objects.filter(order__customer=customer))
    to_them = Q(confirmation__in=confirmations)
    for address in terms.addresses:
        to_them |= Q(recipient__iexact=address)
    deliveries.forget(MailEvent.objects.filter(to_them))
    for line in OrderLine.objects.filter(order__customer=customer):
        if terms.pattern.search(f"{line.name} {line.sku}"):
            OrderLine.objects.filter(pk=line.pk).update(name=terms.scrub(line.name), sku=terms.scrub(line.sku))
    done = orders.update(**dict.fromkeys(ADDRESS, ""), data={})
    for order in orders.exclude(external_id=""):
        Order.objects.filter(pk=order.pk).update(external_id=terms.scrub(order.external_id))
    return {"orders": done, "kept mails": mails, "waiting work cancelled": ended}


def _forget_at_sendinblue(erasure: Erasure, confirmations: Sequence[OrderConfirmation]) -> None:
    # A mail that arrives there after its address was forgotten would bring it back.
    leaving = entry_mails.may_be_under_way(erasure.customer) or any(row.mail_tried_at for row in confirmations)
    for address in erasure.terms.addresses if settings.SENDINBLUE_API_KEY else ():
        for what in (Thing.SENDINBLUE_CONTACT, Thing.SENDINBLUE_LOG):
            deletions.ask(erasure.customer, what, address, may_be_under_way=leaving)


def _look(erasure: Erasure) -> None:
    _kept_mails(erasure.customer, erasure.terms, erasure.reading)


def _kept_mails(customer: User, terms: Terms, reading: Reading) -> set[int]:
    """The keys of the embedded side's mails that went to this customer, or are about an order of theirs."""
    addresses = frozenset(address.lower() for address in terms.addresses)

    def went_to_them(to: str) -> bool:
        return parseaddr(to)[1].lower() in addresses

    return _mails_of_orders(customer, reading) | reading.keys(StoredMail, ("to",), question=addresses, fits=went_to_them)


def _mails_of_orders(customer: User, reading: Reading) -> set[int]:
    numbers = frozenset(Order.objects.filter(customer=customer).values_list("number", flat=True))

    def is_of_theirs(params: dict[str, Any]) -> bool:
        return params.get("order_id") in numbers

    return reading.keys(StoredMail, ("params",), question=("orders", numbers), fits=is_of_theirs)


def _former(customer: User, reading: Reading) -> Iterator[str]:
    """Where mails about their orders went, unless every mail goes to one address of ours."""
    told = MailEvent.objects.filter(confirmation__order__customer=customer).values_list("recipient", flat=True).distinct()
    kept = StoredMail.objects.filter(pk__in=_mails_of_orders(customer, reading))
    found = {*told, *(parseaddr(to)[1] for to in kept.values_list("to", flat=True))}
    yield from (address for address in found if "@" in address and address.lower() != settings.SENDINBLUE_TO_EMAIL.lower())


def _marks(customer: User) -> Iterator[str]:
    """By the number of an order of theirs, at an address or in an answer."""
    numbers = "|".join(map(str, sorted(Order.objects.filter(customer=customer).values_list("number", flat=True))))
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
privacy.register(privacy.Part(_export, KINDS, _erase, look=_look, former=_former, marks=_marks))
