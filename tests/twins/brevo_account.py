"""Brevo's account, templates and webhooks: what a set-up command needs."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.twins.brevo_errors import invalid, missing, read_object, refuse
from tests.twins.http import Request, Response, empty_response, json_response
from tests.twins.routes import Route

if TYPE_CHECKING:
    from tests.twins.brevo import BrevoTwin

MINIMUM_HTML_CHARACTERS = 10
MAXIMUM_WEBHOOKS = 40
EVENTS = frozenset(
    [
        *("sent", "request", "delivered", "hardBounce", "softBounce", "blocked", "spam", "invalid", "deferred", "click", "error"),
        *("opened", "uniqueOpened", "unsubscribed", "proxyOpen", "uniqueProxyOpen"),
    ]
)
TEMPLATE_FIELDS = ("tag", "sender", "subject", "replyTo", "toField", "htmlContent", "isActive")
WEBHOOK_FIELDS = ("url", "description", "events", "domain", "auth", "headers", "batched")


def account(twin: "BrevoTwin", request: Request) -> Response:
    twin.authorize(request)
    plan = [{"type": "free", "creditsType": "sendLimit", "credits": 300}]
    relay = {"enabled": True, "data": {"userName": "twin@example.com", "relay": "smtp-relay.brevo.com", "port": 587}}
    names = {"email": "twin@example.com", "firstName": "Twin", "lastName": "Account", "companyName": "Twin"}
    address = {"street": "1 Loopback", "city": "Paris", "zipCode": "75000", "country": "France"}
    return json_response(200, {**names, "address": address, "plan": plan, "relay": relay, "marketingAutomation": {"enabled": False}})


def create_template(twin: "BrevoTwin", request: Request) -> Response:
    twin.authorize(request)
    fields = read_object(request)
    for name in ("sender", "templateName", "subject"):
        if not fields.get(name):
            missing(name)
    if not fields.get("htmlContent") and not fields.get("htmlUrl"):
        missing("htmlContent or htmlUrl")
    _check_template(fields)
    number, moment = next(twin.numbers), _now()
    defaults = {"tag": "", "replyTo": "", "toField": "", "htmlContent": "", "isActive": False}
    known = {name: fields[name] for name in TEMPLATE_FIELDS if name in fields}
    times = {"createdAt": moment, "modifiedAt": moment}
    twin.templates[number] = {"id": number, "name": fields["templateName"], "testSent": False, **defaults, **known, **times}
    return json_response(201, {"id": number})


def _check_template(fields: dict[str, Any]) -> None:
    if "htmlContent" in fields and len(str(fields["htmlContent"])) <= MINIMUM_HTML_CHARACTERS:
        invalid("htmlContent should have more than 10 characters")
    if "isActive" in fields and not isinstance(fields["isActive"], bool):
        invalid("isActive should be a boolean")
    sender = fields.get("sender", {"id": 1})
    if not isinstance(sender, dict) or ("email" in sender) == ("id" in sender):
        invalid("Either sender email or sender id should be passed")


def list_templates(twin: "BrevoTwin", request: Request) -> Response:
    twin.authorize(request)
    found = sorted(twin.templates.values(), key=lambda item: -int(item["id"]))
    if "templateStatus" in request.query:
        found = [item for item in found if item["isActive"] == (request.query["templateStatus"].lower() == "true")]
    limit, offset = int(request.query.get("limit", 50)), int(request.query.get("offset", 0))
    return json_response(200, {"count": len(found), "templates": found[offset : offset + limit]})


def show_template(twin: "BrevoTwin", request: Request) -> Response:
    twin.authorize(request)
    return json_response(200, _find(twin.templates, request, "Template ID does not exist"))


def update_template(twin: "BrevoTwin", request: Request) -> Response:
    twin.authorize(request)
    template = _find(twin.templates, request, "Template ID does not exist")
    fields = read_object(request)
    _check_template(fields)
    template.update({name: fields[name] for name in TEMPLATE_FIELDS if name in fields}, modifiedAt=_now())
    template["name"] = fields.get("templateName", template["name"])
    return empty_response(204)


def delete_template(twin: "BrevoTwin", request: Request) -> Response:
    """Only an inactive one can be deleted."""
    twin.authorize(request)
    template = _find(twin.templates, request, "Template ID does not exist")
    if template["isActive"]:
        refuse(400, "permission_denied", "Active templates can not be deleted")
    del twin.templates[template["id"]]
    return empty_response(204)


def create_webhook(twin: "BrevoTwin", request: Request) -> Response:
    twin.authorize(request)
    fields = read_object(request)
    for name in ("url", "events"):
        if not fields.get(name):
            missing(name)
    _check_webhook(fields)
    if any(item["url"] == fields["url"] for item in twin.hooks.values()):
        refuse(400, "duplicate_parameter", "Webhook already exists with the same url")
    if len(twin.hooks) >= MAXIMUM_WEBHOOKS:
        refuse(400, "bad_request", "Webhook limit reached")
    number, moment = next(twin.numbers), _now()
    known = {name: fields[name] for name in WEBHOOK_FIELDS if name in fields}
    kind, times = fields.get("type", "transactional"), {"createdAt": moment, "modifiedAt": moment}
    twin.hooks[number] = {"id": number, "description": "", "type": kind, **known, **times}
    return json_response(201, {"id": number})


def _check_webhook(fields: dict[str, Any]) -> None:
    if "url" in fields and not re.fullmatch(r"https?://\S+", str(fields["url"])):
        invalid("Invalid url")
    events = fields.get("events", [])
    if not isinstance(events, list) or not set(events) <= EVENTS:
        invalid("Invalid events for transactional webhook")


def list_webhooks(twin: "BrevoTwin", request: Request) -> Response:
    """Like Brevo: 404 when there are none."""
    twin.authorize(request)
    kind = request.query.get("type", "transactional")
    found = [item for item in twin.hooks.values() if item["type"] == kind]
    if not found:
        refuse(404, message="No webhook found")
    return json_response(200, {"webhooks": found})


def show_webhook(twin: "BrevoTwin", request: Request) -> Response:
    twin.authorize(request)
    return json_response(200, _find(twin.hooks, request, "Webhook record(s) not found"))


def update_webhook(twin: "BrevoTwin", request: Request) -> Response:
    twin.authorize(request)
    hook = _find(twin.hooks, request, "Webhook record(s) not found")
    fields = read_object(request)
    _check_webhook(fields)
    hook.update({name: fields[name] for name in WEBHOOK_FIELDS if name in fields}, modifiedAt=_now())
    return empty_response(204)


def delete_webhook(twin: "BrevoTwin", request: Request) -> Response:
    twin.authorize(request)
    del twin.hooks[_find(twin.hooks, request, "Webhook record(s) not found")["id"]]
    return empty_response(204)


def _find(rows: dict[int, dict[str, Any]], request: Request, message: str) -> dict[str, Any]:
    number = request.parameters["id"]
    found = rows.get(int(number)) if number.isdigit() else None
    return found or refuse(404, message=message)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


ROUTES: list[Route["BrevoTwin"]] = [
    Route("GET", "/v3/account", "brevo.get_account", account),
    Route("POST", "/v3/smtp/templates", "brevo.create_template", create_template),
    Route("GET", "/v3/smtp/templates", "brevo.list_templates", list_templates),
    Route("GET", "/v3/smtp/templates/{id}", "brevo.get_template", show_template),
    Route("PUT", "/v3/smtp/templates/{id}", "brevo.update_template", update_template),
    Route("DELETE", "/v3/smtp/templates/{id}", "brevo.delete_template", delete_template),
    Route("POST", "/v3/webhooks", "brevo.create_webhook", create_webhook),
    Route("GET", "/v3/webhooks", "brevo.list_webhooks", list_webhooks),
    Route("GET", "/v3/webhooks/{id}", "brevo.get_webhook", show_webhook),
    Route("PUT", "/v3/webhooks/{id}", "brevo.update_webhook", update_webhook),
    Route("DELETE", "/v3/webhooks/{id}", "brevo.delete_webhook", delete_webhook),
]
