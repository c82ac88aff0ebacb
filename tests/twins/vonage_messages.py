"""SMS by the Messages API (POST /v1/messages) and by the SMS API (POST /sms/json, always 200), and what phones answer."""

import hashlib
import hmac
import json
import math
import textwrap
import time
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.twins import vonage_hooks
from tests.twins import vonage_shapes as shapes
from tests.twins.http import Request, Response, json_response
from tests.twins.joi import Rule, check
from tests.twins.routes import Refusal, Route
from tests.twins.vonage_store import now

if TYPE_CHECKING:
    from tests.twins.vonage import VonageTwin

PHONE = r"[1-9]\d{6,14}"  # E.164 without +
MAXIMUM_TEXT = 3200
SMS_CHARACTERS = 160
SIGNATURE_SECONDS = 300
MESSAGE = {
    "channel": Rule(required=True, one_of=("sms",)),
    "message_type": Rule(required=True, one_of=("text",)),
    "to": Rule(required=True, pattern=PHONE),
    "from": Rule(required=True),
    "text": Rule(required=True, maximum=MAXIMUM_TEXT),
    "client_ref": Rule(maximum=100),
    "webhook_url": Rule(is_url=True),
    "webhook_version": Rule(one_of=("v0.1", "v1")),
    "ttl": Rule("number", minimum=20, maximum=604_800),
    "sms": Rule("object"),
    "trusted_recipient": Rule("boolean"),
}
# The SMS API's status -> its error-text; 0 is success.
SMS_ERRORS = {
    "1": "Throughput Rate Exceeded - please wait [ 250 ] and retry",
    "2": "Missing to param",
    "4": "Bad Credentials",
    "5": "Internal Error",
    "6": "Unroutable message - rejected",
    "7": "Number barred",
    "9": "Quota Exceeded - rejected",
    "14": "Invalid Signature",
    "15": "Illegal Sender Address - rejected",
    "29": "Non White-listed Destination",
}


@dataclass
class Text:
    """One SMS on a phone's screen. `direction` is out (from us) or in."""

    id: str
    direction: str
    to: str
    sender: str
    text: str
    api: str
    client_ref: str
    at: str
    webhook_url: str = ""
    application_id: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def send_message(twin: "VonageTwin", request: Request) -> Response:
    application_id = _account_or_application(twin, request)
    fields = shapes.read_object(request)
    reasons = check(fields, MESSAGE)
    if reasons:
        raise Refusal(_invalid(reasons))
    known = {name: fields.get(name, "") for name in ("to", "text", "client_ref", "webhook_url")}
    sent = Text(str(uuid.uuid4()), "out", sender=fields["from"], api="messages", at=now(), application_id=application_id, **known)
    twin.texts.append(sent)
    for status in twin.dials.text_statuses:
        report(twin, sent, status)
    return json_response(202, {"message_uuid": sent.id})


def _account_or_application(twin: "VonageTwin", request: Request) -> str:
    """The application that sends; Basic credentials send for the default one. Raises a Refusal in the Messages API's shape."""
    if twin.is_account(request):
        return twin.application_id
    try:
        return twin.authorize(request).application_id
    except Refusal as refusal:
        title, detail = "Unauthorized", "You did not provide correct credentials."
        payload = {"type": f"https://developer.vonage.com/api-errors#{title.lower()}", "title": title, "detail": detail}
        status = refusal.response.status
        raise Refusal(json_response(status, {**payload, "instance": uuid.uuid4().hex})) from refusal


def _invalid(reasons: list[dict[str, str]]) -> Response:
    payload = {
        "type": "https://developer.vonage.com/api-errors/messages#1020",
        "title": "Invalid params",
        "detail": "The value of one or more parameters is invalid.",
        "instance": uuid.uuid4().hex,
        "invalid_parameters": reasons,
    }
    return json_response(422, payload)


def report(twin: "VonageTwin", sent: Text, status: str) -> None:
    """The status webhook of a sent text: submitted, delivered, rejected, undeliverable."""
    application = twin.applications[sent.application_id]
    payload = {
        "message_uuid": sent.id,
        "to": sent.to,
        "from": sent.sender,
        "timestamp": now(),
        "status": status,
        "channel": "sms",
        "client_ref": sent.client_ref,
        "usage": {"currency": "EUR", "price": "0.0333"},
    }
    if status in ("rejected", "undeliverable"):
        payload["error"] = {
            "type": "https://developer.vonage.com/api-errors/messages#1050",
            "title": 1050,
            "detail": "Number barred",
            "instance": uuid.uuid4().hex,
        }
    url = sent.webhook_url or application.url("messages", "status_url")
    vonage_hooks.post(twin, url, payload, kind="message_status", application_id=application.id)


