"""Applications API v2, with Basic credentials: what a set-up command needs."""

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.twins import vonage_shapes as shapes
from tests.twins.http import Request, Response, empty_response, json_response
from tests.twins.joi import Rule, check
from tests.twins.routes import Refusal, Route
from tests.twins.vonage_store import JsonObject

if TYPE_CHECKING:
    from tests.twins.vonage import VonageTwin

WEBHOOK = {
    "address": Rule(required=True, is_url=True),
    "http_method": Rule(one_of=("GET", "POST")),
    "connect_timeout": Rule("number", minimum=300, maximum=1000),
    "socket_timeout": Rule("number", minimum=1000, maximum=10_000),
}


def _capability(*hooks: str, **more: Rule) -> Rule:
    webhooks = Rule("object", keys={name: Rule("object", keys=WEBHOOK) for name in hooks})
    return Rule("object", keys={"webhooks": webhooks, **more})


CAPABILITIES = {
    "voice": _capability(
        *("answer_url", "fallback_answer_url", "event_url"),
        signed_callbacks=Rule("boolean"),
        conversations_ttl=Rule("number", minimum=1, maximum=9000),
        leg_persistence_time=Rule("number", minimum=1, maximum=31),
        region=Rule(),
    ),
    "rtc": _capability("event_url", signed_callbacks=Rule("boolean")),
    "messages": _capability("inbound_url", "status_url", version=Rule(), authenticate_inbound_media=Rule("boolean")),
    "verify": _capability("status_url", version=Rule()),
    "vbc": Rule("object"),
}
APPLICATION = {
    "name": Rule(required=True, maximum=255),
    "capabilities": Rule("object", keys=CAPABILITIES),
    "privacy": Rule("object", keys={"improve_ai": Rule("boolean")}),
    "keys": Rule("object", keys={"public_key": Rule()}),
}


@dataclass
class Application:
    id: str
    name: str
    public_key: str
    capabilities: JsonObject = field(default_factory=dict)
    privacy: JsonObject = field(default_factory=dict)

    def url(self, capability: str, hook: str) -> str:
        """The address of one of its webhooks, or ""."""
        webhooks = self.capabilities.get(capability, {}).get("webhooks", {})
        return str(webhooks.get(hook, {}).get("address", ""))


def private_pem(key: rsa.RSAPrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def create(twin: "VonageTwin", request: Request) -> Response:
    """Without a public key of the caller's the answer brings a private key, this once."""
    _require_account(twin, request)
    fields = _read(request)
    public_key, private_key = fields.get("keys", {}).get("public_key", ""), ""
    if not public_key:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public_key, private_key = public_pem(key), private_pem(key)
    made = Application(str(uuid.uuid4()), fields["name"], public_key, fields.get("capabilities", {}), fields.get("privacy", {}))
    _add(twin, made)
    answer = _shape(made)
    if private_key:
        answer["keys"]["private_key"] = private_key
    return json_response(201, answer)


def index(twin: "VonageTwin", request: Request) -> Response:
    """Paged by number, unlike the Conversation API."""
    _require_account(twin, request)
    size, number = int(request.query.get("page_size", 10)), int(request.query.get("page", 1))
    everything = list(twin.applications.values())
    shown = [_shape(item) for item in everything[(number - 1) * size : number * size]]
    pages = max(1, -(-len(everything) // size))
    links = {"self": {"href": f"/v2/applications?page_size={size}&page={number}"}}
    counts = {"page_size": size, "page": number, "total_items": len(everything), "total_pages": pages}
    return json_response(200, {**counts, "_embedded": {"applications": shown}, "_links": links})


def show(twin: "VonageTwin", request: Request) -> Response:
    return json_response(200, _shape(_find(twin, request)))


def update(twin: "VonageTwin", request: Request) -> Response:
    """Replaces everything but the key, unless a new one is given."""
    application = _find(twin, request)
    fields = _read(request)
    application.name = fields["name"]
    application.capabilities, application.privacy = fields.get("capabilities", {}), fields.get("privacy", {})
    application.public_key = fields.get("keys", {}).get("public_key") or application.public_key
    _add(twin, application)
    return json_response(200, _shape(application))


def delete(twin: "VonageTwin", request: Request) -> Response:
    application = _find(twin, request)
    twin.tokens.distrust(application.id)
    del twin.applications[application.id]
    return empty_response(204)


def _add(twin: "VonageTwin", application: Application) -> None:
    try:
        twin.add_application(application)
    except ValueError as error:
        raise Refusal(_problem(400, "Bad Request", f"Invalid public key: {error}")) from error


def _read(request: Request) -> JsonObject:
    fields = shapes.read_object(request)
    reasons = check(fields, APPLICATION)
    if reasons:
        raise Refusal(_problem(400, "Bad Request", "The request failed due to validation errors", reasons))
    return fields


def _require_account(twin: "VonageTwin", request: Request) -> None:
    if not twin.is_account(request):
        raise Refusal(_problem(401, "Unauthorized", "You did not provide correct credentials."))


def _find(twin: "VonageTwin", request: Request) -> Application:
    _require_account(twin, request)
    found = twin.applications.get(request.parameters["application"])
    if found is None:
        raise Refusal(_problem(404, "Not Found", "The requested application was not found."))
    return found


def _problem(status: int, title: str, detail: str, reasons: list[dict[str, str]] | None = None) -> Response:
    kind = f"https://developer.nexmo.com/api-errors#{title.lower().replace(' ', '-')}"
    payload: JsonObject = {"type": kind, "title": title, "detail": detail, "instance": uuid.uuid4().hex}
    return json_response(status, payload | ({"invalid_parameters": reasons} if reasons else {}))


def _shape(application: Application) -> JsonObject:
    return {
        "id": application.id,
        "name": application.name,
        "capabilities": application.capabilities,
        "privacy": application.privacy or {"improve_ai": False},
        "keys": {"public_key": application.public_key},
        "_links": {"self": {"href": f"/v2/applications/{application.id}"}},
    }


ROUTES: list[Route["VonageTwin"]] = [
    Route("POST", "/v2/applications", "vonage.create_application", create),
    Route("GET", "/v2/applications", "vonage.list_applications", index),
    Route("GET", "/v2/applications/{application}", "vonage.get_application", show),
    Route("PUT", "/v2/applications/{application}", "vonage.update_application", update),
    Route("DELETE", "/v2/applications/{application}", "vonage.delete_application", delete),
]
