"""Names go into mail headers, and people have all kinds of them."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import User, check_one_line
from chat.coordinator import drain
from orders.mail_models import StoredMail
from orders.models import Order


@pytest.mark.parametrize("name", ["Anna\nBcc: bob@example.com", "Anna\rBerg", "Anna\x00", "Anna\u2028Berg"])
def test_a_name_with_a_line_break_is_refused_by_the_api(client: Client, api_key: str, name: str) -> None:
    body = {"username": "anna", "name": name}
    answer = client.post("/api/customers/", body, content_type="application/json", headers={"Authorization": f"Token {api_key}"})
    assert (answer.status_code, answer.json()["errors"][0]["field"], User.objects.filter(username="anna").exists()) == (400, "name", False)


@pytest.mark.parametrize("name", ["عمر\u200f حداد", "陈晓明", "Zoë O’Hara-Łukasz", "می‌خواهم"])
def test_a_persons_own_script_is_fine(name: str) -> None:
    check_one_line(name)


def test_a_control_character_is_refused() -> None:
    with pytest.raises(ValidationError):
        check_one_line("\x07")


def test_a_broken_name_that_came_past_the_forms_still_gets_its_mail(alice: User, place: Callable[..., Order]) -> None:
    User.objects.filter(pk=alice.pk).update(name="Alice\nMartin")
    place(alice)
    drain()
    assert StoredMail.objects.get().to == "Alice Martin <alice@example.com>"


def test_a_domain_in_its_own_script_gets_its_mail(alice: User, place: Callable[..., Order]) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@müller.de")
    place(alice)
    drain()
    assert StoredMail.objects.get().to == "Alice Martin <alice@xn--mller-kva.de>"


def test_an_address_that_no_server_takes_fails_with_its_reason(alice: User, place: Callable[..., Order]) -> None:
    User.objects.filter(pk=alice.pk).update(email="älice@example.com")
    order = place(alice)
    drain()
    confirmation = order.confirmations.get()
    assert (confirmation.state, confirmation.error_code) == ("failed", "bad_address")
