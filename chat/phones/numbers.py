"""Phone numbers, and the agents who have one on duty."""

import re
import unicodedata

from django.conf import settings

from accounts.models import User

# E.164: a country code, which never begins with 0, and at most 15 digits in all.
E164 = re.compile(r"[1-9][0-9]{6,14}")
BETWEEN = re.compile(r"\(0\)|[\s().\-/\u2010-\u2015]")


def number(written: str) -> str:
    """E.164 digits without the plus of a number that a person wrote with its country code (+46 70 …, 0046 …); "" for anything else."""
    plain = "".join(str(unicodedata.decimal(letter, letter)) for letter in unicodedata.normalize("NFKC", written))
    bare = BETWEEN.sub("", plain)
    digits = bare.removeprefix("+") if bare.startswith("+") else bare.removeprefix("00") if bare.startswith("00") else ""
    return digits if E164.fullmatch(digits) else ""


def may_be_called(digits: str) -> bool:
    """Whether calls to this country are wanted: VONAGE_CALL_PREFIXES, or everywhere where that is empty."""
    wanted = [prefix.lstrip("+") for prefix in settings.VONAGE_CALL_PREFIXES]
    return not wanted or digits.startswith(tuple(wanted))


def masked(digits: str) -> str:
    """Enough of a number for its owner to know it, and for nobody else."""
    return f"•••{digits[-2:]}" if digits else ""


def on_duty() -> list[User]:
    """The active agents on duty whose phone has a number that can be called, in no particular order."""
    people = User.objects.with_perm("accounts.answer_chats", backend="django.contrib.auth.backends.ModelBackend")
    return [person for person in people.filter(on_duty=True).exclude(phone="") if number(person.phone)]
