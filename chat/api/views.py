"""The API of conversations: the list for agents, and the events of one for whoever may read it."""

import math
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, NotFound, PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import SAFE_METHODS, AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import callers
from accounts.api.pagination import ByCursor, in_utc
from accounts.api.parsers import JsonParser
from accounts.api.schema import example
from accounts.api.views import Api
from accounts.models import Scope, User
from chat import access, conversations, desk, finding, shapes
from chat.api import serializers
from chat.models import Conversation

SPEAKER = OpenApiParameter(
    "as", str, description="As whom the caller speaks, where the browser holds an agent's log-in and a customer's link."
)


class ByLastEvent(ByCursor):
    """Conversations with the newest event first."""

    ordering = ("-last_event_at", "-pk")

    def check_position(self, position: str) -> None:
        """A time."""
        in_utc(datetime.fromisoformat(position))


class ConversationList(Api, GenericAPIView[Conversation]):
    """Every conversation, for agents."""

    scopes = (Scope.CHAT, Scope.CHAT)
    permission_classes = [IsAuthenticated]
    pagination_class = ByLastEvent
    serializer_class = serializers.ConversationShape
    queryset = Conversation.objects.none()

    def parameters(self, request: Request) -> set[str]:
        """Which conversations; the pages name the speaker at all addresses, though only agents speak here."""
        return super().parameters(request) | serializers.Wanted().fields.keys() | {SPEAKER.name}

    def get_queryset(self) -> QuerySet[Conversation]:
        """Every agent may read every conversation; `?waiting=1` asks for those alone whose customer waits, `?q=` for what that finds."""
        wanted = serializers.Wanted(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        found = finding.meant_by(wanted.validated_data["q"]).select_related("customer")
        return found.waiting() if wanted.validated_data["waiting"] else found

    @extend_schema(
        operation_id="conversations_list",
        summary="List conversations",
        parameters=[serializers.Wanted, SPEAKER],
        responses=serializers.ConversationShape(many=True),
    )
    def get(self, request: Request) -> Response:
        """Newest event first."""
        if not isinstance(request.user, User) or not request.user.is_agent:
            raise PermissionDenied(_("Only agents see every conversation."))
        words = request.query_params.get("q", "")
        rows = desk.rows(self.paginate_queryset(self.get_queryset()) or [], request.user, words=finding.cleaned(words))
        return self.get_paginated_response(rows)


class PartyView(Api):
    """A view of one conversation, for those whom `chat/access.py` lets in; for everybody else it is a 404."""

    scopes = (Scope.CHAT, Scope.CHAT)
    permission_classes = [AllowAny]
    parser_classes = [JsonParser]

    def parameters(self, request: Request) -> set[str]:
        """As whom the caller speaks."""
        return {*super().parameters(request), SPEAKER.name}

    def party(self, request: Request, conversation_id: str) -> access.Party:
        """The caller's side. A browser's writes carry the CSRF token, a link's session included (DRF asks it of log-ins only)."""
        if request.auth is None and request.method not in SAFE_METHODS:
            SessionAuthentication().enforce_csrf(request)
        user = callers.user_of(request)
        try:
            return access.party(
                conversation_id=conversation_id,
                username=request.query_params.get("as", ""),
                user=user,
                session=request._request.session if request.auth is None else None,
            )
        except access.UnconfirmedError as error:
            raise PermissionDenied(_("This is a new device. Enter the code that we mail to you on the order's page."), error.code) from None
        except access.NoAccessError:
            raise NotFound(_("There is no such conversation.")) from None

    def told_again(self, request: Request, body: str, *args: Any, **kwargs: Any) -> str:
        """All of it, to who may still come in."""
        self.party(request, kwargs["conversation_id"])
        return body


class Events(PartyView):
    """The events of one conversation."""

    def parameters(self, request: Request) -> set[str]:
        """Which events, where they are read."""
        return super().parameters(request) | (serializers.Window().fields.keys() if request.method in SAFE_METHODS else set())

    @extend_schema(
        operation_id="conversations_events_list",
        summary="Read a conversation's events",
        parameters=[serializers.Window, SPEAKER],
        responses=serializers.EventsShape,
    )
    def get(self, request: Request, conversation_id: str) -> Response:
        """A page of events in order: after a number, before one, or the newest."""
        conversation = self.party(request, conversation_id).conversation
        window = serializers.Window(data=request.query_params)
        window.is_valid(raise_exception=True)
        asked: dict[str, Any] = window.validated_data
        _check_number(conversation, asked.get("after"), field="after")
        found = conversations.history(conversation, after=asked.get("after"), before=asked.get("before"), limit=asked["limit"])
        first, last = (found[0].sequence, found[-1].sequence) if found else (0, 0)
        has_more = bool(found) and (last < conversation.sequence if "after" in asked else first > 1)
        answer = {"events": shapes.events(found, conversation), "sequence": conversation.sequence, "has_more": has_more}
        return Response(answer | {"members": shapes.members(conversation)})

    @extend_schema(
        operation_id="conversations_events_create",
        summary="Write a message",
        request=serializers.NewEvent,
        responses={200: serializers.EventShape, 201: serializers.EventShape},
        parameters=[SPEAKER],
        examples=[
            example({"type": "message", "body": {"text": "It left our house this morning.", "about": 1001}, "client_key": "answer-4711"})
        ],
    )
    def post(self, request: Request, conversation_id: str) -> Response:
        """Add a message: 201, or 200 with the stored event where the client key was used before."""
        me = self.party(request, conversation_id).member()
        try:
            body = conversations.body_of(request.data)
            given = serializers.NewEvent(data=request.data)
            given.is_valid(raise_exception=True)
            more = {name: given.validated_data.get(name) for name in ("vonage_after", "based_on")} | {
                "key": given.validated_data.get("client_key")
            }
            _check_number(me.conversation, more["based_on"], field="based_on")
            stored = conversations.send(me, body["text"], about=body.get("about"), **more)
        except conversations.RefusedError as refused:
            raise _problem(refused) from None
        return Response(shapes.event(stored.event, me.conversation), status=201 if stored.is_new else 200)


class Seen(PartyView):
    """How far the caller has read."""

    @extend_schema(
        operation_id="conversations_seen",
        summary="Say how far the caller has read",
        request=serializers.Seen,
        responses={204: None},
        parameters=[SPEAKER],
        examples=[example({"sequence": 2})],
    )
    def post(self, request: Request, conversation_id: str) -> Response:
        """Move the mark forward."""
        me = self.party(request, conversation_id).member()
        given = serializers.Seen(data=request.data)
        given.is_valid(raise_exception=True)
        sequence = given.validated_data["sequence"]
        _check_number(me.conversation, sequence, field="sequence")
        conversations.see(me, sequence)
        return Response(status=204)


class Solve(PartyView):
    """That nothing is left to do, until the customer writes again."""

    @extend_schema(
        operation_id="conversations_solve",
        summary="Mark a conversation as solved",
        request=serializers.Solve,
        responses={200: serializers.EventShape, 201: serializers.EventShape},
        parameters=[SPEAKER],
        examples=[example({"sequence": 2, "client_key": "solved-4711"})],
    )
    def post(self, request: Request, conversation_id: str) -> Response:
        """For agents: 201 and the event that tells so; 200 and the event of before where nothing was said since."""
        me = self.party(request, conversation_id).member()
        given = serializers.Solve(data=request.data)
        given.is_valid(raise_exception=True)
        sequence = given.validated_data.get("sequence")
        _check_number(me.conversation, sequence, field="sequence")
        try:
            stored = conversations.solve(me, key=given.validated_data.get("client_key"), sequence=sequence)
        except conversations.RefusedError as refused:
            raise _problem(refused) from None
        return Response(shapes.event(stored.event, me.conversation), status=201 if stored.is_new else 200)


class WrittenSince(APIException):
    """409: there is something to read first."""

    status_code = 409


class TooFast(APIException):
    """429: the same message will be taken after `wait` seconds; DRF makes them Retry-After."""

    status_code = 429

    def __init__(self, refused: conversations.RefusedError) -> None:
        super().__init__(str(refused), refused.code)
        self.wait = math.ceil(refused.after_seconds or 1)


def _problem(refused: conversations.RefusedError) -> APIException:
    if refused.code == "too_fast":
        return TooFast(refused)
    if refused.code == "agents_only":
        return PermissionDenied(str(refused), refused.code)
    if refused.code == "written_since":
        return WrittenSince(str(refused), refused.code)
    return ValidationError(_nested(refused.field, str(refused)), code=refused.code)


def _check_number(conversation: Conversation, number: int | None, *, field: str) -> None:
    """Raise the refusal of an event's number that was never given: the caller's log is not this conversation's."""
    if number is not None and number > conversation.sequence:
        raise ValidationError({field: [_("The conversation has no event of this number yet.")]}, code="future_sequence")


def _nested(path: str, detail: str) -> dict[str, Any]:
    """{"body": {"text": [detail]}} for "body.text"."""
    head, _dot, rest = path.partition(".")
    return {head: _nested(rest, detail)} if rest else {head: [detail]}
