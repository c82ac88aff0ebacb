"""What the OpenAPI document says of every operation: our keys, our refusals, `Idempotency-Key` and `dry_run`."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

PROBLEM = "application/problem+json"
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="A repeat under the same key gets the first one's answer, with `Idempotency-Replayed: true`.",
    examples=[OpenApiExample("a random id", value="5f6d0a9c-9f0b-4c1e-8a4e-1f3c9b1d2e7a")],
)
DRY_RUN = OpenApiParameter("dry_run", bool, description="`1`: answered as it would be, and nothing is stored.")
ALWAYS = (400, 401, 403, 404, 406, 429, 503)
WHEN_WRITING = (409, 410, 413, 415, 422)


class ErrorShape(serializers.Serializer[Any]):
    """One thing that is wrong. `field`: a path such as `lines.0.quantity`; null where the whole request is meant."""

    field = serializers.CharField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemShape(serializers.Serializer[Any]):
    """A refusal, as RFC 9457 shapes it. `code` and each error's `code` are for programs and stay; `detail` is for people."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    # The metaclass takes declared fields out of the class, so the serializer's own `errors` stays.
    errors = ErrorShape(many=True)  # type: ignore[assignment]


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Token <key>`."""

    target_class = "accounts.api.authentication.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """As OpenAPI 3 names it."""
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Token <key>, made by staff in the admin"}


class Documented(AutoSchema):
    """An operation with everything that it may be answered with."""

    @property
    def _writes(self) -> bool:
        return self.method not in {"GET", "HEAD", "OPTIONS"}

    def get_override_parameters(self) -> list[Any]:
        """What every write takes."""
        return [IDEMPOTENCY_KEY, DRY_RUN] if self._writes else []

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        """The view's own answers, and the refusals that any view may give."""
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in (*ALWAYS, *(WHEN_WRITING if self._writes else ())):
            described = OpenApiResponse(ProblemShape, description=HTTPStatus(status).phrase)
            bodies.setdefault(str(status), self._refusal(described, status, direction))
        return dict(sorted(bodies.items()))

    def _refusal(self, described: OpenApiResponse, status: int, direction: Any) -> Any:
        return self._get_response_for_code(described, str(status), [PROBLEM], direction)  # type: ignore[no-untyped-call]
