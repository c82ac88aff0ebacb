"""Errors as RFC 9457 problem details: field, code and a sentence, for every 4xx."""

from http import HTTPStatus
from typing import Any

from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, NotAuthenticated, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

Problem = dict[str, Any]


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's answer to `error`, reworded as a problem; None (a 500) for what is not an API error.

    Body: {"type", "title", "status", "code", "detail", "errors": [{"field", "code", "detail"}]}; `field` is a path
    such as `lines.0.quantity`, and null where the whole request is meant.
    """
    response = exception_handler(error, context)
    if response is None:
        return None
    errors = _flatten(error.detail) if isinstance(error, ValidationError) else _single(error)
    response.data = problem(response.status_code, errors)
    response.content_type = "application/problem+json"
    if isinstance(error, NotAuthenticated) and response.status_code == status.HTTP_403_FORBIDDEN:
        response.data["code"] = "not_authenticated"
    return response


def problem(status_code: int, errors: list[Problem]) -> Problem:
    """The body of one problem; `errors` is never empty."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status_code).phrase,
        "status": status_code,
        "code": errors[0]["code"] if len(errors) == 1 else "invalid",
        "detail": errors[0]["detail"] if len(errors) == 1 else f"{len(errors)} fields need another look.",
        "errors": errors,
    }


def _single(error: Exception) -> list[Problem]:
    detail = error.detail if isinstance(error, APIException) else ErrorDetail("There is nothing here.", code="not_found")
    if isinstance(detail, ErrorDetail):
        return [{"field": None, "code": detail.code, "detail": str(detail)}]
    return _flatten(detail)


def _flatten(detail: Any, path: str = "") -> list[Problem]:
    if isinstance(detail, dict):
        return [row for key, value in detail.items() for row in _flatten(value, _join(path, key))]
    if isinstance(detail, list):
        # A list of errors of one field, or a list of items of which some have errors.
        if all(isinstance(item, ErrorDetail) for item in detail):
            return [{"field": path or None, "code": item.code, "detail": str(item)} for item in detail]
        return [row for index, value in enumerate(detail) for row in _flatten(value, _join(path, index))]
    return [{"field": path or None, "code": detail.code, "detail": str(detail)}]


def _join(path: str, key: object) -> str:
    if key in {"non_field_errors", "__all__"}:
        return path
    return f"{path}.{key}" if path else str(key)
