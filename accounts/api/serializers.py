"""Customers as the API takes them in and gives them out."""

from typing import Any

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from rest_framework import serializers

from accounts.models import User, check_time_zone


class CustomerSerializer(serializers.ModelSerializer[User]):
    """A customer. `id` is ours (USR-…); `username` is chosen by the client and never changes."""

    id = serializers.CharField(source="public_id", read_only=True)
    username = serializers.CharField(max_length=150, validators=[UnicodeUsernameValidator()])
    time_zone = serializers.CharField(max_length=64, required=False, validators=[check_time_zone])

    class Meta:
        model = User
        fields = ["id", "username", "name", "email", "phone", "language", "time_zone", "date_joined"]
        read_only_fields = ["date_joined"]

    def validate_username(self, username: str) -> str:
        """One person per name; a name once given stays."""
        if self.instance is not None and username != self.instance.username:
            raise serializers.ValidationError("A username stays as it is.", code="read_only")
        if self.instance is None and User.objects.filter(username=username).exists():
            raise serializers.ValidationError(f"There is a customer {username} already.", code="unique")
        return username

    def create(self, validated_data: dict[str, Any]) -> User:
        """A person who can't log in: customers come by the link in their mail."""
        return User.objects.create_user(**validated_data)


def customers() -> "models.QuerySet[User]":
    """People who order: neither staff nor agents nor API clients."""
    return User.objects.filter(is_staff=False, is_superuser=False, groups=None, api_keys=None)
