"""What may stand in the query of an address.

What is misspelt or empty is never ignored: a list would show what nobody asked for, and a rehearsal would be real.
"""

from collections.abc import Collection

from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api.pagination import ByCursor

# Without a value these two are what they are when left out: the first page, of the usual length. `dry_run` is refused in words of its own.
MAY_BE_EMPTY = {"cursor", "limit", "dry_run"}
MOST_NAMED = 20


def check(request: Request, known: Collection[str]) -> None:
    """Raise ValidationError for a parameter that is none of the known ones, and for one without a value."""
    given = request.query_params
    unknown = [name for name in given if name not in known]
    if unknown:
        words = _("There is no such parameter here. There are these: %(names)s.") % {"names": ", ".join(sorted(known))}
        raise ValidationError({name: [ErrorDetail(words, code="unknown_parameter")] for name in unknown[:MOST_NAMED]})
    empty = [name for name in given if name not in MAY_BE_EMPTY and not all(value.strip() for value in given.getlist(name))]
    if empty:
        words = _("Write a value, or leave the parameter out.")
        raise ValidationError({name: [ErrorDetail(words, code="blank")] for name in empty})


def of_list(view: APIView) -> set[str]:
    """By what a view's list is paged, filtered and sorted; a single row by nothing."""
    pages = view.paginator if isinstance(view, GenericAPIView) else None
    if not isinstance(pages, ByCursor) or getattr(view, "action", "list") == "retrieve":
        return set()
    filters = getattr(view, "filterset_class", None)
    sorts = {"ordering"} if hasattr(view, "ordering_fields") else set()
    return {pages.cursor_query_param, str(pages.page_size_query_param), *(filters.base_filters if filters else ()), *sorts}
