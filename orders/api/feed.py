"""`GET /api/events/`: what happened, in one order without gaps."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import IsStaffOrKey, MayUseModel
from accounts.api.schema import answer
from accounts.api.views import Api
from orders import feed
from orders.api import examples
from orders.feed_models import Happening
from orders.models import Order


class Asked(serializers.Serializer[Any]):
    """Which events. `after`: the last number that the caller has."""

    after = serializers.IntegerField(default=0, min_value=0, max_value=2**53)
    limit = serializers.IntegerField(default=100, min_value=1, max_value=feed.LONGEST_PAGE)
    type = serializers.MultipleChoiceField(choices=Happening.choices, required=False)


class OrderNamed(serializers.Serializer[Any]):
    """The order it is about."""

    number = serializers.IntegerField()
    external_id = serializers.CharField()
    customer = serializers.CharField()


class FeedEventShape(serializers.Serializer[Any]):
    """One event. `data` depends on the type (docs/api.md)."""

    sequence = serializers.IntegerField()
    type = serializers.ChoiceField(choices=Happening.choices)
    happened_at = serializers.DateTimeField()
    order = OrderNamed(allow_null=True)
    conversation_id = serializers.CharField(allow_null=True)
    # Named like the serializer's own attribute, which the metaclass leaves alone.
    data = serializers.DictField()  # type: ignore[assignment]


@extend_schema_serializer(examples=[answer(examples.FEED)])
class FeedShape(serializers.Serializer[Any]):
    """A page. `last`: the number to ask on from; `has_more`: whether to do so at once."""

    events = FeedEventShape(many=True)
    last = serializers.IntegerField()
    has_more = serializers.BooleanField()


class FeedView(Api):
    """The feed, for whoever may read orders."""

    queryset = Order.objects.none()
    permission_classes = [IsStaffOrKey, MayUseModel]

    def parameters(self, request: Request) -> set[str]:
        """Which events."""
        return super().parameters(request) | Asked().fields.keys()

    @extend_schema(operation_id="events_list", summary="List what happened", parameters=[Asked], responses=FeedShape)
    def get(self, request: Request) -> Response:
        """Events after a number. Ask again with `last` as `after`; nothing is ever missing between two pages."""
        asked = Asked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        after, limit = asked.validated_data["after"], asked.validated_data["limit"]
        events, last = feed.page(after=after, limit=limit, types=sorted(asked.validated_data.get("type", [])))
        if after > last:
            # Whoever goes on from there would hear nothing for long, as after a restore of ours.
            raise ValidationError({"after": [_("There is no event of this number yet.")]}, code="future_sequence")
        is_full = len(events) == limit
        newest = (events and events[-1].sequence) or after
        # More may have been numbered between the two looks: what is handed out here is never handed out again.
        seen = newest if is_full else max(last, newest)
        return Response({"events": [feed.shape(event) for event in events], "last": seen, "has_more": is_full and seen < last})
