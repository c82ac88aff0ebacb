"""What a caller may do, asked of Django's own permissions."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission, DjangoModelPermissions

from accounts.models import ApiKey

if TYPE_CHECKING:
    # DRF reads this module by name while its own views module is still loading.
    from rest_framework.request import Request
    from rest_framework.views import APIView


class IsStaffOrKey(BasePermission):
    """Staff in a browser, or a client with a key; nobody else gets as far as a view."""

    def has_permission(self, request: "Request", view: "APIView") -> bool:
        """Whether the caller is one of the two."""
        return isinstance(request.auth, ApiKey) or bool(request.user and request.user.is_staff)


class MayUseModel(DjangoModelPermissions):
    """Django's view, add and change permissions of the view's model."""

    perms_map = {
        **DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
        "OPTIONS": [],
    }
