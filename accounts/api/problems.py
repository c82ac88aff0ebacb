"""Errors as RFC 9457 problem details: field, code and a sentence, for every 4xx."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import (
    APIException,
    ErrorDetail,
    NotAuthenticated,
    NotFound,
    PermissionDenied,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from accounts.api import throttling

Problem = dict[str, Any]


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's answer to `error`, reworded as a problem; None (a 500) for what is not an API error.

    Body: {"type", "title", "status", "code", "detail", "errors": [{"field", "code", "detail"}]}; `field` is a path
    such as `lines.0.quantity`, and null where the whole request is meant.
    """
    error = _unsupported(context) if isinstance(error, UnsupportedMediaType) else _as_api_error(error)
    error = throttling.counted_too(error, context["view"], context["request"])
    response = exception_handler(error, context)
    if response is None or not isinstance(error, APIException):
        return None
    errors = _flatten(error.detail) if isinstance(error, ValidationError) else _single(error)
    response.data = problem(response.status_code, errors)
    response.content_type = "application/problem+json"
    # Whatever the view answers in (YAML, a page): a problem is JSON.
    context["request"].accepted_renderer, context["request"].accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    if isinstance(error, NotAuthenticated) and response.status_code == status.HTTP_403_FORBIDDEN:
        response.data["code"] = "not_authenticated"
    return response


def problem(status_code: int, errors: list[Problem]) -> Problem:
    """The body of one problem; `errors` is never empty. Its `code` is that of its errors, or "invalid" where they have several."""
    codes = {error["code"] for error in errors}
    return {
        "type": "about:blank",
        "title": HTTPStatus(status_code).phrase,
        "status": status_code,
        "code": codes.pop() if len(codes) == 1 else "invalid",
        "detail": errors[0]["detail"] if len(errors) == 1 else _("%d fields need another look.") % len(errors),
        "errors": errors,
    }


class TooLargeError(APIException):
    """The body has more bytes than DATA_UPLOAD_MAX_MEMORY_SIZE."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


def _as_api_error(error: Exception) -> Exception:
    """Django's own refusals in the API's words; every other error as it is."""
    if isinstance(error, Http404):
        return NotFound(_("There is nothing here."))
    if isinstance(error, DjangoPermissionDenied):
        return PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        return TooLargeError(_("The body is too large."))
    if isinstance(error, TooManyFieldsSent | TooManyFilesSent):
        return ValidationError(_("The form has too many fields."), code="too_many_fields")
    return error


def _unsupported(context: dict[str, Any]) -> APIException:
    """What may be sent instead: DRF's own sentence does not say."""
    given = context["request"].content_type
    told = {"types": _(" or ").join(parser.media_type for parser in context["view"].parser_classes), "given": given}
    sentence = _("Send %(types)s; this came as %(given)s.") if given else _("Say in the header Content-Type what you send: %(types)s.")
    return UnsupportedMediaType(given, detail=sentence % told)


def _single(error: APIException) -> list[Problem]:
    if isinstance(error.detail, ErrorDetail):
        return [{"field": None, "code": error.detail.code, "detail": _words(error.detail)}]
    return _flatten(error.detail)


def _flatten(detail: Any, path: str = "") -> list[Problem]:
    if isinstance(detail, dict):
        return [row for key, value in detail.items() for row in _flatten(value, _join(path, key))]
    if isinstance(detail, list):
        # A list of errors of one field, or a list of items of which some have errors.
        if all(isinstance(item, ErrorDetail) for item in detail):
            return [{"field": path or None, "code": item.code, "detail": _words(item)} for item in detail]
        return [row for index, value in enumerate(detail) for row in _flatten(value, _join(path, index))]
    return [{"field": path or None, "code": detail.code, "detail": _words(detail)}]


def _words(detail: ErrorDetail) -> str:
    """The sentence; it may quote what the caller sent, so half a character in it must not end the answer."""
    return str(detail).encode(errors="replace").decode()


def _join(path: str, key: object) -> str:
    if key in {"non_field_errors", "__all__"}:
        return path
    return f"{path}.{key}" if path else str(key)
