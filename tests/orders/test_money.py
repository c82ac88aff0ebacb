"""Money has its currency's digits, and currencies and countries are those that there are."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from chat import formats
from orders import money


@pytest.mark.parametrize(
    ("currency", "amount", "plain"),
    [
        ("EUR", "4.9", "4.90"),
        ("JPY", "4990", "4990"),
        ("KWD", "4.9", "4.900"),
        ("EUR", "0", "0.00"),
        ("EUR", "1E+5", "100000.00"),
        ("EUR", "-0.5", "-0.50"),
    ],
)
def test_programs_read_exactly_the_currencys_digits(currency: str, amount: str, plain: str) -> None:
    assert money.plain(Decimal(amount), currency) == plain


@pytest.mark.parametrize(("amount", "rounded"), [("0.125", "0.12"), ("0.135", "0.14"), ("0.1250001", "0.13"), ("2.675", "2.68")])
def test_half_a_cent_is_rounded_to_the_even_one(amount: str, rounded: str) -> None:
    assert money.rounded(Decimal(amount), "EUR") == Decimal(rounded)


@pytest.mark.parametrize(("currency", "amount"), [("EUR", "0.01"), ("EUR", "5"), ("EUR", "5.100"), ("JPY", "5.00"), ("KWD", "0.001")])
def test_an_amount_with_the_currencys_digits_is_taken(currency: str, amount: str) -> None:
    money.check_digits(Decimal(amount), currency)


@pytest.mark.parametrize(("currency", "amount"), [("EUR", "0.001"), ("JPY", "0.5"), ("KWD", "0.0001"), ("EUR", "1E-30")])
def test_an_amount_with_more_digits_is_refused(currency: str, amount: str) -> None:
    with pytest.raises(ValidationError) as refused:
        money.check_digits(Decimal(amount), currency)
    assert refused.value.code == "too_many_digits"


@pytest.mark.parametrize("code", ["EUR", "JPY", "KWD", "CNY"])
def test_a_currency_is_taken(code: str) -> None:
    money.check_currency(code)


@pytest.mark.parametrize("code", ["", "eur", "Euro", "XYZ", "\x00\x00\x00", "€", "EU"])
def test_what_is_no_currency_is_refused(code: str) -> None:
    with pytest.raises(ValidationError, match="is not a currency"):
        money.check_currency(code)


@pytest.mark.parametrize("code", ["DE", "CN", "JO"])
def test_a_country_is_taken(code: str) -> None:
    money.check_country(code)


@pytest.mark.parametrize("code", ["", "de", "ZX", "Germany", "001", "\x00\x00"])
def test_what_is_no_country_is_refused(code: str) -> None:
    with pytest.raises(ValidationError, match="is not a country"):
        money.check_country(code)


@pytest.mark.parametrize(
    ("currency", "amount", "language", "words"),
    [
        ("EUR", "4990", "en", "€4,990.00"),
        ("JPY", "4990", "en", "¥4,990"),
        ("CNY", "68", "zh-hans", "¥68.00"),
        ("EUR", "-5", "en", "-€5.00"),
        ("KWD", "18.75", "en", "KWD\u00a018.750"),
        ("KWD", "-18.75", "zh-hans", "-KWD\u00a018.750"),
        ("JPY", "4990", "zh-hans", "JP¥4,990"),
    ],
)
def test_people_read_amounts_as_their_language_writes_them(currency: str, amount: str, language: str, words: str) -> None:
    assert formats.money(Decimal(amount), currency, language) == words


@pytest.mark.parametrize("code", ["XXX", "XTS", "XAU", "DEM", "HRK"])
def test_what_nobody_pays_with_today_is_refused(code: str) -> None:
    with pytest.raises(ValidationError, match="is not a currency"):
        money.check_currency(code)


@pytest.mark.parametrize("code", ["ZZ", "EU", "EZ", "UN", "QO", "XA", "XB"])
def test_where_no_parcel_goes_is_no_country(code: str) -> None:
    with pytest.raises(ValidationError, match="is not a country"):
        money.check_country(code)
