"""Headers: the content security policy of each answer (settings.CONTENT_SECURITY_POLICY and what depends on the request), none on files;
and the correlation id of each request.
"""

from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from csp.middleware import CSPMiddleware, PolicyParts
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase
from django_guid.middleware import guid_middleware
from whitenoise.middleware import WhiteNoiseFileResponse

from chat import page

Sources = dict[str, list[str]]
Answer = Callable[[HttpRequest], HttpResponseBase]
OF_DOCUMENTS = [
    "Access-Control-Expose-Headers",
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "Referrer-Policy",
    "X-Correlation-ID",
]


def lean_files(get_response: Answer) -> Answer:
    """Leave off a static file what browsers heed on documents, and programs on the API's answers: as much as a small module weighs."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if isinstance(response, WhiteNoiseFileResponse):
            for name in OF_DOCUMENTS:
                del response.headers[name]
        return response

    return answer


def correlation_ids(get_response: Answer) -> Answer:
    """django-guid's, in one form everywhere: it takes whatever `UUID` can read, braces and thousands of hyphens too, and rows have room
    for the usual form alone. What can't be read goes on as it is, and gets a new id there.
    """
    with_id: Answer = guid_middleware(get_response)

    def answer(request: HttpRequest) -> HttpResponseBase:
        with suppress(KeyError, ValueError):
            request.META["HTTP_X_CORRELATION_ID"] = str(UUID(request.META["HTTP_X_CORRELATION_ID"]))
        return with_id(request)

    return answer


class ContentPolicy(CSPMiddleware):
    """An answer that brings a policy of its own keeps it."""

    def get_policy_parts(self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False) -> PolicyParts:
        """The settings' policy with our own sockets, and on the chat page with the Client SDK's addresses where it is on."""
        parts = super().get_policy_parts(request, response, report_only)
        update = _own_sockets(request)
        if request.resolver_match and request.resolver_match.url_name == "chat":
            for directive, sources in _client_sdk().items():
                update[directive] = [*update.get(directive, []), *sources]
        parts.update = update
        return parts


def _own_sockets(request: HttpRequest) -> Sources:
    """This host's socket by name: older Safaris don't count it to 'self'."""
    try:
        host = request.get_host()
    except DisallowedHost:
        return {}
    return {"connect-src": [f"{'wss' if request.is_secure() else 'ws'}://{host}"]}


def _client_sdk() -> Sources:
    """The script by its hash (without one, by its address), and the two addresses that it speaks to."""
    sdk = page.client_sdk()
    if sdk is None:
        return {}
    script = f"'{sdk['integrity']}'" if sdk["integrity"] else sdk["script"]
    return {"script-src": [script] if script else [], "connect-src": [sdk["apiUrl"], sdk["websocketUrl"]]}
