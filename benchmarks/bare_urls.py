"""The models, serializers and views of `benchmarks.bare`."""

from typing import Any

from django.db import models, transaction
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


class Line(models.Model):
    """One article of an order."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    name = models.CharField(max_length=200)
    sku = models.CharField(max_length=64, blank=True)
    quantity = models.PositiveIntegerField(default=1)
    unit_price = models.DecimalField(max_digits=14, decimal_places=4)

    class Meta:
        app_label = "bare"

    def __str__(self) -> str:
        return self.name


class ToSend(models.Model):
    """A row of an outbox that nobody works on."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE)
    state = models.CharField(max_length=10, default="waiting")
    next_attempt_at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "bare"

    def __str__(self) -> str:
        return str(self.pk)


class OrderSerializer(serializers.ModelSerializer[Order]):
    """Every field."""

    class Meta:
        model = Order
        fields = "__all__"


class LineSerializer(serializers.ModelSerializer[Line]):
    """One article."""

    class Meta:
        model = Line
        fields = ("name", "sku", "quantity", "unit_price")


class WholeOrderSerializer(OrderSerializer):
    """An order with its lines, and the row that would tell of it."""

    lines = LineSerializer(many=True)

    @transaction.atomic
    def create(self, validated_data: dict[str, Any]) -> Order:
        """Three statements, one commit."""
        lines = validated_data.pop("lines")
        order = Order.objects.create(**validated_data)
        Line.objects.bulk_create(Line(order=order, **line) for line in lines)
        ToSend.objects.create(order=order)
        return order


class Orders(generics.CreateAPIView[Order]):
    """POST inserts one row."""

    queryset = Order.objects.all()
    serializer_class = OrderSerializer


class WholeOrders(Orders):
    """POST inserts an order, its lines and a row to be sent."""

    serializer_class = WholeOrderSerializer


def healthz(request: HttpRequest) -> HttpResponse:
    """Answers without the database, as the product's does."""
    return HttpResponse("ok")


urlpatterns = [path("api/orders/", Orders.as_view()), path("api/whole-orders/", WholeOrders.as_view()), path("healthz", healthz)]
