"""What every view of the API does before its own part begins."""

from typing import ClassVar

from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import ApiKey, Scope


class Api(APIView):
    """A view of the API. `scopes`: what a key needs to read here, and to write."""

    scopes: ClassVar[tuple[Scope, Scope]] = (Scope.ORDERS_READ, Scope.ORDERS_WRITE)

    def check_permissions(self, request: Request) -> None:
        """What the caller may do, and what their key was made for. Raises PermissionDenied."""
        super().check_permissions(request)
        reading, writing = self.scopes
        needed = reading if request.method in SAFE_METHODS else writing
        if isinstance(request.auth, ApiKey) and needed not in request.auth.scopes:
            words = _("This key was not made for that: it lacks the scope %(scope)s.") % {"scope": needed.value}
            raise PermissionDenied(words, code="missing_scope")
