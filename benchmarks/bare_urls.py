"""The one model, serializer and view of `benchmarks.bare`."""

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from rest_framework import generics, serializers


class Order(models.Model):
    """As many columns as an order's own row."""

    customer = models.CharField(max_length=150)
    status = models.CharField(max_length=10, default="placed")
    currency = models.CharField(max_length=3, default="EUR")
    external_id = models.CharField(max_length=100, blank=True)
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "bare"

    def __str__(self) -> str:
        return str(self.pk)


class OrderSerializer(serializers.ModelSerializer[Order]):
    """Every field."""

    class Meta:
        model = Order
        fields = "__all__"


class Orders(generics.CreateAPIView[Order]):
    """POST inserts one row."""

    queryset = Order.objects.all()
    serializer_class = OrderSerializer


def healthz(request: HttpRequest) -> HttpResponse:
    """Answers without the database, as the product's does."""
    return HttpResponse("ok")


urlpatterns = [path("api/orders/", Orders.as_view()), path("healthz", healthz)]
