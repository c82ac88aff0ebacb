"""Voice: POST /v1/calls, the calls' webhooks, and what people do with their phones.

A call goes through the statuses of the dial `call_statuses` (started, ringing, answered, completed). When it is answered from
an answer URL, that is asked for the NCCO first; a `connect` in the NCCO rings the other party as a second leg of the same
conversation. With the dial `answer_calls` False a call stays ringing until `progress_call` says what happened.
"""

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.twins import vonage_hooks
from tests.twins import vonage_shapes as shapes
from tests.twins.http import Request, Response, empty_response, json_response
from tests.twins.joi import Rule, check
from tests.twins.routes import Route
from tests.twins.vonage_errors import refuse, refuse_invalid
from tests.twins.vonage_messages import PHONE
from tests.twins.vonage_store import JsonObject, now

if TYPE_CHECKING:
    from tests.twins.vonage import VonageTwin

ENDPOINT_TYPES = ("phone", "sip", "websocket", "vbc", "app")
URLS = Rule("array")
CALL = {
    "to": Rule("array", required=True),
    "from": Rule("any"),
    "random_from_number": Rule("boolean"),
    "ncco": Rule("array"),
    "answer_url": URLS,
    "answer_method": Rule(one_of=("GET", "POST")),
    "event_url": URLS,
    "event_method": Rule(one_of=("GET", "POST")),
    "machine_detection": Rule(one_of=("continue", "hangup")),
    "advanced_machine_detection": Rule("object"),
    "length_timer": Rule("number", minimum=1, maximum=86_400),
    "ringing_timer": Rule("number", minimum=1, maximum=120),
}
ACTIONS = ("connect", "talk", "stream", "record", "input", "notify", "conversation")
ENDED = ("completed", "busy", "failed", "timeout", "unanswered", "rejected", "cancelled")


@dataclass
class Call:
    """One leg. `ncco` is what the party hears; `history` the statuses so far."""

    uuid: str
    conversation_uuid: str
    to: JsonObject
    sender: JsonObject
    direction: str
    application_id: str
    event_url: str
    answer_url: str = ""
    ncco: list[JsonObject] = field(default_factory=list)
    status: str = ""
    history: list[str] = field(default_factory=list)
    at: str = field(default_factory=now)


def create(twin: "VonageTwin", request: Request) -> Response:
    caller = twin.authorize(request)
    fields = shapes.read_object(request)
    refuse_invalid(check(fields, CALL))
    refuse_invalid(_wrong_call(fields))
    application = twin.applications[caller.application_id]
    call = Call(
        uuid=str(uuid.uuid4()),
        conversation_uuid=f"CON-{uuid.uuid4()}",
        to=fields["to"][0],
        sender=fields.get("from") or {"type": "phone", "number": "447700900000"},
        direction="outbound",
        application_id=application.id,
        event_url=(fields.get("event_url") or [application.url("voice", "event_url")])[0],
        answer_url=(fields.get("answer_url") or [""])[0],
        ncco=fields.get("ncco") or [],
    )
    twin.calls.append(call)
    ring(twin, call)
    payload = {"uuid": call.uuid, "status": "started", "direction": "outbound", "conversation_uuid": call.conversation_uuid}
    return json_response(201, payload)


def _wrong_call(fields: JsonObject) -> list[dict[str, str]]:
    reasons = []
    if ("ncco" in fields) == ("answer_url" in fields):
        reasons.append({"name": "ncco", "reason": "either ncco or answer_url must be given"})
    if ("from" in fields) == bool(fields.get("random_from_number")):
        reasons.append({"name": "from", "reason": "either from or random_from_number must be given"})
    if not fields["to"] or not all(_is_endpoint(endpoint) for endpoint in fields["to"]):
        reasons.append({"name": "to", "reason": "Invalid endpoint"})
    if any(not isinstance(action, dict) or action.get("action") not in ACTIONS for action in fields.get("ncco", [])):
        reasons.append({"name": "ncco", "reason": "Invalid NCCO"})
    return reasons


def _is_endpoint(endpoint: Any) -> bool:
    if not isinstance(endpoint, dict) or endpoint.get("type") not in ENDPOINT_TYPES:
        return False
    return endpoint["type"] != "phone" or not check({"number": endpoint.get("number")}, {"number": Rule(pattern=PHONE)})


def ring(twin: "VonageTwin", call: Call) -> None:
    """Lets the call happen as the dials say."""
    statuses = [str(status) for status in twin.dials.call_statuses]
    if not twin.dials.answer_calls:
        statuses = [status for status in statuses if status in ("started", "ringing")]
    for status in statuses:
        progress(twin, call, status)


