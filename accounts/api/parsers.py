"""Bodies as programs send them; what can't be read is answered by a sentence, never by a stack trace."""

import json
from collections.abc import Iterable, Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework import parsers
from rest_framework.exceptions import ParseError

MOST_LEVELS = 64


class JsonParser(parsers.JSONParser):
    """JSON. Names the place of a mistake; refuses what is nested so deep that reading it ends Python's patience."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The body as Python's own types, at most MOST_LEVELS deep."""
        try:
            body = super().parse(stream, media_type, parser_context)
            if _is_deep(body):
                raise RecursionError
        except RecursionError:
            raise ParseError(_("The body is nested too deep.")) from None
        except ParseError as error:
            cause = error.__context__
            if isinstance(cause, json.JSONDecodeError):
                place = {"line": cause.lineno, "column": cause.colno}
                raise ParseError(_("The body is not JSON: look at line %(line)d, column %(column)d.") % place) from None
            raise ParseError(_("The body is not JSON.")) from None
        return body


def _is_deep(body: Any) -> bool:
    level = [body]
    for _number in range(MOST_LEVELS):
        level = [part for whole in level for part in _parts(whole)]
        if not level:
            return False
    return True


def _parts(whole: Any) -> Iterable[Any]:
    if isinstance(whole, dict):
        return whole.values()
    return whole if isinstance(whole, list) else ()


class MultiPartParser(parsers.MultiPartParser):
    """A form as browsers send files with it."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The form's fields and files."""
        try:
            return super().parse(stream, media_type, parser_context)
        except ParseError:
            raise ParseError(_("The body is not a form of several parts. Name its boundary in the content type.")) from None
