"""Vonage's answers: how users, conversations, members, events and pages look, and how a page is asked for."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from tests.twins.http import Request, Response, json_response
from tests.twins.vonage_errors import refuse, refuse_invalid
from tests.twins.vonage_store import Conversation, Event, JsonObject, Member, User

# Live answers link to a regional host, never to the one that was asked: whoever follows such a link carries the token elsewhere.
REGIONAL_ORIGIN = "https://api-us-3.vonage.com"
USER_LITE = ("display_name", "image_url")
CONVERSATION_LITE = ("display_name", "image_url")


class Numbered(Protocol):
    @property
    def serial(self) -> int: ...


Item = TypeVar("Item", bound=Numbered)


def read_object(request: Request) -> JsonObject:
    """The body as a JSON object. Raises a Refusal for another content type or for what is no JSON object."""
    if request.body and "json" not in request.headers.get("content-type", ""):
        refuse("http:error:unsupported-media-type")
    try:
        body = request.json()
    except ValueError:
        refuse("http:error:validation-fail", detail="Invalid JSON.")
    if body is None:
        return {}
    if not isinstance(body, dict):
        refuse_invalid([{"name": "body", "reason": '"value" must be of type object'}])
    return dict(body)


def link(path: str) -> JsonObject:
    return {"self": {"href": f"{REGIONAL_ORIGIN}{path}"}}


def user(item: User) -> JsonObject:
    return {"id": item.id, "name": item.name, **item.fields, "_links": link(f"/v1/users/{item.id}")}


def user_lite(item: User) -> JsonObject:
    fields = {name: item.fields[name] for name in USER_LITE if name in item.fields}
    return {"id": item.id, "name": item.name, **fields, "_links": link(f"/v1/users/{item.id}")}


def conversation(item: Conversation) -> JsonObject:
    timestamp = {"created": item.created, **({"updated": item.updated} if item.updated else {})}
    shown = {name: value for name, value in item.fields.items() if name not in ("numbers", "callback")}
    return {
        "id": item.id,
        "name": item.name,
        **shown,
        "state": "ACTIVE",
        "sequence_number": item.sequence,
        "timestamp": timestamp,
        "_links": link(f"/v1/conversations/{item.id}"),
    }


def conversation_lite(item: Conversation) -> JsonObject:
    fields = {name: item.fields[name] for name in CONVERSATION_LITE if name in item.fields}
    links = link(f"/v1/conversations/{item.id}")
    return {"id": item.id, "name": item.name, **fields, "timestamp": {"created": item.created}, "_links": links}


def member(item: Member, conversation_id: str) -> JsonObject:
    """A member's `_links` is {"href"}, without `self`."""
    return {
        "id": item.id,
        "conversation_id": conversation_id,
        "_embedded": {"user": user_lite(item.user)},
        "state": item.state,
        "timestamp": item.timestamp,
        "initiator": item.initiator,
        **item.fields,
        "_links": {"href": f"{REGIONAL_ORIGIN}/v1/conversations/{conversation_id}/members/{item.id}"},
    }


def member_lite(item: Member) -> JsonObject:
    return {"id": item.id, "state": item.state, "_embedded": {"user": user_lite(item.user)}, "_links": {"href": ""}}


def embedded_sender(sender: Member) -> JsonObject:
    """Who an event is from, for `_embedded`."""
    properties = sender.user.fields.get("properties", {})
    return {
        "from_user": {
            "id": sender.user.id,
            "name": sender.user.name,
            "display_name": sender.user.fields.get("display_name", ""),
            "image_url": sender.user.fields.get("image_url", ""),
            "custom_data": properties.get("custom_data", {}),
        },
        "from_member": {"id": sender.id},
    }


def event(item: Event, conversation_id: str) -> JsonObject:
    origin = {"from": item.sender.id, "_embedded": embedded_sender(item.sender)} if item.sender else {}
    return {
        "id": item.id,
        "type": item.type,
        **origin,
        "body": {} if item.is_deleted else item.body,
        "timestamp": item.timestamp,
        "_links": link(f"/v1/conversations/{conversation_id}/events/{item.id}"),
    }


def page(
    request: Request, items: Sequence[Item], *, show: Callable[[Item], JsonObject], embed: str, allowed: Sequence[str] = ()
) -> Response:
    """One page of `items`, which are in ascending order of their serial.

    `embed` names the list inside `_embedded`; empty = `_embedded` is the list itself, as with events. The cursor holds the
    serial after which to go on, so a page does not shift when items are added or deleted meanwhile.
    """
    size, order, after = _read_paging(request, allowed)
    ordered = list(items) if order == "asc" else list(reversed(items))
    if after is not None:
        ordered = [item for item in ordered if (item.serial > after if order == "asc" else item.serial < after)]
    shown = [show(item) for item in ordered[:size]]
    links = {"first": _page_link(request, None), "self": _page_link(request, after)}
    if len(ordered) > size:
        links["next"] = _page_link(request, ordered[size - 1].serial)
    return json_response(200, {"page_size": size, "_embedded": {embed: shown} if embed else shown, "_links": links})


def _read_paging(request: Request, allowed: Sequence[str]) -> tuple[int, str, int | None]:
    query = request.query
    reasons = [_not_allowed(name) for name in query if name not in ("page_size", "order", "cursor", *allowed)]
    size = query.get("page_size", "10")
    if not size.isdigit() or not 1 <= int(size) <= 100:
        reasons.append({"name": "page_size", "reason": '"page_size" must be a number between 1 and 100'})
    if query.get("order", "asc") not in ("asc", "desc", "ASC", "DESC"):
        reasons.append({"name": "order", "reason": '"order" must be one of [asc, desc, ASC, DESC]'})
    refuse_invalid(reasons)
    return int(size), query.get("order", "asc").lower(), _read_cursor(query["cursor"]) if "cursor" in query else None


def _not_allowed(name: str) -> dict[str, str]:
    return {"name": name, "reason": f'"{name}" is not allowed'}


def _read_cursor(cursor: str) -> int:
    try:
        return int(json.loads(base64.urlsafe_b64decode(cursor))["after"])
    except (ValueError, TypeError, KeyError):
        refuse("paginator-builder:error:invalid-cursor")


def _page_link(request: Request, after: int | None) -> dict[str, Any]:
    query = {name: value for name, value in request.query.items() if name != "cursor"}
    if after is not None:
        query["cursor"] = base64.urlsafe_b64encode(json.dumps({"after": after}).encode()).decode()
    return {"href": f"{REGIONAL_ORIGIN}{request.path}?{urlencode(query)}"}
