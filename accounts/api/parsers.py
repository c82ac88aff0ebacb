"""Bodies as programs send them; what can't be read is answered by a sentence, never by a stack trace."""

import json
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from django.utils.translation import gettext as _
from rest_framework import parsers
from rest_framework.exceptions import ParseError

MOST_LEVELS = 64


class JsonParser(parsers.JSONParser):
    """JSON. Names the place of a mistake; refuses what is nested so deep that reading it ends Python's patience."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The body as Python's own types, at most MOST_LEVELS deep."""
        context = dict(parser_context or {})
        if str(context.get("encoding", "utf-8")).lower() in {"utf-8", "utf8"}:
            # Without the mark that some programs put in front (RFC 8259, section 8.1, lets a reader drop it).
            context["encoding"] = "utf-8-sig"
        try:
            body = super().parse(stream, media_type, context)
            if _is_deep(body):
                raise RecursionError
        except RecursionError:
            raise ParseError(_("The body is nested too deep.")) from None
        except ParseError as error:
            cause = error.__context__
            if isinstance(cause, UnicodeDecodeError):
                raise ParseError(_not_utf8()) from None
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


class FormParser(parsers.FormParser):
    """A form in one part. Django would take bytes that are no UTF-8 for those of another alphabet, and store what nobody wrote."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The form's fields."""
        body: bytes = stream.read()
        try:
            # Whole: what separates the fields is ASCII, so nothing that is wrong by itself comes right beside its neighbour.
            unquote_to_bytes(body).decode((parser_context or {}).get("encoding", "utf-8"))
        except UnicodeDecodeError:
            raise ParseError(_not_utf8()) from None
        return super().parse(BytesIO(body), media_type, parser_context)


def _not_utf8() -> str:
    return _("The body is not written in UTF-8.")


class MultiPartParser(parsers.MultiPartParser):
    """A form as browsers send files with it."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The form's fields and files."""
        try:
            form = super().parse(stream, media_type, parser_context)
        except ParseError:
            raise ParseError(_("The body is not a form of several parts. Name its boundary in the content type.")) from None
        # What Django puts in place of bytes that it can't read.
        if any("\ufffd" in word for name, values in form.data.lists() for word in (name, *values)):
            raise ParseError(_not_utf8())
        return form
