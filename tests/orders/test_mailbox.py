"""The demo's mailbox as a person reads it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat.coordinator import drain
from orders.backends.embedded import EmailBackend
from orders.mail_models import StoredMail
from orders.models import Order
from tests.opening import come_in


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


PAGES = ["/demo/mailbox/", "/demo/mailbox/{}/", "/demo/mailbox/{}/html/"]


@pytest.fixture
def kept(reader: Client, alice: User, place: Callable[..., Order]) -> StoredMail:
    """The mail of an order of Alice's."""
    place(alice)
    drain()
    return StoredMail.objects.get()


@pytest.mark.parametrize("page", PAGES)
def test_the_demo_shows_its_mails(reader: Client, kept: StoredMail, page: str) -> None:
    assert reader.get(page.format(kept.pk)).status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_outside_the_demo_there_is_no_mailbox(reader: Client, kept: StoredMail, settings: Settings, page: str) -> None:
    settings.DEMO = False
    assert reader.get(page.format(kept.pk)).status_code == 404


@pytest.mark.parametrize("address", ["192.168.0.5", "203.0.113.9", ""])
@pytest.mark.parametrize("page", PAGES)
def test_the_demo_shows_its_mails_to_its_own_machine_only(reader: Client, kept: StoredMail, page: str, address: str) -> None:
    assert reader.get(page.format(kept.pk), REMOTE_ADDR=address).status_code == 404


@pytest.mark.parametrize("number", ["0", "9" * 18, "9" * 30, "9" * 5000, "-1", "x"])
@pytest.mark.parametrize("page", PAGES[1:])
def test_a_mail_that_isnt_there_is_a_404(reader: Client, kept: StoredMail, page: str, number: str) -> None:
    assert reader.get(page.format(number)).status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_mails_can_only_be_read(reader: Client, kept: StoredMail, page: str) -> None:
    assert reader.post(page.format(kept.pk)).status_code == 405


def test_a_mails_html_runs_no_scripts_and_has_no_origin(reader: Client, kept: StoredMail) -> None:
    policy = reader.get(f"/demo/mailbox/{kept.pk}/html/")["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert ("script-src 'none'" in policy, "allow-scripts" in policy, "allow-same-origin" in policy) == (True, False, False)


def test_a_mails_link_opens_the_chat(reader: Client, kept: StoredMail) -> None:
    link = reader.get(f"/demo/mailbox/{kept.pk}/").context["mail"]["link"]
    assert come_in(reader, link.removeprefix("http://localhost:3000")).status_code == 200


def test_a_mail_without_html_or_params_is_shown(reader: Client) -> None:
    assert reader.get(keep()).status_code == 200


def test_the_list_goes_by_when_mails_were_sent_and_tells_it_briefly(reader: Client) -> None:
    EmailBackend().send_messages([EmailMessage(subject, "", "orders@example.com", ["a@example.com"]) for subject in ("Second", "First")])
    StoredMail.objects.filter(subject="First").update(created_at=datetime(2001, 3, 9, 9, 5, tzinfo=UTC))
    page = reader.get("/demo/mailbox/").content.decode()
    assert re.findall(r'<b class="name">(\w+)</b>', page) == ["Second", "First"]
    assert re.findall(r"<time [^>]*>([^<]+)</time>", page)[1:] == ["Mar 9, 2001"]


def test_the_newest_mail_is_first_whenever_it_was_stored(reader: Client) -> None:
    now = timezone.now()
    for number, hours in enumerate((2, 1, 3)):
        EmailBackend().send_messages([EmailMessage(f"{hours} hours old", "Thank you.", "orders@example.com", [f"a{number}@example.com"])])
        StoredMail.objects.filter(subject=f"{hours} hours old").update(created_at=now - timedelta(hours=hours))
    shown = [mail["subject"] for mail in reader.get("/demo/mailbox/").context["mails"]]
    assert shown == ["1 hours old", "2 hours old", "3 hours old"]


@pytest.fixture
def crowd(reader: Client) -> None:
    """More mails than a page shows, the highest number being the newest."""
    mails = [StoredMail(subject=f"Mail {number}", idempotency_key=str(number), to="a@example.com") for number in range(101)]
    StoredMail.objects.bulk_create(mails)


def test_older_mails_are_on_further_pages(reader: Client, crowd: None) -> None:
    first, second = reader.get("/demo/mailbox/"), reader.get("/demo/mailbox/?page=2")
    assert [len(answer.context["mails"]) for answer in (first, second)] == [100, 1]
    assert second.context["mails"][0]["subject"] == "Mail 0"
    assert ("?page=2" in first.content.decode(), "?page=1" in second.content.decode()) == (True, True)


def test_few_mails_need_no_pages(reader: Client) -> None:
    keep()
    assert "?page=" not in reader.get("/demo/mailbox/").content.decode()


@pytest.mark.parametrize("page", ["0", "3", "x", "-1"])
def test_a_page_that_there_is_not_shows_one_that_there_is(reader: Client, crowd: None, page: str) -> None:
    assert reader.get(f"/demo/mailbox/?page={page}").status_code == 200
