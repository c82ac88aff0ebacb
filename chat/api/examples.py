"""What the API's answers about conversations look like, for its OpenAPI document (`tests/test_schema.py` holds them against real ones)."""

from typing import Any

Example = dict[str, Any]

CONVERSATION_ID = "CON-889603f5-c56d-4734-a6d3-2924702167f5"
ANNA = {"id": "USR-68236a52-252d-4aa1-985e-5fdf3d02a658", "name": "anna", "display_name": "Anna Berg"}
BEN = {"id": "USR-00da8c61-caa0-4a9d-81b4-af1185274ee5", "name": "ben", "display_name": "Ben"}
CUSTOMER = "MEM-0d159e41-1975-4475-94e6-37cf9429e367"
AGENT = "MEM-b3718494-7e92-40db-a3d2-6dbf3abacb3a"
STANDING = {"version": 1, "status": "placed", "total": "25.00", "currency": "EUR"}

MESSAGE: Example = {
    "id": 4,
    "type": "message",
    "from": AGENT,
    "conversation_id": CONVERSATION_ID,
    "timestamp": "2026-11-29T02:40:02.174Z",
    "body": {"message_type": "text", "text": "It left our house this morning.", "about": 1009, "about_order": STANDING},
    "client_key": "answer-4711",
    "_embedded": {"from_user": BEN, "from_member": {"id": AGENT}},
}
PAGE: Example = {
    "events": [MESSAGE],
    "sequence": 4,
    "has_more": True,
    "members": [
        {"id": CUSTOMER, "user": ANNA, "role": "customer", "seen": 3, "seen_at": None, "state": "JOINED"},
        {"id": AGENT, "user": BEN, "role": "agent", "seen": 4, "seen_at": "2026-11-29T02:39:48.310Z", "state": "JOINED"},
    ],
}
ROW: Example = {
    "id": CONVERSATION_ID,
    "customer": ANNA,
    "sequence": 4,
    "last_text": "It left our house this morning.",
    "last_event_at": "2026-11-29T02:40:02.174Z",
    "waiting_since": None,
    "unread": 0,
    "order": {"id": 1009, "status": "placed", "total": "25.00", "currency": "EUR"},
    "url": f"/chat/ben/{CONVERSATION_ID}/1009",
    "new_device": False,
    "solved": False,
}
TOKEN: Example = {
    "token": "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl",
    "expires_at": "2026-11-29T03:40:02.000Z",
    "user_name": ANNA["id"],
    "conversation_id": "CON-11111111-2222-4333-8444-555555555555",
}
