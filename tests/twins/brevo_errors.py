"""Brevo's errors: {code, message}. Codes are those of the API; messages are as seen in public code, or our own words."""

import math
from typing import Any, NoReturn

from tests.twins.http import Request, Response, json_response
from tests.twins.rates import Taken
from tests.twins.routes import Refusal

CODE_OF_STATUS = {
    400: ("bad_request", "Bad request"),
    401: ("unauthorized", "Key not found"),
    402: ("not_enough_credits", "Not enough credits"),
    403: ("permission_denied", "Permission denied"),
    404: ("document_not_found", "Document not found"),
    405: ("method_not_allowed", "Method is not allowed on this path"),
    406: ("not_acceptable", "Not acceptable"),
    429: ("too_many_requests", "API rate limit exceeded"),
}


def error(status: int, code: str = "", message: str = "", headers: dict[str, str] | None = None) -> Response:
    usual_code, usual_message = CODE_OF_STATUS.get(status, ("internal_error", "Internal error"))
    return json_response(status, {"code": code or usual_code, "message": message or usual_message}, headers)


def refuse(status: int, code: str = "", message: str = "", headers: dict[str, str] | None = None) -> NoReturn:
    raise Refusal(error(status, code, message, headers))


def missing(name: str) -> NoReturn:
    refuse(400, "missing_parameter", f"{name} is missing")


def invalid(message: str) -> NoReturn:
    refuse(400, "invalid_parameter", message)


def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises a Refusal for anything else."""
    try:
        body = request.json()
    except ValueError:
        refuse(400, "bad_request", "Input must be a valid JSON object")
    if not isinstance(body, dict):
        refuse(400, "bad_request", "Input must be a valid JSON object")
    return dict(body)


def limit_headers(taken: Taken) -> dict[str, str]:
    """Brevo's, on every answer of a limited endpoint; reset in whole seconds. There is no Retry-After."""
    return {
        "x-sib-ratelimit-limit": str(taken.limit),
        "x-sib-ratelimit-remaining": str(taken.remaining),
        "x-sib-ratelimit-reset": str(max(0, math.ceil(taken.reset_seconds))),
    }
