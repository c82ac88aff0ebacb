"""How an order that a program sends becomes a stored one: a new one, or the one that the same client gave this `external_id` before."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from orders.api.serializers import OrderSerializer, checked
from orders.models import Order, OrderConfirmation, Status
from orders.placing import keep, place


def take_in(given: Any, *, creator: User | None) -> tuple[Order, bool]:
    """The order, and whether it is new. Raises ValidationError.

    A known `external_id` changes what may still be changed. `status` never goes back by that: "placed" sent again for an order that was
    shipped since is the old news that it was placed.
    """
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
        if news.get("status") in (Status.DRAFT, Status.PLACED) and order.status != Status.DRAFT:
            del news["status"]
        form = OrderSerializer(order, data=news, partial=True)
        form.is_valid(raise_exception=True)
        return form.save()


def _known(given: Any, creator: User | None) -> Order | None:
    """The order to which this client gave the id; None for what can be no id, which the serializer then refuses."""
    external_id = given.get("external_id") if isinstance(given, Mapping) else None
    if isinstance(external_id, int) and not isinstance(external_id, bool):
        external_id = str(external_id)
    if creator is None or not isinstance(external_id, str) or not external_id.strip().isprintable():
        return None
    return Order.objects.filter(created_by=creator, external_id=external_id.strip()).first() if external_id.strip() else None
