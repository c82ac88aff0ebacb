"""That a customer is here as a person, and that they want to be called."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import example
from chat import conversations, shapes
from chat.api.serializers import EventShape
from chat.api.views import SPEAKER, PartyView
from chat.phones import calls

LONGEST_NUMBER = 40
# Nothing is wrong with the number: it is the moment that does not fit.
STATUSES = {"not_available": 409, "nobody_on_duty": 409, "call_open": 409, "too_many_calls": 429}


class NewCall(serializers.Serializer[Any]):
    """Where to call; empty means the number that the shop has. `about`: the order's number."""

    phone = serializers.CharField(max_length=LONGEST_NUMBER, allow_blank=True, default="")
    about = serializers.IntegerField(required=False, min_value=1, max_value=2**53)


class NotNow(APIException):
    """409 or 429: the same may work later."""

    def __init__(self, refused: conversations.RefusedError) -> None:
        super().__init__(str(refused), refused.code)
        self.status_code = STATUSES[refused.code]


class Present(PartyView):
    """The customer is at the page, as a person."""

    @extend_schema(
        operation_id="conversations_present",
        summary="Say that the customer is at the page",
        request=None,
        responses={204: None},
        parameters=[SPEAKER],
    )
    def post(self, request: Request, conversation_id: str) -> Response:
        """Tell the agents on duty, once in each waiting episode. From anybody but the customer it means nothing."""
        conversations.arrive(self.party(request, conversation_id).member())
        return Response(status=204)


class Calls(PartyView):
    """Calls that the customer asks for."""

    @extend_schema(
        operation_id="conversations_calls_create",
        summary="Ask for a call",
        request=NewCall,
        responses={200: EventShape, 201: EventShape},
        parameters=[SPEAKER],
        examples=[example({"phone": "+49 30 901820", "about": 1001})],
    )
    def post(self, request: Request, conversation_id: str) -> Response:
        """Ask for a call: 201 and the event that tells of it; 200 and that event while such a call is under way."""
        me = self.party(request, conversation_id).member()
        if not me.is_customer:
            raise PermissionDenied(_("Only the customer can ask for a call."))
        given = NewCall(data=request.data)
        given.is_valid(raise_exception=True)
        wanted: dict[str, Any] = given.validated_data
        try:
            event, is_new = calls.ask(me, wanted["phone"], about=wanted.get("about"))
        except conversations.RefusedError as refused:
            if refused.code in STATUSES:
                raise NotNow(refused) from None
            raise ValidationError({refused.field: [str(refused)]}, code=refused.code) from None
        return Response(shapes.event(event, me.conversation), status=201 if is_new else 200)
