"""What the API's document says as a whole: what a version promises, what its groups are, and the refusals that all operations share."""

from typing import Any

from accounts.api.schema import refusals

DESCRIPTION = """Orders, customers, and the conversation beside each order.

Versions: `info.version` is the API's. Within a version, fields, filters, codes, event types and addresses are added, and never renamed,
removed or given another meaning; ignore what you don't know. What would break a client comes as `/api/v2/` beside this one, which is then
kept for a year and says so in a `Deprecation` header."""
GROUPS = {
    "orders": "Orders, and whether their customers were told.",
    "customers": "Those who order.",
    "conversations": "The one lasting chat with each customer.",
    "events": "What happened, in one order without gaps.",
    "webhooks": "Addresses of yours that are told of events.",
    "guide": "The routes of the original guide, with a form or JSON.",
}


def complete(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """drf-spectacular's document with all that."""
    result["info"]["description"] = DESCRIPTION
    result["tags"] = [{"name": name, "description": words} for name, words in GROUPS.items()]
    result["components"]["responses"] = refusals()
    return result
