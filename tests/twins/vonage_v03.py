"""The /v0.3 REST of the Conversation API, as far as the browser's Client SDK 2.3 calls it, and its CORS.

Shapes are those that the SDK's deserialisers need (read in its bundle). Lists embed by name here, `_embedded.events` too.
"""

from typing import TYPE_CHECKING

from tests.twins import vonage_conversations as conversations
from tests.twins import vonage_shapes as shapes
from tests.twins.http import Request, Response, empty_response, json_response
from tests.twins.joi import Rule, check
from tests.twins.routes import ANYWHERE, Route
from tests.twins.vonage_conversations import find, find_member
from tests.twins.vonage_errors import refuse, refuse_invalid
from tests.twins.vonage_events import check_body, find_sender, refuse_when_discontinued, selected
from tests.twins.vonage_events import delete as delete_event
from tests.twins.vonage_store import Conversation, JsonObject, Member, User

if TYPE_CHECKING:
    from tests.twins.vonage import VonageTwin

EVENT = {"cid": Rule(), "from": Rule(), "type": Rule(required=True, maximum=100), "body": Rule("any")}
JOIN = {
    "originating_session": Rule(),
    "channel": Rule("object", required=True),
    "user": Rule("object", required=True, keys={"id": Rule(nullable=True), "name": Rule(nullable=True)}),
    "state": Rule(one_of=("joined", "invited")),
}


def preflight(twin: "VonageTwin", request: Request) -> Response:
    """The answer to a browser that asks whether it may."""
    wanted = request.headers.get("access-control-request-headers", "authorization,content-type")
    methods = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
    return Response(204, headers={"access-control-allow-methods": methods, "access-control-allow-headers": wanted})


def allow_origin(request: Request, response: Response) -> Response:
    """The same answer, for a browser's page of any origin."""
    if "origin" in request.headers:
        response.headers = {**response.headers, "access-control-allow-origin": request.headers["origin"], "vary": "origin"}
    return response


def show_user(twin: "VonageTwin", request: Request) -> Response:
    return json_response(200, {**shapes.user(_user(twin, request)), "timestamp": {}})


def list_user_conversations(twin: "VonageTwin", request: Request) -> Response:
    user = _user(twin, request)
    found = [item for item in twin.store_of(twin.authorize(request)).conversations.values() if _member_of(item, user)]
    allowed = ["state", "order_by", "include_custom_data", "exclude_custom_data"]
    return shapes.page(request, found, show=lambda item: _conversation(item, user), embed="conversations", allowed=allowed)


def show_conversation(twin: "VonageTwin", request: Request) -> Response:
    """By id, or by name for a member."""
    caller = twin.authorize(request)
    store, wanted = twin.store_of(caller), request.parameters["conversation"]
    found = store.conversations.get(wanted) or store.conversation_named(wanted) or refuse("conversation:error:not-found")
    return json_response(200, _conversation(found, store.user_named(caller.sub or "")))


def _conversation(item: Conversation, user: User | None) -> JsonObject:
    member = _member_of(item, user)
    embedded = {"_embedded": {"member": {**shapes.member(member, item.id), "user": None}}} if member else {}
    return {**shapes.conversation(item), **embedded}


def _member_of(item: Conversation, user: User | None) -> Member | None:
    mine = [member for member in item.members.values() if member.user is user and member.state != "LEFT"]
    return mine[-1] if mine else None


def show_member(twin: "VonageTwin", request: Request) -> Response:
    _, conversation = find(twin, request)
    return json_response(200, shapes.member(find_member(twin, request, conversation), conversation.id))


def list_members(twin: "VonageTwin", request: Request) -> Response:
    _, conversation = find(twin, request)
    members = list(conversation.members.values())
    return shapes.page(request, members, show=lambda item: shapes.member(item, conversation.id), embed="members", allowed=["state"])


def join(twin: "VonageTwin", request: Request) -> Response:
    """The SDK's way to join: the session is named, state and channel have defaults."""
    store, conversation = find(twin, request)
    fields = shapes.read_object(request)
    refuse_invalid(check(fields, JOIN))
    wanted = fields["user"].get("id") or fields["user"].get("name") or twin.authorize(request).sub or ""
    user = store.user(wanted) or refuse("user:error:not-found")
    member_fields = {"state": fields.get("state", "joined"), "channel": {"type": "app"}}
    member = conversations.join_or_invite(store, conversation, user, fields=member_fields, by=user)
    return json_response(200, shapes.member(member, conversation.id))


def list_events(twin: "VonageTwin", request: Request) -> Response:
    _, conversation = find(twin, request)
    allowed = ["start_id", "end_id", "event_type", "exclude_deleted_events", "filter_group_type", "filter_group_version"]
    events = selected(request, conversation)
    return shapes.page(request, events, show=lambda item: shapes.event(item, conversation.id), embed="events", allowed=allowed)


def create_event(twin: "VonageTwin", request: Request) -> Response:
    """The SDK wants the timestamp back. A `message:delivered` comes from each client for each message, the sender's too."""
    store, conversation = find(twin, request)
    fields = shapes.read_object(request)
    refuse_invalid(check(fields, EVENT))
    kind = fields["type"]
    refuse_when_discontinued(twin, kind)
    check_body(kind, fields.get("body"))
    sender = find_sender(twin.authorize(request), conversation, fields.get("from"))
    event = store.add_event(conversation, kind, sender=sender, body=fields.get("body") or {})
    return json_response(200, {"id": event.id, "href": f"/conversations/{conversation.id}/events/{event.id}", "timestamp": event.timestamp})


def end_session(twin: "VonageTwin", request: Request) -> Response:
    twin.authorize(request)
    twin.sockets.end(request.parameters["session"])
    return json_response(200, {})


def metrics(twin: "VonageTwin", request: Request) -> Response:
    """What the SDK reports after a reconnection; without a token."""
    return empty_response(204)


def _user(twin: "VonageTwin", request: Request) -> User:
    """The user that the path names; "me" is the token's."""
    caller = twin.authorize(request)
    wanted = request.parameters["user"]
    return twin.store_of(caller).user(caller.sub or "" if wanted == "me" else wanted) or refuse("user:error:not-found")


CONVERSATION = "/v0.3/conversations/{conversation}"
ROUTES: list[Route["VonageTwin"]] = [
    Route("GET", "/v0.3/users/{user}", "vonage.sdk_get_user", show_user),
    Route("GET", "/v0.3/users/{user}/conversations", "vonage.sdk_list_conversations", list_user_conversations),
    Route("GET", CONVERSATION, "vonage.sdk_get_conversation", show_conversation),
    Route("GET", f"{CONVERSATION}/members", "vonage.sdk_list_members", list_members),
    Route("POST", f"{CONVERSATION}/members", "vonage.sdk_join", join),
    Route("GET", CONVERSATION + "/members/{member}", "vonage.sdk_get_member", show_member),
    Route("PATCH", CONVERSATION + "/members/{member}", "vonage.sdk_update_member", conversations.update_member),
    Route("GET", f"{CONVERSATION}/events", "vonage.sdk_list_events", list_events),
    Route("POST", f"{CONVERSATION}/events", "vonage.sdk_create_event", create_event),
    Route("DELETE", CONVERSATION + "/events/{event}", "vonage.sdk_delete_event", delete_event),
    Route("DELETE", "/v0.3/sessions/{session}", "vonage.sdk_end_session", end_session),
    Route("POST", "/v2/rtc/metrics", "vonage.sdk_metrics", metrics),
    Route("OPTIONS", ANYWHERE, "vonage.preflight", preflight),
]
