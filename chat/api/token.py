"""A Client SDK token for the caller's own side of one conversation."""

from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import PROBLEM, ProblemShape, answer
from chat import mirror, shapes, tokens
from chat.api import examples
from chat.api.views import SPEAKER, PartyView
from chat.mirrored import EventKind
from chat.models import Member


class NotConfigured(APIException):
    """409: no retry helps."""

    status_code = 409
    default_detail = _("Vonage is not configured here; the chat goes over our own socket.")
    default_code = "vonage_not_configured"


class RefusedByVonage(APIException):
    """409: an operator can ask Vonage again (admin, what Vonage refuses)."""

    status_code = 409
    default_detail = _("Vonage takes no messages; the chat goes over our own socket.")
    default_code = "refused_by_vonage"


class NotMirroredYet(APIException):
    """503: the worker is about to make it."""

    status_code = 503
    default_detail = _("The conversation is not at Vonage yet. Ask again in a moment.")
    default_code = "not_mirrored_yet"
    wait = 2  # DRF turns it into Retry-After


@extend_schema_serializer(examples=[answer(examples.TOKEN)])
class TokenShape(serializers.Serializer[Any]):
    """A token for the Client SDK and the ids at Vonage that go with it."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField()
    user_name = serializers.CharField()
    conversation_id = serializers.CharField()


class ClientToken(PartyView):
    """A token with which the caller's browser speaks to Vonage as the caller, and in this conversation only."""

    @extend_schema(
        operation_id="conversations_token",
        summary="Get a token for Vonage's Client SDK",
        parameters=[SPEAKER],
        responses={200: TokenShape, (409, PROBLEM): ProblemShape},
    )
    def get(self, request: Request, conversation_id: str) -> Response:
        """A new token for an hour; 409 where Vonage is not configured or takes no messages, 503 until the conversation is there."""
        member = self.party(request, conversation_id).member()
        made = _made_for(member)
        if mirror.refusals_of(member.conversation, EventKind.MESSAGE).exists():
            raise RefusedByVonage
        if made is None:
            raise NotMirroredYet
        expires_at = shapes.timestamp(datetime.fromtimestamp(made.expires_at, UTC))
        answer = {"token": made.token, "expires_at": expires_at, "user_name": made.user_name, "conversation_id": made.conversation_id}
        return Response(answer)


def _made_for(member: Member) -> tokens.ClientToken | None:
    """None where the conversation is not at Vonage."""
    try:
        return tokens.mint_for(member)
    except tokens.NoTokenError as error:
        if error.code == "not_mirrored_yet":
            return None
        raise NotConfigured from None
