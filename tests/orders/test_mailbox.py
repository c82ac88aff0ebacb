"""The demo's mailbox as a person reads it."""

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from orders.backends.embedded import EmailBackend
from orders.models import StoredMail


@pytest.fixture
def reader(db: None, settings: Settings, client: Client) -> Client:
    """Somebody at the demo, where the mailbox is open."""
    settings.DEMO = True
    return client


def keep(*, to: str = "anna@example.com", sender: str = "orders@example.com") -> str:
    """Put one mail into the mailbox; its page."""
    EmailBackend().send_messages([EmailMessage("Your order", "Thank you.", sender, [to])])
    return f"/demo/mailbox/{StoredMail.objects.get().pk}/"


def test_the_list_shows_whom_a_mail_is_for_in_their_own_letters(reader: Client) -> None:
    keep(to="=?utf-8?b?5byg5Lyf?= <zhang@example.com>")
    assert "张伟 &lt;zhang@example.com&gt;" in reader.get("/demo/mailbox/").content.decode()


def test_a_mails_page_shows_both_sides_in_their_own_letters(reader: Client) -> None:
    page = keep(to="=?utf-8?b?2LnZhdix?= <omar@example.com>", sender="=?utf-8?q?Caf=C3=A9?= <orders@example.com>")
    assert "From Café &lt;orders@example.com&gt; to عمر &lt;omar@example.com&gt;" in reader.get(page).content.decode()


@pytest.mark.parametrize("name", ["=?no-such-set?b?YWJj?=", "=?utf-8?b?a?=", "=?utf-8?b?/w==?="])
def test_a_name_that_cannot_be_decoded_still_has_its_mail(reader: Client, name: str) -> None:
    page = keep(to="a@example.com")
    StoredMail.objects.update(to=f"{name} <a@example.com>")
    assert f"to {name} &lt;a@example.com&gt;" in reader.get(page).content.decode()


def test_markup_in_an_encoded_name_stays_text(reader: Client) -> None:
    page = keep(to="=?utf-8?q?=3Cscript=3E?= <a@example.com>")
    assert "to &lt;script&gt; &lt;a@example.com&gt;" in reader.get(page).content.decode()


def test_outside_the_demo_there_is_no_mailbox(client: Client, alice: User, settings: Settings) -> None:
    settings.DEMO = False
    assert client.get("/demo/mailbox/").status_code == 404
