"""Addresses of the orders' and customers' API, below /api/."""

from django.urls import re_path
from rest_framework.routers import SimpleRouter

from orders.api.feed import FeedView
from orders.api.views import CustomerViewSet, OrderViewSet
from orders.api.webhooks import WebhookViewSet

router = SimpleRouter()
# With or without the last slash: most programs follow Django's redirect with a GET, and the order would be lost without a word.
router.trailing_slash = "/?"
router.register("orders", OrderViewSet, basename="order")
router.register("customers", CustomerViewSet, basename="customer")
router.register("webhooks", WebhookViewSet, basename="webhook")
urlpatterns = [*router.urls, re_path("^events/?$", FeedView.as_view(), name="feed")]
