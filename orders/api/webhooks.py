"""The API of webhooks: who is told of events, and what became of each telling."""

import uuid
from typing import Any, cast

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_serializer, extend_schema_view, inline_serializer
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.api.parsers import JsonParser
from accounts.api.permissions import IsStaffOrKey, MayUseModel
from accounts.api.schema import answer, example
from accounts.api.views import Api
from accounts.models import Scope, User
from chat.sentences import in_words
from orders import outgoing
from orders.api import examples
from orders.backends import endpoints
from orders.feed_models import Happening
from orders.webhook_models import WebhookDelivery, WebhookEndpoint

# Each event becomes a row for each of them.
MOST_OF_A_CLIENT = 20


class UnderWay(APIException):
    """409: somebody is sending it at this very moment."""

    status_code = 409
    default_detail = _("This delivery is being sent. Try again in a moment.")
    default_code = "under_way"


class SwitchedOff(APIException):
    """409: nothing is sent there, so there is nothing to begin."""

    status_code = 409
    default_detail = _("This webhook is switched off, so nothing would be sent. Switch it on first.")
    default_code = "switched_off"


@extend_schema_serializer(examples=[answer(examples.ENDPOINT)])
class WebhookSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    """An address that is told. `types` empty: of everything. `is_active` false with an `off_reason`: it failed for too long."""

    id = serializers.CharField(source="public_id", read_only=True)
    url = serializers.CharField(max_length=500)
    types = serializers.ListField(child=serializers.ChoiceField(choices=Happening.choices), required=False, max_length=len(Happening))

    class Meta:
        model = WebhookEndpoint
        fields = ["id", "url", "types", "is_active", "off_reason", "failing_since", "created_at"]
        read_only_fields = ["off_reason", "failing_since", "created_at"]

    def validate_url(self, url: str) -> str:
        """Only where a webhook may go."""
        if refused := endpoints.refusal(url):
            raise serializers.ValidationError(in_words(refused), code="address_refused")
        return url

    def update(self, instance: WebhookEndpoint, validated_data: dict[str, Any]) -> WebhookEndpoint:
        """Switching it on forgets why it was off; of another address nobody knows that it failed."""
        if validated_data.get("is_active"):
            outgoing.switch_on(instance)
            instance.refresh_from_db()
        if validated_data.get("url", instance.url) != instance.url:
            instance.failing_since = None
        return super().update(instance, validated_data)


@extend_schema_serializer(examples=[answer(examples.DELIVERY)])
class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """One telling. `id` is what the receiver got as `webhook-id`; `sequence` is the event's number in the feed.

    `status_code` is what the last attempt was answered, whether or not it was 2xx; null where no answer came, or none was asked for yet.
    `next_attempt_at` is null unless it is waiting.
    """

    id = serializers.UUIDField(source="public_id", read_only=True)
    sequence = serializers.IntegerField(source="event.sequence", read_only=True)
    type = serializers.CharField(source="event.type", read_only=True)
    next_attempt_at = serializers.DateTimeField(source="next_attempt", read_only=True, allow_null=True)

    class Meta:
        model = WebhookDelivery
        fields = [
            "id",
            "sequence",
            "type",
            "state",
            "attempts",
            "next_attempt_at",
            "finished_at",
            "status_code",
            "last_error",
            "error_code",
        ]
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(summary="List webhooks"),
    retrieve=extend_schema(summary="Read a webhook"),
    create=extend_schema(
        summary="Register a webhook",
        examples=[example({"url": "https://shop.example.com/hooks/orders", "types": ["order.told", "order.not_told"]})],
    ),
    partial_update=extend_schema(summary="Change a webhook", examples=[example({"is_active": True}, "switched on again")]),
    destroy=extend_schema(summary="Delete a webhook"),
)
class WebhookViewSet(
    Api,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    GenericViewSet[WebhookEndpoint],
):
    """Webhooks of the caller's own client; another client's are a 404."""

    queryset = WebhookEndpoint.objects.all()
    serializer_class = WebhookSerializer
    permission_classes = [IsStaffOrKey, MayUseModel]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    parser_classes = [JsonParser]
    lookup_field = "public_id"
    lookup_value_regex = r"WHK-[0-9a-f-]{36}"

    def needed_scope(self, request: Request) -> Scope:
        """Who may read the secret could sign in our name."""
        return Scope.ORDERS_WRITE if self.action == "secret" else super().needed_scope(request)

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        """Whoever registers an address is the one who may change it; locked, because a save writes all that it read."""
        user = getattr(self.request, "user", None)
        own = WebhookEndpoint.objects.filter(created_by=user) if isinstance(user, User) else WebhookEndpoint.objects.none()
        return own.select_for_update(no_key=True) if self.action == "partial_update" else own

    @transaction.atomic
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change what is sent; a new secret and being switched off stay, also in this moment."""
        return super().partial_update(request, *args, **kwargs)

    def perform_create(self, serializer: Any) -> None:
        """It is the client's own, and one of a few."""
        with transaction.atomic():
            # One after the other, so that each counts the others.
            client = User.objects.select_for_update(no_key=True).get(pk=cast(User, self.request.user).pk)
            if self.get_queryset().count() >= MOST_OF_A_CLIENT:
                raise serializers.ValidationError(_("A client has at most %d webhooks.") % MOST_OF_A_CLIENT, code="too_many")
            serializer.save(created_by=client)

    @extend_schema(
        operation_id="webhooks_secret",
        summary="Read the secret that signs",
        responses=OpenApiResponse(
            inline_serializer("WebhookSecret", {"secret": serializers.CharField()}), examples=[answer(examples.SECRET, "the secret")]
        ),
    )
    @action(detail=True, pagination_class=None)
    def secret(self, request: Request, public_id: str) -> Response:
        """What signs, as `whsec_…`: the receiver verifies by it."""
        return Response({"secret": outgoing.shown_secret(self.get_object())})

    @extend_schema(summary="List a webhook's deliveries", responses=DeliverySerializer(many=True))
    @action(detail=True, serializer_class=DeliverySerializer)
    def deliveries(self, request: Request, public_id: str) -> Response:
        """What became of each telling, the newest first."""
        rows: QuerySet[Any] = self.get_object().deliveries.select_related("event")
        return self.get_paginated_response(DeliverySerializer(self.paginate_queryset(rows) or [], many=True).data)

    @extend_schema(
        operation_id="webhooks_deliveries_resend",
        summary="Send a delivery again",
        request=None,
        responses={202: DeliverySerializer},
        parameters=[],
    )
    @action(detail=True, methods=["post"], url_path="deliveries/(?P<delivery>[0-9a-f-]{36})/resend", serializer_class=DeliverySerializer)
    def resend(self, request: Request, public_id: str, delivery: str) -> Response:
        """Send it once more under the same id: 202.

        409 changes nothing: `under_way` while an attempt is under way, `switched_off` while the webhook is off.
        """
        row = _found(self.get_object().deliveries.select_related("event"), delivery)
        if not row.send_again():
            raise UnderWay if row.endpoint.is_active else SwitchedOff
        row.refresh_from_db()
        return Response(DeliverySerializer(row).data, status=202)


def _found(deliveries: QuerySet[WebhookDelivery], public_id: str) -> WebhookDelivery:
    try:
        return deliveries.get(public_id=uuid.UUID(public_id))
    except (ValueError, WebhookDelivery.DoesNotExist):
        raise NotFound from None
