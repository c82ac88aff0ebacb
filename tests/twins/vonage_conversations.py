"""Conversation API v1: conversations and their members."""

from typing import TYPE_CHECKING, Any

from tests.twins import vonage_shapes as shapes
from tests.twins.http import Request, Response, empty_response, json_response
from tests.twins.joi import Rule, check
from tests.twins.routes import Route
from tests.twins.vonage_errors import refuse, refuse_invalid
from tests.twins.vonage_store import Conversation, Member, Store, User, now

if TYPE_CHECKING:
    from tests.twins.vonage import VonageTwin

CHANNEL_TYPES = ("app", "phone", "sms", "mms", "whatsapp", "viber", "messenger")
PROPERTIES = {
    "ttl": Rule("number", minimum=0, maximum=2_147_483_648),
    "type": Rule(),
    "custom_sort_key": Rule(),
    "custom_data": Rule("object"),
}
CALLBACK = {
    "url": Rule(maximum=2048),
    "event_mask": Rule(maximum=200),
    "params": Rule("object", keys={"applicationId": Rule(), "ncco_url": Rule()}),
    "method": Rule(one_of=("POST", "GET")),
}
CONVERSATION = {
    "name": Rule(maximum=100),
    "display_name": Rule(maximum=50, nullable=True),
    "image_url": Rule(maximum=2048, nullable=True, is_url=True),
    "properties": Rule("object", keys=PROPERTIES),
    "numbers": Rule("array"),
    "callback": Rule("object", keys=CALLBACK),
}
MEDIA = {
    "audio_settings": Rule("object", keys={name: Rule("boolean") for name in ("enabled", "earmuffed", "muted")}),
    "audio": Rule("boolean"),
}
MEMBER = {
    "user": Rule("object", required=True, keys={"id": Rule(), "name": Rule()}),
    "state": Rule(required=True, one_of=("invited", "joined")),
    "channel": Rule(
        "object",
        required=True,
        keys={"type": Rule(required=True, one_of=CHANNEL_TYPES), "from": Rule("object"), "to": Rule("object")},
    ),
    "media": Rule("object", keys=MEDIA),
    "knocking_id": Rule(),
    "member_id_inviting": Rule(),
    "from": Rule(),
}
MEMBER_CHANGE = {
    "state": Rule(required=True, one_of=("joined", "left")),
    "from": Rule(),
    "reason": Rule("object", keys={"code": Rule(), "text": Rule()}),
}


def create(twin: "VonageTwin", request: Request) -> Response:
    store = twin.store_of(twin.authorize(request))
    fields = shapes.read_object(request)
    refuse_invalid(check(fields, CONVERSATION))
    name = fields.pop("name", None)
    if name is not None and store.conversation_named(name):
        # v1 answers 409, older versions 400, both with the same code.
        refuse("conversation:error:duplicate-name", status=twin.dials.duplicate_name_status)
    return json_response(201, shapes.conversation(store.add_conversation(name, fields)))


def index(twin: "VonageTwin", request: Request) -> Response:
    found = list(twin.store_of(twin.authorize(request)).conversations.values())
    start, end = request.query.get("date_start", ""), request.query.get("date_end", "")
    found = [item for item in found if item.created >= start and (not end or item.created <= end)]
    return shapes.page(request, found, show=shapes.conversation_lite, embed="conversations", allowed=["date_start", "date_end"])


def show(twin: "VonageTwin", request: Request) -> Response:
    return json_response(200, shapes.conversation(find(twin, request)[1]))


def update(twin: "VonageTwin", request: Request) -> Response:
    store, conversation = find(twin, request)
    fields = shapes.read_object(request)
    refuse_invalid(check(fields, CONVERSATION))
    name = fields.pop("name", None)
    if name is not None and name != conversation.name:
        if store.conversation_named(name):
            refuse("conversation:error:duplicate-name", status=twin.dials.duplicate_name_status)
        store.rename_conversation(conversation, name)
    conversation.fields.update(fields)
    conversation.updated = now()
    return json_response(200, shapes.conversation(conversation))


def delete(twin: "VonageTwin", request: Request) -> Response:
    store, conversation = find(twin, request)
    store.remove_conversation(conversation)
    return empty_response(204)


