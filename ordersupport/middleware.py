"""The content security policy of each answer: settings.CONTENT_SECURITY_POLICY and what depends on the request."""

from csp.middleware import CSPMiddleware, PolicyParts
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase

from chat import page

Sources = dict[str, list[str]]


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
