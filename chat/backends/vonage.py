"""Vonage's Conversation API v1 and Users v1: the verbs of a mirror, each one request (docs/providers.md lists them).

How a copy is recognised later: a custom event carries our own id in its body (`_id`). A message can't, because Vonage refuses keys
it does not know; it is the same text from the same member, under a number above everything that we knew before we sent it. Copies of
one conversation are sent one after the other, so at most one message is in doubt at a time.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from chat.backends import vonage_client, vonage_limits
from chat.backends.base import JSON, Copy, Mirror, NotThereError, Page, RefusedForGoodError
from chat.backends.vonage_errors import OddRefusalError
from chat.characters import cut
from chat.outbox import BackendError

OWN_ID = "_id"
CHANNEL = {"type": "app"}
PAGE_SIZE = 100


class VonageMirror(Mirror):
    """One application at Vonage. Ids are Vonage's: USR-…, CON-…, MEM-…, and a number for each event of a conversation."""

    def wants(self, event_type: str) -> bool:
        """Messages and custom events; and that somebody joined, which becomes a member rather than an event."""
        return event_type in {"message", "member:joined"} or event_type.startswith("custom:")

    def create_user(self, name: str, *, display_name: str) -> str:
        """Takes our own token only: one with `sub` may not create users."""
        body = {"name": cut(name, vonage_limits.LONGEST_NAME)} | _shown(display_name)
        return _id(vonage_client.call("POST", "/v1/users", body))

    def find_user(self, name: str) -> Page:
        """By Vonage's own filter, so there is no second page."""
        try:
            document = vonage_client.call("GET", "/v1/users", {"name": cut(name, vonage_limits.LONGEST_NAME)})
        except NotThereError:
            return Page(None, None)
        return Page(_first_id(_items(document, "users"), lambda user: user.get("name") == name), None)

    def create_conversation(self, name: str, *, display_name: str) -> str:
        """The name is unique across all conversations of the application."""
        body = {"name": cut(name, vonage_limits.LONGEST_NAME)} | _shown(display_name)
        return _id(vonage_client.call("POST", "/v1/conversations", body))

    def find_conversation(self, name: str, *, cursor: str | None) -> Page:
        """There is no filter by name. Newest first: what we look for was made a moment ago."""
        document = vonage_client.call("GET", "/v1/conversations", _window(cursor))
        name = cut(name, vonage_limits.LONGEST_NAME)
        return Page(_first_id(_items(document, "conversations"), lambda item: item.get("name") == name), _next_cursor(document))

    def join(self, conversation_id: str, *, user_id: str) -> str:
        """As a member of the channel `app`, which is the one of chats."""
        body = {"state": "joined", "user": {"id": user_id}, "channel": CHANNEL}
        return _id(vonage_client.call("POST", f"{_path(conversation_id)}/members", body))

    def find_member(self, conversation_id: str, *, user_id: str, cursor: str | None) -> Page:
        """Who left and came back has several memberships; only a joined one may speak."""
        document = vonage_client.call("GET", f"{_path(conversation_id)}/members", _window(cursor))

        def is_theirs(member: JSON) -> bool:
            return _user_id_of(member) == user_id and str(member.get("state")).upper() == "JOINED"

        return Page(_first_id(_items(document, "members"), is_theirs), _next_cursor(document))

    def add_event(self, conversation_id: str, copy: Copy) -> str:
        """`from` may be left out, and is where the system speaks. What is refused in a way that we don't know is refused for good: it may
        be how Vonage says that it has ended this kind of event, and a call for each event would go on for ever.
        """
        event: JSON = {"type": copy.type, "body": _body(copy)}
        if copy.member_id:
            event["from"] = copy.member_id
        try:
            made = vonage_client.call("POST", f"{_path(conversation_id)}/events", event)
        except OddRefusalError as error:
            raise RefusedForGoodError(str(error), code=error.code, permanent=True) from None
        return _id(made)

    def find_event(self, conversation_id: str, copy: Copy, *, newer_than: int, taken: Collection[str], cursor: str | None) -> Page:
        """Newest first; numbers only grow, so the first old one ends the search."""
        document = vonage_client.call("GET", f"{_path(conversation_id)}/events", _window(cursor))
        events = _items(document, "events")
        newer = [event for event in events if _number(event) > newer_than]
        found = _first_id(newer, lambda event: str(event.get("id")) not in taken and _is_copy(event, copy))
        return Page(found, _next_cursor(document) if len(newer) == len(events) else None)

    def own_id(self, event_type: str, body: JSON) -> str | None:
        """Custom events carry it; messages can't."""
        own_id = body.get(OWN_ID)
        return own_id if event_type.startswith("custom:") and isinstance(own_id, str) else None

    def delete_conversation(self, conversation_id: str) -> None:
        """With its members and events."""
        _delete(_path(conversation_id))

    def delete_user(self, user_id: str) -> None:
        """Their events stay in their conversations."""
        _delete(f"/v1/users/{quote(user_id, safe='')}")