def progress(twin: "VonageTwin", call: Call, status: str) -> None:
    """One more status: the event webhook, and when answered, the NCCO."""
    call.status = status
    call.history.append(status)
    vonage_hooks.post(twin, call.event_url, _event(call, status), kind="voice_event", application_id=call.application_id)
    if status == "answered":
        _answer(twin, call)


def _answer(twin: "VonageTwin", call: Call) -> None:
    if not call.answer_url:
        connect(twin, call)
        return
    query = {
        "to": call.to.get("number", ""),
        "from": call.sender.get("number", ""),
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "region_url": shapes.REGIONAL_ORIGIN,
        **call.sender.get("query", {}),
    }

    def take_ncco(answer: bytes) -> None:
        with twin.lock:
            call.ncco = json.loads(answer)
            connect(twin, call)

    vonage_hooks.get(twin, call.answer_url, query, application_id=call.application_id, on_answer=take_ncco)


def connect(twin: "VonageTwin", call: Call) -> None:
    """The second legs that the NCCO asks for, each with events of its own."""
    for action in call.ncco:
        if action.get("action") != "connect":
            continue
        sender = {"type": "phone", "number": action.get("from", "")}
        event_url = (action.get("eventUrl") or [call.event_url])[0]
        other = Call(
            str(uuid.uuid4()), call.conversation_uuid, action["endpoint"][0], sender, "outbound", call.application_id, event_url=event_url
        )
        twin.calls.append(other)
        ring(twin, other)


def _event(call: Call, status: str) -> JsonObject:
    event = {
        "status": status,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "from": call.sender.get("number") or call.sender.get("user", ""),
        "to": call.to.get("number") or call.to.get("user", ""),
        "direction": call.direction,
        "timestamp": now(),
    }
    if status == "completed":
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        event |= {"duration": "12", "rate": "0.0100", "price": "0.0020", "network": "23410", "start_time": moment, "end_time": moment}
    return event


def progress_call(twin: "VonageTwin", call_uuid: str, status: str) -> JsonObject:
    """Somebody answers, rejects or hangs up. Raises LookupError for an unknown call, ValueError for one that has ended."""
    found = [call for call in twin.calls if call.uuid == call_uuid]
    if not found:
        raise LookupError(f"no call {call_uuid}")
    if found[0].status in ENDED:
        raise ValueError(f"call {call_uuid} has ended")
    progress(twin, found[0], status)
    return vars(found[0])


def server_call(twin: "VonageTwin", *, user: str, to: str = "", custom_data: JsonObject | None = None) -> JsonObject:
    """A browser's `client.serverCall({...})`: the application's answer URL is asked what to do."""
    application = twin.applications[twin.application_id]
    query = {"from_user": user, **({"custom_data": json.dumps(custom_data)} if custom_data else {})}
    call = Call(
        uuid=str(uuid.uuid4()),
        conversation_uuid=f"CON-{uuid.uuid4()}",
        to={"type": "phone", "number": to},
        sender={"type": "app", "user": user, "query": query},
        direction="inbound",
        application_id=application.id,
        event_url=application.url("voice", "event_url"),
        answer_url=application.url("voice", "answer_url"),
    )
    twin.calls.append(call)
    ring(twin, call)
    return vars(call)


def show(twin: "VonageTwin", request: Request) -> Response:
    call = _find(twin, request)
    shown = {name: getattr(call, name) for name in ("uuid", "conversation_uuid", "to", "status", "direction")}
    links = {"self": {"href": f"/v1/calls/{call.uuid}"}}
    return json_response(200, {**shown, "from": call.sender, "start_time": call.at, "_links": links})


def update(twin: "VonageTwin", request: Request) -> Response:
    """{"action": "hangup"} ends a call."""
    call = _find(twin, request)
    refuse_invalid(check(shapes.read_object(request), {"action": Rule(required=True, one_of=("hangup",))}))
    if call.status not in ENDED:
        progress(twin, call, "completed")
    return empty_response(204)


def _find(twin: "VonageTwin", request: Request) -> Call:
    twin.authorize(request)
    found = [call for call in twin.calls if call.uuid == request.parameters["call"]]
    return found[0] if found else refuse("http:error:not-found")


ROUTES: list[Route["VonageTwin"]] = [
    Route("POST", "/v1/calls", "vonage.create_call", create),
    Route("GET", "/v1/calls/{call}", "vonage.get_call", show),
    Route("PUT", "/v1/calls/{call}", "vonage.update_call", update),
]
