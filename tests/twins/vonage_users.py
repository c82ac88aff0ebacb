"""Users v1."""

from typing import TYPE_CHECKING

from tests.twins import vonage_shapes as shapes
from tests.twins.http import Request, Response, empty_response, json_response
from tests.twins.joi import Rule, check
from tests.twins.routes import Route
from tests.twins.vonage_errors import refuse, refuse_invalid
from tests.twins.vonage_store import User

if TYPE_CHECKING:
    from tests.twins.vonage import VonageTwin

CHANNELS = ("pstn", "sip", "vbc", "websocket", "sms", "mms", "whatsapp", "viber", "messenger")
PROPERTIES = {"custom_data": Rule("object"), "ttl": Rule("number", minimum=0, maximum=2_147_483_648)}
USER = {
    "name": Rule(),
    "display_name": Rule(nullable=True),
    "image_url": Rule(nullable=True, is_url=True),
    "properties": Rule("object", keys=PROPERTIES),
    "channels": Rule("object", keys={name: Rule("array") for name in CHANNELS}),
}


def create(twin: "VonageTwin", request: Request) -> Response:
    caller = twin.authorize(request)
    if caller.sub is not None:
        refuse("system:error:permission", detail="Users must be created with an admin token.")
    fields = shapes.read_object(request)
    refuse_invalid(check(fields, USER))
    store, name = twin.store_of(caller), fields.pop("name", None)
    if name is not None and store.user_named(name):
        refuse("user:error:duplicate-name")
    return json_response(201, shapes.user(store.add_user(name, fields)))


def index(twin: "VonageTwin", request: Request) -> Response:
    users = list(twin.store_of(twin.authorize(request)).users.values())
    if "name" in request.query:
        users = [user for user in users if user.name == request.query["name"]]
        if not users and twin.dials.unknown_name_is_404:
            refuse("user:error:not-found")
    return shapes.page(request, users, show=shapes.user_lite, embed="users", allowed=["name"])


def show(twin: "VonageTwin", request: Request) -> Response:
    return json_response(200, shapes.user(_find(twin, request)))


def update(twin: "VonageTwin", request: Request) -> Response:
    user = _find(twin, request)
    store = twin.store_of(twin.authorize(request))
    fields = shapes.read_object(request)
    refuse_invalid(check(fields, USER))
    name = fields.pop("name", None)
    if name is not None and name != user.name:
        if store.user_named(name):
            refuse("user:error:duplicate-name")
        store.rename_user(user, name)
    user.fields.update(fields)
    return json_response(200, shapes.user(user))


def delete(twin: "VonageTwin", request: Request) -> Response:
    user = _find(twin, request)
    twin.store_of(twin.authorize(request)).remove_user(user)
    return empty_response(204)


def conversations(twin: "VonageTwin", request: Request) -> Response:
    """A user's conversations, each with the member that the user has in it."""
    user = _find(twin, request)
    store = twin.store_of(twin.authorize(request))
    wanted = request.query.get("state", "").upper()
    memberships = {
        conversation.id: member
        for conversation in store.conversations.values()
        for member in conversation.members.values()
        if member.user is user and wanted in ("", member.state)
    }
    found = [conversation for conversation in store.conversations.values() if conversation.id in memberships]
    return shapes.page(
        request,
        found,
        show=lambda item: {
            **shapes.conversation_lite(item),
            "_embedded": {"id": memberships[item.id].id, "state": memberships[item.id].state},
        },
        embed="conversations",
        allowed=["date_start", "state", "order_by", "include_custom_data"],
    )


def sessions(twin: "VonageTwin", request: Request) -> Response:
    _find(twin, request)
    nobody: list[User] = []
    return shapes.page(request, nobody, show=shapes.user_lite, embed="sessions")


def _find(twin: "VonageTwin", request: Request) -> User:
    user = twin.store_of(twin.authorize(request)).user(request.parameters["user"])
    return user or refuse("user:error:not-found")


ROUTES: list[Route["VonageTwin"]] = [
    Route("POST", "/v1/users", "vonage.create_user", create),
    Route("GET", "/v1/users", "vonage.list_users", index),
    Route("GET", "/v1/users/{user}", "vonage.get_user", show),
    Route("PATCH", "/v1/users/{user}", "vonage.update_user", update),
    Route("DELETE", "/v1/users/{user}", "vonage.delete_user", delete),
    Route("GET", "/v1/users/{user}/conversations", "vonage.list_user_conversations", conversations),
    Route("GET", "/v1/users/{user}/sessions", "vonage.list_user_sessions", sessions),
]
