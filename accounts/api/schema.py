"""What the OpenAPI document says of every operation: our keys, our refusals, `Idempotency-Key` and `dry_run`."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.drainage import get_override
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers

from accounts.api.problems import problem

PROBLEM = "application/problem+json"
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="A repeat under the same key gets the first one's answer, with `Idempotency-Replayed: true`.",
    examples=[OpenApiExample("a random id", value="5f6d0a9c-9f0b-4c1e-8a4e-1f3c9b1d2e7a")],
)
DRY_RUN = OpenApiParameter(
    "dry_run", bool, description="`1`: answered as it would be, and nothing is stored. Without a value it is refused."
)
ALWAYS = (400, 401, 403, 404, 406, 429, 503)
WHEN_WRITING = (409, 410, 413, 415, 422)
# One of the ways to come by each: the field, the code, the sentence.
REFUSALS: dict[int, tuple[str | None, str, str]] = {
    400: ("lines.0.quantity", "min_value", "Ensure this value is greater than or equal to 1."),
    401: (None, "bad_key", "This API key is not valid. Ask the shop's staff for a new one."),
    403: (None, "missing_scope", "This key was not made for that: it lacks the scope orders:write."),
    404: (None, "not_found", "There is nothing here."),
    406: (None, "not_acceptable", "Could not satisfy the request Accept header."),
    409: (None, "written_since", "The customer wrote after what you have read. Read on, then mark it as solved."),
    410: (None, "erased", "What was done under this Idempotency-Key was about somebody whose data were erased since."),
    413: (None, "too_large", "At most 1000000 bytes are taken."),
    415: (None, "unsupported_media_type", "Send application/json; this came as text/plain."),
    422: ("currency", "idempotency_key_reused", "This Idempotency-Key was used with another value here."),
    429: (None, "throttled", "Request was throttled. Expected available in 40 seconds."),
    503: (None, "database_away", "We can't reach our records at the moment. Nothing is lost; please try again in a few seconds."),
}
# Another way that is worth showing.
ALSO: dict[int, tuple[str | None, str, str]] = {
    400: ("Status", "unknown_parameter", "There is no such parameter here. There are these: cursor, customer, format, limit, status."),
}
SECONDS = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
LEFT = {"description": "Requests that are left until `RateLimit-Reset`.", "schema": {"type": "integer"}}
# On good answers too, where requests are limited.
LIMITS = {
    "RateLimit-Limit": {"description": "Requests that the caller may make in a minute.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": LEFT,
    "RateLimit-Reset": {"description": "Seconds until the next minute begins.", "schema": {"type": "integer"}},
}
TRUE = {"type": "string", "enum": ["true"]}
OF_WRITES = {
    "Idempotency-Replayed": {"description": "This is the answer of before: nothing was done again.", "schema": TRUE},
    "Dry-Run": {"description": "Nothing was stored or sent.", "schema": TRUE},
}


def example(value: Any, name: str = "an example") -> OpenApiExample:
    """A body that is taken as it is (`tests/test_schema.py` sends each)."""
    return OpenApiExample(name, value=value, request_only=True)


def answer(value: Any, name: str = "an answer") -> OpenApiExample:
    """A body that we answer with (`tests/test_schema.py` holds each against a real one)."""
    return OpenApiExample(name, value=value, response_only=True)


class ErrorShape(serializers.Serializer[Any]):
    """One thing that is wrong. `field`: a path such as `lines.0.quantity`; null where the whole request is meant."""

    field = serializers.CharField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemShape(serializers.Serializer[Any]):
    """A refusal, as RFC 9457 shapes it. `code` and each error's `code` are for programs and stay; `detail` is for people.

    `code` is that of the errors where all have the same, and `invalid` where they have several.
    """

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
        for body in bodies.values():
            body["headers"] = LIMITS | (OF_WRITES if self._writes else {})
        self.resolve_serializer(ProblemShape, direction)
        for status in (*ALWAYS, *(WHEN_WRITING if self._writes else ())):
            bodies.setdefault(str(status), {"$ref": f"#/components/responses/{_name(status)}"})
        return dict(sorted(bodies.items()))

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        """A field that may be empty is an address or empty: an empty text is both to whoever looks at no format. No price has a minus."""
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        if schema.get("format") == "decimal" and field.min_value == 0:
            schema["pattern"] = schema["pattern"].replace("^-?", "^")
        if "oneOf" in schema:
            schema["anyOf"] = schema.pop("oneOf")

    def _get_examples(self, serializer: Any, direction: Any, media_type: str, status_code: Any = None, extras: Any = None) -> Any:
        """What is answered is shown by the answer's serializer, also where the view itself shows what is sent."""
        shown = get_override(getattr(serializer, "child", serializer), "examples", []) if direction == "response" else []
        return super()._get_examples(  # type: ignore[no-untyped-call]
            serializer, direction, media_type, status_code, [*(extras or []), *shown]
        )


def refusals() -> dict[str, Any]:
    """Each refusal once, by the name under which operations refer to it."""
    return {_name(status): _refusal(status) for status in sorted(REFUSALS)}


def _name(status: int) -> str:
    return HTTPStatus(status).name.title().replace("_", "")


def _refusal(status: int) -> dict[str, Any]:
    ways = [REFUSALS[status], *([ALSO[status]] if status in ALSO else [])]
    shown = {way[1]: {"value": problem(status, [dict(zip(("field", "code", "detail"), way, strict=True))])} for way in ways}
    content = {"schema": {"$ref": "#/components/schemas/ProblemShape"}, "examples": shown}
    headers = {429: {"Retry-After": SECONDS, "RateLimit-Remaining": LEFT, "RateLimit-Reset": SECONDS}, 503: {"Retry-After": SECONDS}}
    more = {"headers": headers[status]} if status in headers else {}
    return {"description": HTTPStatus(status).phrase, "content": {PROBLEM: content}, **more}
