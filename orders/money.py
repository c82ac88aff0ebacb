"""Money: Decimal, with as many digits as its currency has; the currencies that are paid with today, and the countries, as CLDR has them."""

from decimal import ROUND_HALF_EVEN, Decimal

from babel import Locale
from babel.core import get_global
from babel.numbers import get_currency_precision
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

DEFAULT_CURRENCY = "EUR"
# Legal tender somewhere and not ended: neither the Deutsche Mark nor gold (XAU), tests (XTS) or "no currency" (XXX).
CURRENCIES = frozenset(
    code for spans in get_global("territory_currencies").values() for code, _begun, ended, is_tender in spans if is_tender and ended is None
)
# What CLDR lists beside the countries: unions, test and unknown regions. No parcel goes there.
NO_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
COUNTRIES = frozenset(code for code in map(str, Locale("en").territories) if len(code) == 2 and code.isalpha()) - NO_COUNTRIES


def check_currency(code: str) -> None:
    """Raise ValidationError unless `code` is an ISO 4217 currency that people pay with today."""
    if code not in CURRENCIES:
        raise ValidationError(
            _("%(code)s is not a currency. Write three letters, such as EUR."), code="unknown_currency", params={"code": code}
        )


def check_country(code: str) -> None:
    """Raise ValidationError unless `code` is an ISO 3166 country of two letters."""
    if code not in COUNTRIES:
        raise ValidationError(_("%(code)s is not a country. Write two letters, such as DE."), code="unknown_country", params={"code": code})


def check_digits(amount: Decimal, currency: str) -> None:
    """Raise ValidationError where `amount` has more digits than `currency` knows (JPY none, EUR two, KWD three)."""
    if amount != rounded(amount, currency):
        digits = get_currency_precision(currency)
        rule = _("%(currency)s is written with %(digits)d digits after the point.")
        rule_of_whole_ones = _("%(currency)s is written without digits after the point.")
        told = {"currency": currency, "digits": digits}
        raise ValidationError(rule if digits else rule_of_whole_ones, code="too_many_digits", params=told)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """`amount` with exactly the currency's digits."""
    return amount.quantize(Decimal(1).scaleb(-get_currency_precision(currency)), ROUND_HALF_EVEN)


def plain(amount: Decimal, currency: str) -> str:
    """`amount` for programs: a decimal string with the currency's digits."""
    return format(rounded(amount, currency), "f")