def receive_text(twin: "VonageTwin", *, to: str, sender: str, text: str) -> dict[str, Any]:
    """Somebody's phone sends us a text: the inbound webhook of the Messages API."""
    received = Text(str(uuid.uuid4()), "in", to=to, sender=sender, text=text, api="messages", client_ref="", at=now())
    twin.texts.append(received)
    application = twin.applications[twin.application_id]
    payload = {
        "channel": "sms",
        "message_uuid": received.id,
        "to": to,
        "from": sender,
        "timestamp": received.at,
        "text": text,
        "message_type": "text",
        "usage": {"currency": "EUR", "price": "0.0"},
        "sms": {"num_messages": "1", "keyword": text.partition(" ")[0].upper()},
    }
    vonage_hooks.post(twin, application.url("messages", "inbound_url"), payload, kind="message_inbound", application_id=application.id)
    return received.as_json()


def send_sms(twin: "VonageTwin", request: Request) -> Response:
    """The SMS API: a form (or JSON), an answer that is always 200, and the outcome in each message's status."""
    fields = request.form() if "json" not in request.headers.get("content-type", "") else shapes.read_object(request)
    status = _sms_status(twin, request, fields)
    if status != "0":
        text = SMS_ERRORS.get(status, "Error")
        return json_response(200, {"message-count": "1", "messages": [{"status": status, "error-text": text}]})
    parts = max(1, math.ceil(len(fields["text"]) / SMS_CHARACTERS))
    known = {name: fields[name] for name in ("to", "text")}
    sent = Text(uuid.uuid4().hex[:16].upper(), "out", sender=fields["from"], api="sms", client_ref="", at=now(), **known)
    twin.texts.append(sent)
    price = {"remaining-balance": "15.53590000", "message-price": "0.03330000", "network": "23410"}
    messages = [{"to": sent.to, "message-id": sent.id, "status": "0", **price} for _ in range(parts)]
    return json_response(200, {"message-count": str(parts), "messages": messages})


def _sms_status(twin: "VonageTwin", request: Request, fields: dict[str, Any]) -> str:
    """The status of this request; the dial `sms_status` may be {"4477…": "7"} or one status for everybody."""
    if not all(fields.get(name) for name in ("from", "to", "text")):
        return "2"
    if "sig" in fields:
        if not _is_signed(twin, fields):
            return "14"
    elif not twin.is_account(request) and (fields.get("api_key"), fields.get("api_secret")) != (twin.api_key, twin.api_secret):
        return "4"
    dial = twin.dials.sms_status
    return str(dial.get(fields["to"], "0")) if isinstance(dial, dict) else str(dial)


def _is_signed(twin: "VonageTwin", fields: dict[str, Any]) -> bool:
    is_recent = abs(time.time() - float(fields.get("timestamp", 0))) < SIGNATURE_SECONDS
    return is_recent and hmac.compare_digest(_signature(twin, fields), str(fields["sig"]).lower())


def _signature(twin: "VonageTwin", fields: dict[str, Any]) -> str:
    """The SMS API's own signature (not a JWT): HMAC over the sorted parameters, as "&name=value" with & and = replaced."""
    plain = {name: str(value).replace("&", "_").replace("=", "_") for name, value in fields.items() if name != "sig"}
    signed = "".join(f"&{name}={plain[name]}" for name in sorted(plain))
    return hmac.new(twin.signature_secret.encode(), signed.encode(), hashlib.md5).hexdigest()


def receive_sms(twin: "VonageTwin", *, to: str, sender: str, text: str, method: str = "POST", signed: bool = False) -> dict[str, Any]:
    """Somebody's phone sends us a text: the SMS API's inbound webhook to the dial `sms_url`, one for each part of a long text."""
    received = Text(uuid.uuid4().hex[:16].upper(), "in", to=to, sender=sender, text=text, api="sms", client_ref="", at=now())
    twin.texts.append(received)
    parts = textwrap.wrap(text, SMS_CHARACTERS, drop_whitespace=False, break_on_hyphens=False) or [""]
    for number, part in enumerate(parts, 1):
        concat = {"concat": "true", "concat-ref": "7", "concat-total": str(len(parts)), "concat-part": str(number)}
        fields = {
            "msisdn": sender,
            "to": to,
            "messageId": received.id if number == 1 else uuid.uuid4().hex[:16].upper(),
            "text": part,
            "type": "text",
            "keyword": text.partition(" ")[0].upper(),
            "api-key": twin.api_key,
            "message-timestamp": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()),
            **(concat if len(parts) > 1 else {}),
        }
        if signed:
            fields |= {"timestamp": str(int(time.time())), "nonce": uuid.uuid4().hex}
            fields["sig"] = _signature(twin, fields)
        _post_sms(twin, fields, method)
    return received.as_json()


def _post_sms(twin: "VonageTwin", fields: dict[str, str], method: str) -> None:
    if not twin.dials.sms_url:
        return
    if method == "GET":
        twin.send_hook(f"{twin.dials.sms_url}?{urlencode(fields)}", body=b"", headers={}, kind="sms", method="GET")
    else:
        headers = {"content-type": "application/json"}
        twin.send_hook(twin.dials.sms_url, body=json.dumps(fields).encode(), headers=headers, kind="sms")


ROUTES: list[Route["VonageTwin"]] = [
    Route("POST", "/v1/messages", "vonage.send_message", send_message),
    Route("POST", "/sms/json", "vonage.send_sms", send_sms),
]