def _body(copy: Copy) -> JSON:
    if copy.type == "message":
        return {"message_type": "text", "text": str(copy.body.get("text", ""))}
    return vonage_limits.fit_body(copy.body | {OWN_ID: copy.own_id})


def _is_copy(event: JSON, copy: Copy) -> bool:
    body = event.get("body")
    if event.get("type") != copy.type or not isinstance(body, dict):
        return False
    if copy.type == "message":
        return event.get("from") == copy.member_id and body.get("text") == _body(copy)["text"]
    return body.get(OWN_ID) == copy.own_id


def _shown(display_name: str) -> JSON:
    shown = cut(display_name, vonage_limits.LONGEST_DISPLAY_NAME).strip()
    return {"display_name": shown} if shown else {}


def _path(conversation_id: str) -> str:
    return f"/v1/conversations/{quote(conversation_id, safe='')}"


def _window(cursor: str | None) -> JSON:
    return {"page_size": PAGE_SIZE, "order": "desc"} | ({"cursor": cursor} if cursor else {})


def _items(document: JSON, name: str) -> list[JSON]:
    """The list of a page: `_embedded` itself (v1's events), `_embedded.<name>`, or older `_embedded.data.<name>`."""
    found: Any = document.get("_embedded")
    for key in ("data", name):
        if isinstance(found, dict):
            found = found.get(key, found)
    if not isinstance(found, list):
        raise BackendError("Vonage: a page without a list.", code="unreadable_reply")
    return [item for item in found if isinstance(item, dict)]


def _next_cursor(document: JSON) -> str | None:
    """The cursor out of the next page's link. The link itself names another host, where our token must not go."""
    links = document.get("_links")
    following = links.get("next") if isinstance(links, dict) else None
    href = following.get("href") if isinstance(following, dict) else None
    return next(iter(parse_qs(urlsplit(str(href or "")).query).get("cursor", [])), None)


def _first_id(items: Iterable[JSON], is_it: Callable[[JSON], bool]) -> str | None:
    return next((_id(item) for item in items if is_it(item)), None)


def _id(document: JSON) -> str:
    """The id of what was made or found. A success without one was a success all the same, so the outcome is unknown."""
    value = document.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value):
        raise BackendError("Vonage: the reply names no id.", code="unreadable_reply", unknown=True)
    return str(value)


def _number(event: JSON) -> int:
    value = str(event.get("id"))
    return int(value) if value.isdecimal() else 0


def _user_id_of(member: JSON) -> Any:
    """Whose membership it is: v1 embeds the user; as a member is created, and in older lists, it is `user`, or `user_id` alone."""
    embedded = member.get("_embedded")
    for user in (embedded.get("user") if isinstance(embedded, dict) else None, member.get("user")):
        if isinstance(user, dict) and user.get("id"):
            return user["id"]
    return member.get("user_id")


def _delete(path: str) -> None:
    try:
        vonage_client.call("DELETE", path)
    except NotThereError:
        return
