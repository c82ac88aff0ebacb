"""Lists by cursor: no page is counted, skipped or shown twice while new rows arrive."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Newest first by primary key; `?limit=` up to 200."""

    ordering = "-pk"
    page_size_query_param = "limit"
    max_page_size = 200
