"""The API of orders and customers."""

from django.db.models import QuerySet
from rest_framework import mixins
from rest_framework.viewsets import GenericViewSet

from accounts.api.permissions import IsStaffOrKey, MayUseModel
from accounts.api.serializers import CustomerSerializer, customers
from accounts.models import User
from orders.api.serializers import OrderSerializer
from orders.models import Order


class OrderViewSet(
    mixins.CreateModelMixin, mixins.RetrieveModelMixin, mixins.UpdateModelMixin, mixins.ListModelMixin, GenericViewSet[Order]
):
    """Orders by their number: list, read, make, change the status."""

    queryset = Order.objects.select_related("customer__conversation").prefetch_related("lines", "confirmations")
    serializer_class = OrderSerializer
    permission_classes = [IsStaffOrKey, MayUseModel]
    http_method_names = ["get", "post", "patch", "head", "options"]
    lookup_value_regex = "[0-9]{1,18}"


class CustomerViewSet(
    mixins.CreateModelMixin, mixins.RetrieveModelMixin, mixins.UpdateModelMixin, mixins.ListModelMixin, GenericViewSet[User]
):
    """Customers by their username: list, read, make, change."""

    queryset = User.objects.none()
    serializer_class = CustomerSerializer
    permission_classes = [IsStaffOrKey, MayUseModel]
    http_method_names = ["get", "post", "patch", "head", "options"]
    lookup_field = "username"
    lookup_value_regex = "[^/]{1,150}"

    def get_queryset(self) -> QuerySet[User]:
        """Customers only: staff, agents and API clients are nobody's business here."""
        return customers()
