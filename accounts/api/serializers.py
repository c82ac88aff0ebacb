"""Customers as the API takes them in and gives them out."""

import copy
from typing import Any, ClassVar, TypeVar

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.api.schema import answer
from accounts.lookups import is_among, row_of
from accounts.models import User, check_is_no_step, check_time_zone

Row = TypeVar("Row", bound=models.Model)


class Prepared(serializers.ModelSerializer[Row]):
    """Builds its fields from the model once for each class. DRF does so for each request, a fifth of the cost of accepting an order."""

    _built: ClassVar[dict[type, dict[str, Any]]] = {}

    def get_fields(self) -> dict[str, Any]:
        """A copy of them, as DRF makes one of the fields that a class names itself."""
        if type(self) not in self._built:
            self._built[type(self)] = super().get_fields()
        return copy.deepcopy(self._built[type(self)])


class UsernameField(serializers.CharField):
    """A username as it is stored: two that only look the same are the same."""

    def to_internal_value(self, data: Any) -> str:
        """Normalised, before its length and characters are looked at."""
        return User.normalize_username(super().to_internal_value(data))


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "a customer", value={"username": "anna", "name": "Anna Berg", "email": "anna@example.com", "language": "en"}, request_only=True
        ),
        answer(
            {
                "id": "USR-68236a52-252d-4aa1-985e-5fdf3d02a658",
                "username": "anna",
                "name": "Anna Berg",
                "email": "anna@example.com",
                "phone": "",
                "language": "en",
                "time_zone": "Europe/Berlin",
                "date_joined": "2026-11-29T02:30:00.586599Z",
            },
            "the customer",
        ),
    ]
)
class CustomerSerializer(serializers.ModelSerializer[User]):
    """A customer. `id` is ours (USR-…); `username` is chosen by the client and never changes."""

    id = serializers.CharField(source="public_id", read_only=True)
    username = UsernameField(max_length=150, validators=[UnicodeUsernameValidator(), check_is_no_step])
    time_zone = serializers.CharField(max_length=64, required=False, allow_blank=True, validators=[check_time_zone])

    class Meta:
        model = User
        fields = ["id", "username", "name", "email", "phone", "language", "time_zone", "date_joined"]
        read_only_fields = ["date_joined"]

    def validate_username(self, username: str) -> str:
        """One person per name; a name once given stays."""
        if self.instance is not None and username != self.instance.username:
            raise serializers.ValidationError(_("A username stays as it is."), code="read_only")
        if self.instance is None and User.objects.filter(username=username).exists():
            raise _taken(username)
        return username

    def create(self, validated_data: dict[str, Any]) -> User:
        """A person who can't log in: customers come by the link in their mail."""
        try:
            with transaction.atomic():
                return User.objects.create_user(**validated_data)
        except IntegrityError:
            # Somebody took the name since it was validated.
            raise serializers.ValidationError({"username": _taken(validated_data["username"]).detail}) from None


def _taken(username: str) -> serializers.ValidationError:
    return serializers.ValidationError(_("There is a customer %(username)s already.") % {"username": username}, code="unique")


def named(username: object) -> User | None:
    """The user of that name, as it would be stored; None for what can be nobody's: PostgreSQL refuses to look for a NUL."""
    if not isinstance(username, str) or len(username) > 1000:
        return None
    name = name_of(username)
    return row_of(User, "username", name) if name.isprintable() else None


def name_of(username: str) -> str:
    """The name as it would be stored."""
    return User.normalize_username(username.strip())


def customer_named(username: object) -> User | None:
    """The customer of that name, who may be told of orders: nobody of the house, and nobody who was switched off."""
    found = named(username)
    return found if found and found.is_active and is_among(User.customers, found.pk) else None
