"""How an order that a program sends becomes a stored one: a new one, or the one that the same client gave this `external_id` before."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.models import User
from orders.api.serializers import OrderSerializer, checked, external_id_in
from orders.models import Order, OrderConfirmation, Status
from orders.placing import keep, place


def take_in(given: Any, *, creator: User | None) -> tuple[Order, bool]:
    """The order, and whether it is new. Raises ValidationError.

    A known `external_id` changes what may still be changed. `status` never goes back by that: "placed" sent again for an order that was
    shipped since is the old news that it was placed. Nor does it go further than to "placed": "shipped" that comes late would be an error
    once the order was delivered, though the same body was none before.
    """
    if creator is None and isinstance(given, Mapping) and given.get("external_id"):
        # An id is a client's own, so without one the order would not be known again, and a repeat would be a second order.
        detail = _("An id of your own needs an API key, so that the order is known again. Leave external_id out, or send a key.")
        raise ValidationError({"external_id": [ErrorDetail(detail, code="key_needed")]})
    known = _known(given, creator)
    if known is None:
        fields = checked(given)
        try:
            return _made(fields, creator), True
        except IntegrityError:
            # The same order came a second time while we looked at it.
            known = _known(given, creator)
            if known is None:
                raise
    return _changed(known, given), False


def _made(fields: dict[str, Any], creator: User | None) -> Order:
    order = place(fields.pop("customer"), fields.pop("lines"), created_by=creator, **fields)
    # What was written with it need not be read back to be shown.
    keep(order, "confirmations", [OrderConfirmation(order=order, version=order.version)] if order.is_told else [])
    return order


def _changed(known: Order, given: Mapping[str, Any]) -> Order:
    with transaction.atomic():
        order = Order.objects.select_for_update(of=("self",), no_key=True).select_related("customer__conversation").get(pk=known.pk)
        news = dict(given)
        _check_move(news.get("status"))
        if "status" in news and order.status != Status.DRAFT:
            del news["status"]
        form = OrderSerializer(order, data=news, partial=True)
        form.is_valid(raise_exception=True)
        return form.save()


def _check_move(status: Any) -> None:
    """What is no status at all, the serializer refuses."""
    if status in Status.values and status not in (Status.DRAFT, Status.PLACED):
        detail = _("Sent again, an order is a draft or placed. Make every other move with PATCH.")
        raise ValidationError({"status": [ErrorDetail(detail, code="bad_status")]})


def _known(given: Any, creator: User | None) -> Order | None:
    """The order to which this client gave the id; None for what can be no id, which the serializer then refuses."""
    external_id = external_id_in(given) if creator else ""
    return Order.objects.filter(Order.has_external_id(external_id), created_by=creator).first() if external_id else None
