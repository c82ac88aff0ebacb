"""Conversation API v1: events."""

import json
import re
from typing import TYPE_CHECKING, Any

from tests.twins import vonage_shapes as shapes
from tests.twins.http import Request, Response, empty_response, json_response
from tests.twins.joi import Rule, check
from tests.twins.routes import Route
from tests.twins.vonage_auth import Caller
from tests.twins.vonage_conversations import find
from tests.twins.vonage_errors import refuse, refuse_invalid
from tests.twins.vonage_store import Conversation, Event, Member

if TYPE_CHECKING:
    from tests.twins.vonage import VonageTwin

MAXIMUM_TYPE_CHARACTERS = 100
MAXIMUM_CUSTOM_BODY_BYTES = 4096
CUSTOM_TYPE = re.compile(r"custom:[\w\-:]+")
CREATABLE_TYPES = [
    *("message", "message:submitted", "message:rejected", "message:undeliverable", "message:seen", "message:delivered", "ephemeral"),
    *("audio:play", "audio:play:stop", "audio:say", "audio:say:stop", "audio:dtmf", "audio:record", "audio:record:stop"),
    *("audio:mute:on", "audio:mute:off", "audio:earmuff:on", "audio:earmuff:off"),
]
MESSAGE_TYPES = ("text", "image", "audio", "video", "file", "template", "custom", "vcard", "location", "random")
EVENT = {"type": Rule(required=True, maximum=MAXIMUM_TYPE_CHARACTERS), "from": Rule(), "body": Rule("any")}
REFUSAL_CODES = {403: "conversation:error:not-allowed", 404: "http:error:not-found", 410: "http:error:gone"}
REFUSAL_DETAIL = "The messaging functionality of the Conversation API has been discontinued."


def create(twin: "VonageTwin", request: Request) -> Response:
    store, conversation = find(twin, request)
    fields = shapes.read_object(request)
    refuse_invalid(check(fields, EVENT))
    refuse_when_discontinued(twin, fields["type"])
    check_body(fields["type"], fields.get("body"))
    sender = find_sender(twin.authorize(request), conversation, fields.get("from"))
    event = store.add_event(conversation, fields["type"], sender=sender, body=fields.get("body") or {})
    return json_response(201, shapes.event(event, conversation.id))


def refuse_when_discontinued(twin: "VonageTwin", kind: str) -> None:
    """The dial `refuse_messaging`: {"message": 403, "custom": 410} ends a family of events for good."""
    status = twin.dials.refuse_messaging.get(kind.partition(":")[0])
    if status:
        code = REFUSAL_CODES.get(status, "conversation:error:not-allowed")
        refuse(code, status=status, detail=REFUSAL_DETAIL)


def check_body(kind: str, body: Any) -> None:
    """Raises a Refusal unless an event of this type may have this body."""
    if kind.startswith("custom:"):
        if not CUSTOM_TYPE.fullmatch(kind):
            refuse_invalid([{"name": "type", "reason": f'"type" with value "{kind}" fails to match the required pattern'}])
        _check_custom_body(body)
    elif kind not in CREATABLE_TYPES:
        refuse_invalid([{"name": "type", "reason": f'"type" must be one of [{", ".join(CREATABLE_TYPES)}, custom:*]'}])
    elif kind == "message":
        refuse_invalid(check(body, {"message_type": Rule(required=True, one_of=MESSAGE_TYPES), "text": Rule(), **_rest(body)}))
        if body["message_type"] == "text" and "text" not in body:
            refuse_invalid([{"name": "body.text", "reason": '"body.text" is required'}])


def _check_custom_body(body: Any) -> None:
    if not isinstance(body, dict):
        refuse_invalid([{"name": "body", "reason": '"body" is required' if body is None else '"body" must be of type object'}])
    if len(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()) > MAXIMUM_CUSTOM_BODY_BYTES:
        reason = f'"body" length must be less than or equal to {MAXIMUM_CUSTOM_BODY_BYTES} bytes long'
        refuse_invalid([{"name": "body", "reason": reason}])


def _rest(body: Any) -> dict[str, Rule]:
    """The parts of a message beside its type and text (image, file ...) are taken as they are."""
    return {name: Rule("any") for name in body if name not in ("message_type", "text")} if isinstance(body, dict) else {}


def find_sender(caller: Caller, conversation: Conversation, wanted: str | None) -> Member | None:
    """`from` is required with a user's token only, and must then be one of the user's own members."""
    if wanted is None:
        if caller.sub is not None:
            refuse_invalid([{"name": "from", "reason": '"from" is required'}])
        return None
    sender = conversation.members.get(wanted) or refuse("conversation:error:member-not-found")
    if sender.state != "JOINED":
        refuse("event:error:not-joined")
    if caller.sub is not None and sender.user.name != caller.sub:
        refuse("event:error:permission-denied")
    return sender


def index(twin: "VonageTwin", request: Request) -> Response:
    _, conversation = find(twin, request)
    events = selected(request, conversation)
    allowed = ["start_id", "end_id", "event_type", "exclude_deleted_events"]
    return shapes.page(request, events, show=lambda item: shapes.event(item, conversation.id), embed="", allowed=allowed)


def selected(request: Request, conversation: Conversation) -> list[Event]:
    """The events that the query asks for, ascending."""
    query = request.query
    limits = {name: query.get(name, "") for name in ("start_id", "end_id")}
    wrong = [name for name, value in limits.items() if value and not value.isdigit()]
    refuse_invalid([{"name": name, "reason": f'"{name}" must be a number'} for name in wrong])
    wanted = query.get("event_type", "")
    if wanted.startswith("custom"):
        refuse_invalid([{"name": "event_type", "reason": '"event_type" does not currently support custom events'}])
    without_deleted = query.get("exclude_deleted_events", "") == "true"
    return [
        event
        for event in conversation.events
        if event.id >= int(limits["start_id"] or 0)
        and (not limits["end_id"] or event.id <= int(limits["end_id"]))
        and wanted in ("", event.type)
        and not (without_deleted and event.is_deleted)
    ]


def show(twin: "VonageTwin", request: Request) -> Response:
    _, conversation = find(twin, request)
    return json_response(200, shapes.event(_find_event(request, conversation), conversation.id))


def delete(twin: "VonageTwin", request: Request) -> Response:
    """Only message and custom events, and with a user's token only the user's own."""
    _, conversation = find(twin, request)
    event, caller = _find_event(request, conversation), twin.authorize(request)
    is_deletable = event.type == "message" or event.type.startswith("custom:")
    if not is_deletable or (caller.sub and (event.sender is None or event.sender.user.name != caller.sub)):
        refuse("event:error:permission-denied")
    event.is_deleted = True
    return empty_response(204)


def _find_event(request: Request, conversation: Conversation) -> Event:
    wanted = request.parameters["event"]
    found = [event for event in conversation.events if str(event.id) == wanted and not event.is_deleted]
    return found[0] if found else refuse("event:error:not-found")


EVENTS = "/v1/conversations/{conversation}/events"
ROUTES: list[Route["VonageTwin"]] = [
    Route("POST", EVENTS, "vonage.create_event", create),
    Route("GET", EVENTS, "vonage.list_events", index),
    Route("GET", EVENTS + "/{event}", "vonage.get_event", show),
    Route("DELETE", EVENTS + "/{event}", "vonage.delete_event", delete),
]
