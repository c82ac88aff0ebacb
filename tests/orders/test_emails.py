"""The mail that tells a customer of their order, as it leaves the house."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import transaction
from django.utils import translation
from pytest_django import Settings

from accounts.models import User
from chat.coordinator import drain
from orders.mail_models import StoredMail
from orders.models import Order, OrderLine

ATTACK = "<img src=x onerror=1>"


class Tags(HTMLParser):
    """Which elements a mail program would make of the HTML, and the text it would show."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def mail_to(customer: User, *, currency: str = "EUR", price: str = "4.99", **fields: Any) -> StoredMail:
    with transaction.atomic():
        order = Order.objects.create(customer=customer, currency=currency, **fields)
        OrderLine.objects.create(order=order, name="Widget", sku="W-1", quantity=2, unit_price=Decimal(price))
    drain()
    return StoredMail.objects.get()


def test_the_mail_thanks_by_name_and_shows_the_order_as_html(alice: User) -> None:
    shown = Tags(mail_to(alice).html).text
    assert "Thank you, Alice Martin" in shown
    assert "2 × €4.99 · W-1" in shown
    assert "€9.98" in shown


def test_the_mail_thanks_by_name_and_shows_the_order_as_text(alice: User) -> None:
    text = mail_to(alice).text
    assert text.startswith("Thank you, Alice Martin\n")
    assert "\n  2 × Widget (W-1): €9.98\n" in text
    assert "\n  Total: €9.98\n" in text


def test_the_subject_names_the_order_and_the_shop(alice: User, settings: Settings) -> None:
    settings.SHOP_NAME = "Mug & Co"
    mail = mail_to(alice)
    assert mail.subject == f"Your order {Order.objects.get().number} at Mug & Co"


def test_the_link_is_a_button_and_stands_in_full_below_it_and_in_the_text(alice: User) -> None:
    mail = mail_to(alice)
    url = mail.params["url"]
    shown = Tags(mail.html)
    assert shown.links.count(url) == 2
    assert url in shown.text
    assert f"\n{url}\n" in mail.text


def test_the_mail_says_where_an_answer_goes_and_who_we_are(alice: User, settings: Settings) -> None:
    settings.REPLY_TO_EMAIL = "desk@example.com"
    settings.SHOP_NAME = "Mug & Co"
    mail = mail_to(alice)
    assert mail.headers["Reply-To"] == "desk@example.com"
    assert "mailto:desk@example.com" in Tags(mail.html).links
    assert "it reaches us at desk@example.com" in mail.text
    assert mail.text.rstrip().endswith("Mug & Co sends you this one mail because you placed an order with us.")


def test_the_mail_shows_the_address_where_there_is_one(alice: User) -> None:
    mail = mail_to(alice, street="Lindenstr. 4", postal_code="10969", city="Berlin", country="DE")
    assert "Lindenstr. 4" in mail.html
    assert "  10969 Berlin, DE\n" in mail.text


@pytest.mark.parametrize(
    ("known", "lines"),
    [
        ({"street": "Lindenstr. 4", "country": "DE"}, ["Lindenstr. 4", "DE"]),
        ({"ship_to_name": "Al", "street": "Lindenstr. 4"}, ["Al", "Lindenstr. 4"]),
        ({"street": "1 Main St", "region": "NY", "country": "US"}, ["1 Main St", "NY, US"]),
        ({"city": "Lund"}, ["Lund"]),
        ({"postal_code": "10969"}, ["10969"]),
    ],
)
def test_pieces_that_an_address_lacks_leave_no_trace(alice: User, known: dict[str, str], lines: list[str]) -> None:
    mail = mail_to(alice, **known)
    assert "Ships to\n" + "".join(f"  {line}\n" for line in lines) + "\n" in mail.text
    assert f">{'<br>'.join(lines)}</span>" in mail.html


def test_the_mail_leaves_the_address_out_where_there_is_none(alice: User) -> None:
    mail = mail_to(alice)
    assert "Ships to" not in mail.html + mail.text


def test_yen_are_written_without_digits(alice: User) -> None:
    mail = mail_to(alice, currency="JPY", price="4990")
    assert "¥9,980" in mail.html
    assert "¥9,980" in mail.text


def test_markup_in_names_is_text_in_html_and_plain_in_text(place: Callable[..., Order]) -> None:
    odd = User.objects.create_user("odd", "odd@example.com", name=ATTACK)
    place(odd, lines=((ATTACK, 1, "1.00"),))
    drain()
    mail = StoredMail.objects.get()
    shown = Tags(mail.html)
    assert "img" not in shown.tags
    assert "script" not in shown.tags
    assert shown.text.count(ATTACK) >= 2
    assert mail.text.count(ATTACK) == 2
    assert "&lt;" not in mail.text


def test_a_name_that_looks_like_a_template_stays_as_it_is(place: Callable[..., Order]) -> None:
    odd = User.objects.create_user("odd", "odd@example.com", name="{{ url }} %(name)s & 100%")
    place(odd)
    drain()
    mail = StoredMail.objects.get()
    assert mail.text.startswith("Thank you, {{ url }} %(name)s & 100%\n")


def test_the_mail_carries_everything_it_shows(alice: User) -> None:
    mail = mail_to(alice)
    assert not {"img", "script", "link", "iframe", "form"} & set(Tags(mail.html).tags)
    assert len(mail.html.encode()) < 20_000


def test_the_mail_is_in_the_customers_language_and_by_their_clock(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(language="zh-hans", time_zone="Asia/Shanghai")
    alice.refresh_from_db()
    mail = mail_to(alice, placed_at=datetime(2026, 11, 22, 18, 30, tzinfo=UTC))
    assert mail.subject.endswith(f"的订单 {Order.objects.get().number}")
    assert "下单时间：2026年11月23日 02:30" in mail.text
    assert "下单时间：2026年11月23日 02:30" in Tags(mail.html).text


def test_a_clerks_own_language_is_not_the_mails(alice: User) -> None:
    with translation.override("zh-hans"):
        assert mail_to(alice).text.startswith("Thank you, Alice Martin")
