"""The one signal: what an order's save sets off is written as rows, in the same transaction, and nothing else happens here."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from orders import feed
from orders.feed_models import Happening
from orders.models import Order, OrderConfirmation, OrderStatusChange, Status


@receiver(post_save, sender=Order, dispatch_uid="orders.saved")
def saved(sender: type[Order], instance: Order, raw: bool, created: bool, **kwargs: Any) -> None:
    """Write the row that tells the customer of this version, and one for a status that moved on since.

    Lines are read by the worker, once everything is committed.
    """
    if raw:
        return
    before = instance.stored_status
    if instance.is_told and created:
        # Nobody can have told of it before; looking first would cost each new order three statements.
        OrderConfirmation.objects.create(order=instance, version=instance.version)
    elif instance.is_told:
        OrderConfirmation.objects.get_or_create(order=instance, version=instance.version)
    if before != instance.status:
        _tell_programs(instance, before)
    if before not in {None, Status.DRAFT, instance.status}:
        OrderStatusChange.objects.create(order=instance, previous=before, status=instance.status)


def _tell_programs(order: Order, before: str | None) -> None:
    """A row of the feed; that an order was placed the feed reads from its confirmation."""
    if before is None and order.status == Status.DRAFT:
        feed.add(Happening.ORDER_CREATED, order, key=order.number)
    elif before is not None and not (before == Status.DRAFT and order.is_told):
        feed.add(Happening.ORDER_STATUS_CHANGED, order, key=f"{order.number}:{order.status}", status=order.status, previous=before)
