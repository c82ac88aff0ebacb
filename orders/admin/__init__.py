"""Orders in the admin: the clerk's way in, and the operators' look at what is told."""

from orders.admin.confirmation import OrderConfirmationAdmin
from orders.admin.order import OrderAdmin
from orders.admin.progress import OrderStatusChangeAdmin
from orders.admin.webhooks import WebhookDeliveryAdmin, WebhookEndpointAdmin

__all__ = ["OrderAdmin", "OrderConfirmationAdmin", "OrderStatusChangeAdmin", "WebhookDeliveryAdmin", "WebhookEndpointAdmin"]
