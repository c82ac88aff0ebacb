"""The API of orders and customers."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts import addresses, callers
from accounts.api.parsers import JsonParser
from accounts.api.permissions import IsStaffOrKey, MayUseModel
from accounts.api.schema import answer, example
from accounts.api.serializers import CustomerSerializer
from accounts.api.views import Api, is_dry_run
from accounts.models import User
from orders.api import examples, telling
from orders.api.filters import CustomerFilter, OrderFilter, Ordering
from orders.api.intake import take_in
from orders.api.serializers import OrderSerializer, as_json
from orders.models import Order
from orders.rehearsal import rehearse, webhooks


class RehearsedOrder(serializers.Serializer[Any]):
    """What posting the order would come to. `why_no_mail` is null where a mail would go out."""

    order = OrderSerializer()
    is_new = serializers.BooleanField()
    conversation = telling.ConversationToBe()
    event = telling.EventToBe(allow_null=True)
    mail = telling.MailShape(allow_null=True)
    why_no_mail = telling.ReasonShape(allow_null=True)
    webhooks = telling.WebhookToBe(many=True)


KNOWN_OR_REHEARSED = PolymorphicProxySerializer(
    component_name="KnownOrRehearsedOrder", serializers=[OrderSerializer, RehearsedOrder], resource_type_field_name=None
)
STORED_OR_REHEARSED = OpenApiResponse(
    KNOWN_OR_REHEARSED, examples=[answer(examples.ORDER, "the order of before"), answer(examples.REHEARSED, "a dry run")]
)


@extend_schema_view(
    list=extend_schema(summary="List orders"),
    retrieve=extend_schema(summary="Read an order"),
    partial_update=extend_schema(summary="Change an order", examples=[example({"status": "shipped"}, "it was sent")]),
)
class OrderViewSet(Api, mixins.RetrieveModelMixin, mixins.UpdateModelMixin, mixins.ListModelMixin, GenericViewSet[Order]):
    """Orders by their number: list, read, make, change the status."""

    queryset = Order.objects.select_related("customer__conversation").prefetch_related("lines", "confirmations")
    serializer_class = OrderSerializer
    permission_classes = [IsStaffOrKey, MayUseModel]
    http_method_names = ["get", "post", "patch", "head", "options"]
    parser_classes = [JsonParser]
    lookup_value_regex = "[0-9]{1,18}"
    filter_backends = [DjangoFilterBackend, Ordering]
    filterset_class = OrderFilter
    ordering_fields = ("number", "created_at", "updated_at")
    ordering = ("-number",)

    def get_queryset(self) -> QuerySet[Order]:
        """All orders; the one to be changed is locked, so that of two changes at once the second sees the first."""
        orders = super().get_queryset()
        if self.action == "explain":
            return orders.prefetch_related("confirmations__mail_events")
        return orders.select_for_update(of=("self",), no_key=True) if self.action == "partial_update" else orders

    @extend_schema(summary="Place an order", responses={200: STORED_OR_REHEARSED, 201: OrderSerializer})
    def create(self, request: Request) -> Response:
        """201 with the new order; 200 with the one that this client gave the same `external_id`, changed where it still may be."""
        order, is_new = take_in(request.data, creator=callers.user_of(request))
        shown = as_json(order)
        if is_dry_run(request):
            rehearsal = telling.rehearsal(rehearse(order), order)
            return Response({"order": shown, "is_new": is_new, **rehearsal, "webhooks": webhooks(order, is_new=is_new)})
        return Response(shown, status=201 if is_new else 200)

    @transaction.atomic
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change the status, the address, the shop's own id or its data."""
        return super().partial_update(request, *args, **kwargs)

    @extend_schema(operation_id="orders_explain", summary="Explain whether the customer was told", responses=telling.ExplainShape)
    @action(detail=True, filter_backends=[], pagination_class=None)
    def explain(self, request: Request, pk: str) -> Response:
        """Why the customer was or wasn't told, in words and codes."""
        return Response(telling.explain(self.get_object()))


@extend_schema_view(
    list=extend_schema(summary="List customers"),
    retrieve=extend_schema(summary="Read a customer"),
    create=extend_schema(summary="Make a customer"),
    partial_update=extend_schema(summary="Change a customer", examples=[example({"phone": "+49 30 901820", "language": "en"})]),
)
class CustomerViewSet(
    Api, mixins.CreateModelMixin, mixins.RetrieveModelMixin, mixins.UpdateModelMixin, mixins.ListModelMixin, GenericViewSet[User]
):
    """Customers by their username: list, read, make, change."""

    queryset = User.objects.none()
    serializer_class = CustomerSerializer
    permission_classes = [IsStaffOrKey, MayUseModel]
    http_method_names = ["get", "post", "patch", "head", "options"]
    parser_classes = [JsonParser]
    filter_backends = [DjangoFilterBackend]
    filterset_class = CustomerFilter
    lookup_field = "username"
    # PostgreSQL refuses to look for a NUL, and no name has one.
    lookup_value_regex = r"[^/\x00]{1,150}"

    def get_queryset(self) -> QuerySet[User]:
        """Customers only: staff, agents and API clients are nobody's business here. Whoever is to be changed is locked, as an order is: a
        save writes all that it read, and must neither undo another change nor an erasure.
        """
        customers = User.customers()
        return customers.select_for_update(of=("self",), no_key=True) if self.action == "partial_update" else customers

    @transaction.atomic
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change what is sent, and nothing else."""
        return super().partial_update(request, *args, **kwargs)

    def perform_update(self, serializer: Any) -> None:
        """Another mail address is told to the one before."""
        before = serializer.instance.email
        person = serializer.save()
        addresses.changed(person, before=before, by=self.request.user if isinstance(self.request.user, User) else None)
