"""`/api/schema/`: the API's OpenAPI document, made by a child process when it is asked for first, and kept.

Making it needs ten megabytes that this process would never give back; the document itself is a tenth of one.
"""

from functools import cache
from threading import Lock

from django.http import HttpResponse
from django.utils.translation import get_language
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from ordersupport import children

# What drf-spectacular's command calls the formats of its renderers.
FORMATS = {"yaml": "openapi", "json": "openapi-json"}
_making = Lock()


class ApiDocument(SpectacularAPIView):
    """YAML, or JSON with `?format=json`, in the language of the caller or of `?lang=`; the same for everybody."""

    permission_classes = [AllowAny]

    def _get_schema_response(self, request: Request) -> HttpResponse:
        # One child for all who come at once.
        with _making:
            content = _document(FORMATS[request.accepted_renderer.format], get_language())
        name = self._get_filename(request, version=None)  # type: ignore[no-untyped-call]
        headers = {"Content-Disposition": f'inline; filename="{name}"'}
        return HttpResponse(content, content_type=request.accepted_renderer.media_type, headers=headers)


@cache
def _document(form: str, language: str) -> bytes:
    return children.output("spectacular", "--format", form, "--lang", language)
