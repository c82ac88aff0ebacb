"""The one signal: what an order's save sets off is written as rows, in the same transaction, and nothing else happens here."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from orders.models import Order, OrderConfirmation, OrderStatusChange, Status


@receiver(post_save, sender=Order, dispatch_uid="orders.saved")
def saved(sender: type[Order], instance: Order, raw: bool, **kwargs: Any) -> None:
    """Write the row that tells the customer of this version, and one for a status that moved on since.

    Lines are read by the worker, once everything is committed.
    """
    if raw:
        return
    if instance.is_told:
        OrderConfirmation.objects.get_or_create(order=instance, version=instance.version)
    before = instance.stored_status
    if before not in {None, Status.DRAFT, instance.status}:
        OrderStatusChange.objects.create(order=instance, previous=before, status=instance.status)
