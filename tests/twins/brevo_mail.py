"""Brevo's transactional mail: sending, and looking up what was sent."""

import re
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.twins.brevo_errors import invalid, missing, read_object, refuse
from tests.twins.http import Request, Response, json_response
from tests.twins.routes import Route

if TYPE_CHECKING:
    from tests.twins.brevo import BrevoTwin

ADDRESS = re.compile(r"[^@\s<>,]+@[^@\s<>,]+\.[^@\s<>,]+")
MAXIMUM_RECIPIENTS = 99
MAXIMUM_LIST = 1000


@dataclass
class Mail:
    """One accepted mail. `html` and `text` are as a recipient sees them, the template filled in."""

    number: int
    at: float
    message_id: str
    uuid: str
    to: list[str]
    sender: str
    subject: str
    html: str
    text: str
    template_id: int | None
    params: dict[str, Any]
    tags: list[str]
    key: str
    headers: dict[str, str]
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def date(self) -> str:
        return datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")


def send(twin: "BrevoTwin", request: Request) -> Response:
    twin.authorize(request)
    fields = read_object(request)
    _check(fields)
    extra = _read_headers(fields)
    key = extra.get("idempotencyKey", "")
    if key and twin.keys.get(key, 0) > time.time() - twin.dials.key_life_seconds:
        twin.repeats[key] = twin.repeats.get(key, 0) + 1
        refuse(400, "duplicate_parameter", "An email with the same idempotencyKey has already been processed")
    mail = _compose(twin, fields, extra)
    if key:
        twin.keys[key] = time.time()
    if extra.get("X-Sib-Sandbox", "").lower() != "drop":
        twin.accept(mail)
    status = 202 if "scheduledAt" in fields else 201
    return json_response(status, {"messageId": mail.message_id})


def _check(fields: dict[str, Any]) -> None:
    has_template = fields.get("templateId") is not None
    if has_template and (not isinstance(fields["templateId"], int) or isinstance(fields["templateId"], bool)):
        invalid("templateId should be a valid integer")
    if not has_template:
        _check_content(fields)
    if "sender" in fields and not _is_sender(fields["sender"]):
        invalid("valid sender email required")
    _check_recipients(fields)
    if fields.get("params") == {}:
        refuse(400, "missing_parameter", "params is blank")
    if not isinstance(fields.get("tags", []), list) or not all(isinstance(tag, str) for tag in fields.get("tags", [])):
        invalid("tags should be an array of strings")


def _check_content(fields: dict[str, Any]) -> None:
    """Without a template the mail brings its own sender, subject and content."""
    for name in ("sender", "subject"):
        if not fields.get(name):
            missing(name)
    if not fields.get("htmlContent") and not fields.get("textContent"):
        missing("htmlContent or textContent")


def _is_sender(sender: Any) -> bool:
    if not isinstance(sender, dict):
        return False
    return isinstance(sender.get("id"), int) or bool(ADDRESS.fullmatch(str(sender.get("email", ""))))


def _check_recipients(fields: dict[str, Any]) -> None:
    if not fields.get("to"):
        missing("to")
    for name in ("to", "cc", "bcc"):
        people = fields.get(name, [])
        if not isinstance(people, list) or len(people) > MAXIMUM_RECIPIENTS:
            invalid(f"{name} is not valid")
        for person in people:
            if not isinstance(person, dict) or not ADDRESS.fullmatch(str(person.get("email", ""))):
                invalid(f"email is not valid in {name}")
            if person.get("name") == "":
                missing(f"name in {name}")


def _read_headers(fields: dict[str, Any]) -> dict[str, str]:
    headers = fields.get("headers") or {}
    if not isinstance(headers, dict):
        invalid("headers should be an object")
    return {str(name): str(value) for name, value in headers.items()}


