"""A row by one value: the same row that a queryset answers, in one statement."""

from datetime import timedelta
from typing import Any

import pytest
from django.forms.models import model_to_dict
from django.utils import timezone

from accounts.lookups import is_among, row_of, same_letters
from accounts.models import ApiKey, User


@pytest.fixture
def key(clerk: User) -> ApiKey:
    """With a value in each column whose kind databases store in ways of their own: times, booleans, JSON."""
    made = ApiKey.objects.create_key(user=clerk, name="shop", expiry_date=timezone.now() + timedelta(days=1), last_used_at=timezone.now())[
        0
    ]
    assert isinstance(made, ApiKey)
    return made


def everything(row: Any) -> dict[str, Any]:
    """Its columns, editable or not."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_a_row_is_as_a_queryset_answers_it(key: ApiKey) -> None:
    found = row_of(ApiKey, "prefix", key.prefix)
    assert (everything(found), found._state.adding) == (everything(ApiKey.objects.get(pk=key.pk)), False)  # type: ignore[union-attr]


def test_what_it_points_to_is_read_along(key: ApiKey, clerk: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        found = row_of(ApiKey, "prefix", key.prefix, and_its="user")
        assert found is not None
        owner = found.user
    assert (everything(owner), model_to_dict(found)) == (everything(User.objects.get(pk=clerk.pk)), model_to_dict(key))


def test_nobody_is_none(key: ApiKey) -> None:
    assert (row_of(User, "username", "zoë"), row_of(ApiKey, "prefix", "x' OR 1=1 --", and_its="user")) == (None, None)


@pytest.mark.parametrize("asked", ["Zoë.Õ@example.com", "zoë.Õ@EXAMPLE.com", "ZOË.õ@example.com", "zo_.Õ@example.com", "zoë%", ""])
def test_letters_in_capitals_or_not_are_the_same_as_django_has_them(db: None, asked: str) -> None:
    User.objects.create_user("zoe", "Zoë.Õ@example.com")
    found = User.objects.filter(same_letters("email", asked))
    assert list(found) == list(User.objects.filter(email__iexact=asked))


def test_who_is_a_customer_is_asked_as_the_queryset_asks(alice: User, clerk: User, key: ApiKey, django_assert_num_queries: Any) -> None:
    switched = User.objects.create_user("later")
    with django_assert_num_queries(1):
        assert is_among(User.customers, alice.pk)
    for one in (clerk, key.user):
        assert is_among(User.customers, one.pk) == User.customers().filter(pk=one.pk).exists() is False
    assert is_among(User.customers, switched.pk)
    ApiKey.objects.create_key(user=switched, name="shop")
    assert (is_among(User.customers, switched.pk), is_among(User.customers, -1), is_among(User.customers, 0)) == (False, False, False)
