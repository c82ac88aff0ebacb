"""How amounts and moments are written for people."""

import re
from datetime import datetime
from decimal import Decimal

from babel import Locale
from babel.numbers import format_currency
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, to_locale

BETWEEN_LETTER_AND_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def money(amount: Decimal, currency: str, language: str | None = None) -> str:
    """`amount` as people of that language (default: the active one) write it: €49.90, 49,90 €, ¥4,990, KWD 18.750.

    Letters stand off from digits by a no-break space: CLDR says so and browsers do it (UTS 35, currency spacing), Babel does not.
    """
    locale = Locale.parse(to_locale(language or get_language() or "en"))
    return BETWEEN_LETTER_AND_DIGIT.sub("\u00a0", str(format_currency(amount, currency, locale=locale)))


def day_or_time(moment: datetime) -> str:
    """14:03 today, Nov 22 this year, Nov 22, 2025 before that; waiters.js writes the same."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return date_format(local, "TIME_FORMAT")
    return date_format(local, "MONTH_DAY_FORMAT" if local.year == today.year else "DATE_FORMAT")
