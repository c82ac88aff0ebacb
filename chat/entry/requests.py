"""“Mail me a new link”: what is typed becomes a row, and the worker looks whether anybody has that address.

So the page's answer is the same in words, status and time whoever is known; and counting happens before anybody looks.
"""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from chat import locks
from chat.conversations import RefusedError
from chat.entry.models import LinkRequest

SALT = "chat.entry.requests"
HOUR = timedelta(hours=1)
MOST_OF_AN_ADDRESS = 5
# Behind one address of the network may be a whole office.
MOST_OF_A_CALLER = 30


def ask(address: str, *, caller: str) -> None:
    """Take the request; too many of one address or from one caller are dropped in silence. Raises RefusedError `bad_address`."""
    address = address.strip()
    try:
        LinkRequest._meta.get_field("address").run_validators(address)
        validate_email(address)
        address.encode()
    except (ValidationError, UnicodeEncodeError):
        raise RefusedError(_("Write your mail address, like anna@example.com."), code="bad_address", field="email") from None
    digests = {"address_digest": _digest(address.lower()), "caller_digest": _digest(caller)}
    with transaction.atomic():
        locks.hold(SALT, *digests.values())
        _take(address, digests)


def _take(address: str, digests: dict[str, str]) -> None:
    lately = LinkRequest.objects.filter(created_at__gt=timezone.now() - HOUR)
    of_address = lately.filter(address_digest=digests["address_digest"]).count()
    of_caller = lately.filter(caller_digest=digests["caller_digest"]).count()
    if of_address < MOST_OF_AN_ADDRESS and of_caller < MOST_OF_A_CALLER:
        LinkRequest.objects.create(address=address, **digests)


def _digest(words: str) -> str:
    """Keyed: a table of all mail or network addresses turns no digest back."""
    return salted_hmac(SALT, words, algorithm="sha256").hexdigest()
