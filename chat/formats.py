"""How amounts are written for people."""

from decimal import Decimal

from babel import Locale
from babel.numbers import format_currency
from django.utils.translation import get_language, to_locale


def money(amount: Decimal, currency: str, language: str | None = None) -> str:
    """`amount` as people of that language (default: the active one) write it: €49.90, 49,90 €, ¥4,990."""
    locale = Locale.parse(to_locale(language or get_language() or "en"))
    return str(format_currency(amount, currency, locale=locale))
