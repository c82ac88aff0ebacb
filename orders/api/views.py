"""The API of orders and customers."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.api.parsers import JsonParser
from accounts.api.permissions import IsStaffOrKey, MayUseModel
from accounts.api.serializers import CustomerSerializer, customers
from accounts.api.views import Api
from accounts.models import User
from orders.api.serializers import OrderSerializer
from orders.models import Order


class OrderViewSet(
    Api, mixins.CreateModelMixin, mixins.RetrieveModelMixin, mixins.UpdateModelMixin, mixins.ListModelMixin, GenericViewSet[Order]
):
    """Orders by their number: list, read, make, change the status."""

    queryset = Order.objects.select_related("customer__conversation").prefetch_related("lines", "confirmations")
    serializer_class = OrderSerializer
    permission_classes = [IsStaffOrKey, MayUseModel]
    http_method_names = ["get", "post", "patch", "head", "options"]
    parser_classes = [JsonParser]
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Order]:
        """All orders; the one to be changed is locked, so that of two changes at once the second sees the first."""
        orders = super().get_queryset()
        return orders.select_for_update(of=("self",)) if self.action == "partial_update" else orders

    @transaction.atomic
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change the status, the address, the shop's own id or its data."""
        return super().partial_update(request, *args, **kwargs)


class CustomerViewSet(
    Api, mixins.CreateModelMixin, mixins.RetrieveModelMixin, mixins.UpdateModelMixin, mixins.ListModelMixin, GenericViewSet[User]
):
    """Customers by their username: list, read, make, change."""

    queryset = User.objects.none()
    serializer_class = CustomerSerializer
    permission_classes = [IsStaffOrKey, MayUseModel]
    http_method_names = ["get", "post", "patch", "head", "options"]
    parser_classes = [JsonParser]
    lookup_field = "username"
    # PostgreSQL refuses to look for a NUL, and no name has one.
    lookup_value_regex = r"[^/\x00]{1,150}"

    def get_queryset(self) -> QuerySet[User]:
        """Customers only: staff, agents and API clients are nobody's business here."""
        return customers()
