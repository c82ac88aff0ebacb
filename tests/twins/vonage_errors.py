"""Vonage's errors: {title, type, code, detail, instance, invalid_parameters?}, from the OpenAPI of the Conversation API 5.5.1.

Codes marked * are not in that document: seen in public code that calls the live service, or guessed where nothing says more.
"""

import secrets
from typing import Any, NoReturn

from tests.twins.http import Response, json_response
from tests.twins.routes import Refusal

# code -> (status, title, detail)
PROBLEMS: dict[str, tuple[int, str, str]] = {
    "http:error:validation-fail": (400, "Bad request.", "Input validation failure."),
    "http:error:not-found": (404, "Not found.", "The requested resource does not exist."),  # *
    "http:error:method-not-allowed": (405, "Method not allowed.", "The method is not supported for this resource."),  # *
    "http:error:unsupported-media-type": (415, "Unsupported media type.", "Please use application/json."),  # *
    "http:error:too-many-request": (
        429,
        "Too Many Requests.",
        "You have exceeded your request limit. You can try again shortly.",
    ),
    "http:error:gone": (410, "Gone.", "This functionality has been discontinued."),  # * guessed
    "system:error:invalid-token": (401, "Unauthorized.", "You did not provide a valid token. Please provide a valid token."),
    "system:error:expired-token": (401, "Unauthorized.", "Your token has expired. Please provide a new token."),  # *
    "system:error:permission": (403, "Forbidden.", "You do not have permission to perform this action."),  # *
    "system:error:internal-error": (500, "Internal Error.", "Something went wrong."),
    "paginator-builder:error:invalid-cursor": (400, "Bad request.", "Invalid cursor."),  # *
    "conversation:error:not-found": (404, "Not found.", "Conversation does not exist, or you do not have access."),
    "conversation:error:not-allowed": (403, "Forbidden.", "This functionality is no longer available."),  # *
    "conversation:error:duplicate-name": (
        409,
        "Conflict.",
        "The request failed because the conversation name already exists. Please provide a unique conversation name and try again.",
    ),
    "conversation:error:member-not-found": (404, "Not found.", "Member does not exist, or you do not have access."),
    "conversation:error:member-already-joined": (
        400,
        "Bad request.",
        "The request failed due to the user already having a member joined in 'app' type. Please provide a valid user and try again.",
    ),
    "conversation:error:member-already-invited": (400, "Bad request.", "The user has already been invited."),  # *
    "conversation:error:invalid-member-state": (400, "Conflict.", "The conversation membership has already ended."),
    "event:error:not-found": (404, "Not found.", "Event does not exist, or you do not have access."),
    "event:error:not-joined": (400, "Bad request.", "The member is not joined to the conversation."),  # *
    "event:error:permission-denied": (403, "Forbidden.", "You do not have permission for this event."),  # *
    "user:error:not-found": (404, "Not found.", "User does not exist, or you do not have access."),
    "user:error:duplicate-name": (
        400,  # 400 in practice, "(not 409)"
        "Bad request.",
        "The request failed because the user name already exists. Please provide a unique user name and try again.",
    ),
}
CODE_OF_STATUS = {
    400: "http:error:validation-fail",
    401: "system:error:invalid-token",
    403: "system:error:permission",
    404: "http:error:not-found",
    405: "http:error:method-not-allowed",
    410: "http:error:gone",
    415: "http:error:unsupported-media-type",
    429: "http:error:too-many-request",
}


def problem(
    code: str,
    *,
    status: int | None = None,
    detail: str = "",
    reasons: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    usual_status, title, usual_detail = PROBLEMS.get(code, (500, "Error.", "Something went wrong."))
    payload: dict[str, Any] = {
        "title": title,
        "type": f"https://developer.vonage.com/api/conversation#{code}",
        "code": code,
        "detail": detail or usual_detail,
        "instance": secrets.token_hex(16),
    }
    if reasons:
        payload["invalid_parameters"] = reasons
    return json_response(status or usual_status, payload, headers)


def refuse(code: str, **details: Any) -> NoReturn:
    """Raises the problem as the answer."""
    raise Refusal(problem(code, **details))


def refuse_invalid(reasons: list[dict[str, str]]) -> None:
    """Raises a validation failure when there are reasons for one."""
    if reasons:
        refuse("http:error:validation-fail", reasons=reasons)


def problem_of_status(status: int, *, code: str = "", headers: dict[str, str] | None = None) -> Response:
    """The usual problem for a status that a fault asks for."""
    return problem(code or CODE_OF_STATUS.get(status, "system:error:internal-error"), status=status, headers=headers)
