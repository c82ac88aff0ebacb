"""The one signal: an order that was placed gets its confirmation row, in the same transaction, and nothing else happens here."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from orders.models import Order, OrderConfirmation


@receiver(post_save, sender=Order, dispatch_uid="orders.confirm")
def confirm(sender: type[Order], instance: Order, raw: bool, **kwargs: Any) -> None:
    """Write the row that tells the customer of this version. Lines are read by the worker, once everything is committed."""
    if raw or not instance.is_told:
        return
    OrderConfirmation.objects.get_or_create(order=instance, version=instance.version)
