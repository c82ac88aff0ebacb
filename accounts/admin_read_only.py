"""For pages of the admin that show and change nothing."""

from django.db.models import Model
from django.http import HttpRequest


class ReadOnly:
    """Whoever may view may view, and nobody may do more."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows come with what happens."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """There is nothing to type: what happened stays as it was, and what is to be done is the worker's."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A hole in a record looks like a loss, and work whose row is gone is done twice or never."""
        return False
