"""Vonage's webhooks out: their URLs, payloads and signatures.

Signed ones carry a JWT (HS256, the account's signature secret) with iat, jti, iss "Vonage", payload_hash (hex SHA-256 of the
raw body), api_key and application_id, and no exp. Voice and Messages sign; RTC events are not listed as signed.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import jwt

from tests.twins import vonage_shapes as shapes
from tests.twins.vonage_store import Conversation, Event, JsonObject

if TYPE_CHECKING:
    from tests.twins.vonage import VonageTwin

OLD_SECONDS = 24 * 60 * 60
SIGNATURES = ("valid", "none", "wrong_secret", "wrong_hash", "old")


def sign(twin: "VonageTwin", body: bytes, *, signature: str, application_id: str) -> dict[str, str]:
    """The Authorization header for a body. `signature`: valid, none, wrong_secret, wrong_hash or old. No body = no payload_hash."""
    if signature == "none":
        return {}
    signed_body = b"another body" if signature == "wrong_hash" else body
    claims = {
        "iat": int(time.time()) - (OLD_SECONDS if signature == "old" else 0),
        "jti": str(uuid.uuid4()),
        "iss": "Vonage",
        "api_key": twin.api_key,
        "application_id": application_id,
    }
    if body:
        claims["payload_hash"] = hashlib.sha256(signed_body).hexdigest()
    secret = "x" * 40 if signature == "wrong_secret" else twin.signature_secret
    return {"authorization": f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"}


def post(twin: "VonageTwin", url: str, payload: JsonObject, *, kind: str, application_id: str, after_seconds: float = 0) -> None:
    """Queues one webhook; no URL = nothing happens."""
    if not url:
        return
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    signature = twin.dials.rtc_signature if kind == "rtc" else twin.dials.signature
    headers = {"content-type": "application/json", **sign(twin, body, signature=signature, application_id=application_id)}
    twin.send_hook(url, body=body, headers=headers, kind=kind, after_seconds=after_seconds)


def get(twin: "VonageTwin", url: str, query: JsonObject, *, application_id: str, on_answer: Callable[[bytes], None]) -> None:
    """Queues the GET of an answer URL; `on_answer` hears the body of a 200."""
    if not url:
        return
    headers = sign(twin, b"", signature=twin.dials.signature, application_id=application_id)
    address = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
    twin.send_hook(address, body=b"", headers=headers, kind="answer", method="GET", on_answer=on_answer)


def rtc_payload(twin: "VonageTwin", application_id: str, conversation: Conversation, event: Event | None) -> JsonObject:
    """The body of an RTC webhook. A created conversation has neither an event id nor a conversation id of its own."""
    if event is None:
        body = {"id": conversation.id, "name": conversation.name, "timestamp": {"created": conversation.created}, "state": "ACTIVE"}
        if conversation.fields.get("display_name"):
            body["display_name"] = conversation.fields["display_name"]
        return {"type": "conversation:created", "timestamp": conversation.created, "application_id": application_id, "body": body}
    payload: JsonObject = {
        "type": event.type,
        "timestamp": event.timestamp,
        "application_id": application_id,
        "id": event.id,
        "cid" if twin.dials.rtc_cid else "conversation_id": conversation.id,
        "body": event.body,
    }
    if event.sender:
        payload |= {"from": event.sender.id, "_embedded": shapes.embedded_sender(event.sender)}
    return payload