def add_member(twin: "VonageTwin", request: Request) -> Response:
    store, conversation = find(twin, request)
    fields = shapes.read_object(request)
    refuse_invalid(check(fields, MEMBER))
    wanted = fields.pop("user")
    if not wanted:
        refuse_invalid([{"name": "user", "reason": '"user" must contain at least one of [id, name]'}])
    user = store.user(wanted.get("id") or wanted.get("name")) or refuse("user:error:not-found")
    caller = twin.authorize(request)
    by = store.user_named(caller.sub) if caller.sub else None
    member = join_or_invite(store, conversation, user, fields=fields, by=by)
    return json_response(201, shapes.member(member, conversation.id))


def join_or_invite(store: Store, conversation: Conversation, user: User, *, fields: dict[str, Any], by: User | None) -> Member:
    state, channel_type = fields.pop("state").upper(), fields["channel"]["type"]
    fields.pop("from", None)
    if conversation.joined(user, channel_type):
        refuse("conversation:error:member-already-joined")
    invited = conversation.invited(user, channel_type)
    if invited and state == "INVITED":
        refuse("conversation:error:member-already-invited")
    if invited:
        return change_state(store, conversation, invited, state="JOINED")
    member = store.add_member(conversation, user, state=state, fields=fields, by=by)
    _announce(store, conversation, member)
    return member


def change_state(store: Store, conversation: Conversation, member: Member, *, state: str) -> Member:
    member.state = state
    member.timestamp[state.lower()] = now()
    _announce(store, conversation, member)
    return member


def _announce(store: Store, conversation: Conversation, member: Member) -> None:
    """The event that every change of membership leaves in the conversation."""
    person = {"id": member.user.id, "name": member.user.name, "display_name": member.user.fields.get("display_name", "")}
    body = {
        "user": {**person, "user_id": member.user.id, "member_id": member.id},
        "member_id": member.id,
        "channel": member.fields["channel"],
        "conversation": {"conversation_id": conversation.id, "name": conversation.name},
        "media": member.fields.get("media", {}),
        "timestamp": dict(member.timestamp),
    }
    store.add_event(conversation, f"member:{member.state.lower()}", sender=member, body=body)


def index_members(twin: "VonageTwin", request: Request) -> Response:
    _, conversation = find(twin, request)
    return shapes.page(request, list(conversation.members.values()), show=shapes.member_lite, embed="members")


def show_member(twin: "VonageTwin", request: Request) -> Response:
    _, conversation = find(twin, request)
    return json_response(200, shapes.member(find_member(twin, request, conversation), conversation.id))


def update_member(twin: "VonageTwin", request: Request) -> Response:
    store, conversation = find(twin, request)
    member = find_member(twin, request, conversation)
    fields = shapes.read_object(request)
    refuse_invalid(check(fields, MEMBER_CHANGE))
    if member.state == "LEFT":
        refuse("conversation:error:invalid-member-state")
    if fields["state"].upper() != member.state:
        change_state(store, conversation, member, state=fields["state"].upper())
    return json_response(200, shapes.member(member, conversation.id))


def find(twin: "VonageTwin", request: Request) -> tuple[Store, Conversation]:
    """The caller's store and the conversation that the path names. Raises a Refusal when there is none."""
    store = twin.store_of(twin.authorize(request))
    return store, store.conversations.get(request.parameters["conversation"]) or refuse("conversation:error:not-found")


def find_member(twin: "VonageTwin", request: Request, conversation: Conversation) -> Member:
    """The member that the path names; "me" is the token's user."""
    wanted = request.parameters["member"]
    if wanted != "me":
        return conversation.members.get(wanted) or refuse("conversation:error:member-not-found")
    caller = twin.authorize(request)
    mine = [member for member in conversation.members.values() if member.user.name == caller.sub and member.state != "LEFT"]
    return mine[-1] if mine else refuse("conversation:error:member-not-found")


ROUTES: list[Route["VonageTwin"]] = [
    Route("POST", "/v1/conversations", "vonage.create_conversation", create),
    Route("GET", "/v1/conversations", "vonage.list_conversations", index),
    Route("GET", "/v1/conversations/{conversation}", "vonage.get_conversation", show),
    Route("PUT", "/v1/conversations/{conversation}", "vonage.update_conversation", update),
    Route("DELETE", "/v1/conversations/{conversation}", "vonage.delete_conversation", delete),
    Route("POST", "/v1/conversations/{conversation}/members", "vonage.create_member", add_member),
    Route("GET", "/v1/conversations/{conversation}/members", "vonage.list_members", index_members),
    Route("GET", "/v1/conversations/{conversation}/members/{member}", "vonage.get_member", show_member),
    Route("PATCH", "/v1/conversations/{conversation}/members/{member}", "vonage.update_member", update_member),
]