def _compose(twin: "BrevoTwin", fields: dict[str, Any], headers: dict[str, str]) -> Mail:
    subject, html, text = fields.get("subject", ""), fields.get("htmlContent", ""), fields.get("textContent", "")
    sender = (fields.get("sender") or {}).get("email", "")
    template_id = fields.get("templateId")
    if template_id is not None:
        template = twin.templates.get(template_id)
        if template is None:
            refuse(400, "invalid_parameter", "Template ID does not exist")
        if not template["isActive"]:
            refuse(400, "invalid_parameter", "Template is not active")
        subject, html = subject or template["subject"], template["htmlContent"]
        sender = sender or template["sender"].get("email", "")
    params = fields.get("params") or {}
    number = next(twin.numbers)
    identifier = f"<{datetime.now(UTC):%Y%m%d%H%M}.{number:011d}@smtp-relay.mailin.fr>"
    return Mail(
        number=number,
        at=time.time(),
        message_id=identifier,
        uuid=str(uuid.uuid4()),
        to=[person["email"] for person in fields["to"]],
        sender=sender,
        subject=fill(subject, params),
        html=fill(html, params),
        text=fill(text, params),
        template_id=template_id,
        params=params,
        tags=fields.get("tags", []),
        key=headers.get("idempotencyKey", ""),
        headers=headers,
    )


def fill(text: str, params: dict[str, Any]) -> str:
    """{{params.name}} and {{ params.name }}; an unknown name leaves nothing, as with Brevo."""
    return re.sub(r"{{\s*params\.(\w+)\s*}}", lambda match: str(params.get(match.group(1), "")), text)


def index(twin: "BrevoTwin", request: Request) -> Response:
    """By recipient, template or message id: one of them is mandatory. There is no filter by tag here, but tags are shown."""
    twin.authorize(request)
    query = request.query
    if not any(query.get(name) for name in ("email", "templateId", "messageId")):
        missing("email, templateId or messageId")
    found = [mail for mail in reversed(twin.mails) if _is_wanted(mail, query)]
    if query.get("sort", "desc") == "asc":
        found.reverse()
    limit, offset = _read_number(query, "limit", 500), _read_number(query, "offset", 0)
    if limit > MAXIMUM_LIST:
        refuse(400, "out_of_range", "limit must not exceed 1000")
    shown = [_overview(mail, email) for mail in found[offset : offset + limit] for email in mail.to]
    return json_response(200, {"count": len(found), "transactionalEmails": shown})


def _is_wanted(mail: Mail, query: dict[str, str]) -> bool:
    return (
        (not query.get("email") or query["email"] in mail.to)
        and (not query.get("templateId") or query["templateId"] == str(mail.template_id))
        and (not query.get("messageId") or query["messageId"].strip("<>") == mail.message_id.strip("<>"))
    )


def _read_number(query: dict[str, str], name: str, default: int) -> int:
    value = query.get(name, str(default))
    return int(value) if value.isdigit() else invalid(f"{name} should be a valid integer")


def _overview(mail: Mail, email: str) -> dict[str, Any]:
    return {
        "email": email,
        "subject": mail.subject,
        **({"templateId": mail.template_id} if mail.template_id is not None else {}),
        "messageId": mail.message_id,
        "uuid": mail.uuid,
        "date": mail.date,
        "from": mail.sender,
        "tags": mail.tags,
    }


def show(twin: "BrevoTwin", request: Request) -> Response:
    """One mail as it was sent, by its uuid."""
    twin.authorize(request)
    found = [mail for mail in twin.mails if mail.uuid == request.parameters["uuid"]]
    if not found:
        refuse(404, message="UUID not found")
    mail = found[0]
    events = [{"name": event["event"], "time": mail.date} for event in mail.events]
    overview = {"email": mail.to[0], "subject": mail.subject, "date": mail.date, "events": events}
    return json_response(200, {**overview, "body": mail.html or mail.text, "attachmentCount": 0})


def events(twin: "BrevoTwin", request: Request) -> Response:
    """What became of mails, newest first; by recipient, message id, tag or event."""
    twin.authorize(request)
    query = request.query
    rows = [
        {"email": mail.to[0], "date": mail.date, "messageId": mail.message_id, "event": event["event"], "subject": mail.subject}
        | {"from": mail.sender, "tag": mail.tags[0] if mail.tags else ""}
        for mail in reversed(twin.mails)
        for event in reversed(mail.events)
        if _is_wanted(mail, query) and (not query.get("tags") or query["tags"] in mail.tags)
    ]
    wanted = [row for row in rows if query.get("event", row["event"]) == row["event"]]
    return json_response(200, {"events": wanted} if wanted else {})


ROUTES: list[Route["BrevoTwin"]] = [
    Route("POST", "/v3/smtp/email", "brevo.send_mail", send),
    Route("GET", "/v3/smtp/emails", "brevo.list_mails", index),
    Route("GET", "/v3/smtp/emails/{uuid}", "brevo.get_mail", show),
    Route("GET", "/v3/smtp/statistics/events", "brevo.list_events", events),
]
