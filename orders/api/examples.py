"""What the API's answers about orders look like, for its OpenAPI document (`tests/test_schema.py` holds them against real answers)."""

from chat.api.examples import ANNA, CONVERSATION_ID, Example

PAGE = f"https://orders.example.com/chat/anna/{CONVERSATION_ID}/1009"
WEBHOOK = "WHK-f4c7e84a-be47-4bf0-9b5c-f6a46b54204e"
LINE = {"name": "Blue mug", "sku": "MUG-1", "quantity": 2, "unit_price": "12.50", "total": "25.00"}
TEXT = "You purchased 2 × Blue mug for €25.00. Thank you for your order!"

CONFIRMATION: Example = {
    "version": 1,
    "state": "done",
    "attempts": 1,
    "conversation_opened_at": "2026-11-29T02:32:59.294817Z",
    "event_added_at": "2026-11-29T02:32:59.294817Z",
    "mail_sent_at": "2026-11-29T02:32:59.314203Z",
    "message_id": "<ff00070c-8379-49a4-ac23-e1d7d6129faa@embedded>",
    "last_error": "",
    "error_code": "",
}
ORDER: Example = {
    "number": 1009,
    "external_id": "W-2026-1017",
    "customer": "anna",
    "status": "placed",
    "currency": "EUR",
    "lines": [LINE],
    "total": "25.00",
    "shipping_address": {"name": "Anna Berg", "street": "Way 1", "postal_code": "10115", "city": "Berlin", "region": "", "country": "DE"},
    "data": {"gift": True},
    "version": 1,
    "created_at": "2026-11-29T02:32:59.156414Z",
    "placed_at": "2026-11-29T02:32:59.156423Z",
    "updated_at": "2026-11-29T02:32:59.156431Z",
    "confirmation": CONFIRMATION,
    "conversation_id": CONVERSATION_ID,
    "chat_url": PAGE,
}
REHEARSED: Example = {
    "order": ORDER | {"confirmation": CONFIRMATION | {"state": "waiting", "attempts": 0, "mail_sent_at": None, "message_id": ""}},
    "is_new": True,
    "conversation": {"id": CONVERSATION_ID, "is_new": False},
    "event": {
        "type": "custom:order-confirm-event",
        "body": {
            "id": 1009,
            "text": TEXT,
            "version": 1,
            "status": "placed",
            "currency": "EUR",
            "total": "25.00",
            "placed_at": "2026-11-29T02:32:59.156Z",
            "ship_to": "Anna Berg, Way 1, 10115 Berlin, DE",
            "lines": [LINE],
            "lines_left_out": 0,
        },
    },
    "mail": {
        "to": "Anna Berg <anna@example.com>",
        "subject": "Your order 1009 at Order Support",
        "text": "Thank you, Anna Berg\n\nPlaced on Nov 29, 2026, 02:32\n…",
        "html": "<!doctype html>…",
        "language": "en",
    },
    "why_no_mail": None,
    "webhooks": [{"id": WEBHOOK, "type": "order.told"}],
}
EXPLAINED: Example = {
    "order": 1009,
    "status": "placed",
    "is_told": True,
    "code": "told",
    "text": "Anna Berg was told at 02:32.",
    "versions": [
        {
            "version": 1,
            "code": "told",
            "text": "Anna Berg was told at 02:32.",
            "steps": [
                {"code": "conversation_opened", "at": "2026-11-29T02:32:59.294Z"},
                {"code": "event_added", "at": "2026-11-29T02:32:59.294Z"},
                {"code": "mail_sent", "at": "2026-11-29T02:32:59.314Z"},
            ],
            "attempts": 1,
            "next_attempt_at": None,
            "error": None,
            "message_id": CONFIRMATION["message_id"],
            "delivery": "delivered",
            "mail_events": [{"type": "delivered", "at": "2026-11-29T02:33:04.000Z", "reason": ""}],
        }
    ],
}
FEED: Example = {
    "events": [
        {
            "sequence": 23,
            "type": "order.told",
            "happened_at": "2026-11-29T02:32:59.314Z",
            "order": {"number": 1009, "external_id": "W-2026-1017", "customer": "anna"},
            "conversation_id": None,
            "data": {"version": 1},
        }
    ],
    "last": 23,
    "has_more": False,
}
ENDPOINT: Example = {
    "id": WEBHOOK,
    "url": "https://shop.example.com/hooks/orders",
    "types": ["order.told", "order.not_told"],
    "is_active": True,
    "off_reason": "",
    "failing_since": None,
    "created_at": "2026-11-29T02:30:00.939539Z",
}
DELIVERY: Example = {
    "id": "d70658fd-8aa7-45a7-8343-ee1d32c9ad89",
    "sequence": 23,
    "type": "order.told",
    "state": "waiting",
    "attempts": 1,
    "next_attempt_at": "2026-11-29T02:33:48.963512Z",
    "finished_at": None,
    "status_code": 500,
    "last_error": "The address answered 500, not 2xx.",
    "error_code": "http_500",
}
SECRET: Example = {"secret": "whsec_" + "A" * 43 + "="}
USER_MADE: Example = {
    "user_id": ANNA["id"],
    "username": "anna",
    "role": "customer",
    "conversation_id": CONVERSATION_ID,
    "inbox_url": None,
}
ORDER_MADE: Example = {
    "order_id": 1009,
    "order_text": TEXT,
    "username": "anna",
    "user_id": USER_MADE["user_id"],
    "conversation_id": CONVERSATION_ID,
    "chat_url": PAGE,
}
