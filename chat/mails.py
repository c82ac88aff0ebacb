"""What every mail of ours has, whatever EMAIL_BACKEND carries it: an address, an idempotency key, and what a provider needs beside it."""

import uuid
from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from email.utils import formataddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from accounts.mailable import with_ascii_domain
from accounts.models import User
from chat.outbox import BackendError, Call
from chat.sentences import said

# One minute less than the shorter of the two documented lives of an idempotency key (`orders/mailing.py`).
KEY_PROTECTS = timedelta(minutes=14)


class Mail(EmailMultiAlternatives):
    """A mail with what a mail provider needs beside it.

    `params`: what is in it, by name. `tags`: what it is about. `idempotency_key`: the same at every attempt. `message_id`: the
    provider's, after sending. `fits_template`: whether the provider's template (SENDINBLUE_TEMPLATE_ID) is made for it.
    `may_have_left`: false where surely no earlier attempt has sent it.
    """

    def __init__(
        self, *, params: dict[str, Any], tags: list[str], idempotency_key: uuid.UUID, fits_template: bool = False, **kwargs: Any
    ) -> None:
        sender = formataddr((settings.DEFAULT_FROM_NAME, settings.DEFAULT_FROM_EMAIL))
        # RFC 3834: no out-of-office robot answers this.
        super().__init__(from_email=sender, reply_to=[settings.REPLY_TO_EMAIL], headers={"Auto-Submitted": "auto-generated"}, **kwargs)
        self.params = params
        self.tags = tags
        self.idempotency_key = str(idempotency_key)
        self.fits_template = fits_template
        self.may_have_left = True
        self.message_id = ""


def is_local() -> bool:
    """Whether mails stay in our own database (the embedded side)."""
    return bool(getattr(get_connection(), "is_local", False))


def find(write: Callable[[], Mail], *, since: datetime) -> Generator[Call, Any, str | None]:
    """The message id of a mail that may have left after `since`, None where it surely did not; for a rule of the outbox.

    A backend that can't be asked keeps every key for good. `write` makes the mail, in the thread that asks. Raises BackendError,
    `permanent` where nobody can tell.
    """
    ask = getattr(get_connection(), "find", None)
    if ask is None:
        return None
    message_id: str | None = yield Call(lambda: ask(write(), since=since), provider="sendinblue")
    return message_id


def address(customer: User) -> str:
    """Where mails for this customer go; empty where there is no address."""
    return settings.SENDINBLUE_TO_EMAIL or customer.email


def recipient(customer: User, *, then: str) -> str:
    """Whom the mail goes to: the customer, or SENDINBLUE_TO_* where that is set. Raises BackendError where there is no address.

    `then`: what sends this kind of mail once the address is right, as `said`, such as "press “Retry now”".
    """
    if settings.SENDINBLUE_TO_EMAIL:
        return formataddr((settings.SENDINBLUE_TO_NAME, settings.SENDINBLUE_TO_EMAIL))
    if not address(customer):
        told = said("%(name)s has no mail address. Add one to the customer, then %(act)s.", name=customer.display_name, act=then)
        raise BackendError(told, code="no_address", permanent=True)
    # A line break in a name that came past the forms would end the header.
    return formataddr((" ".join(customer.display_name.split()), _in_ascii(customer.email, then=then)))


def _in_ascii(address: str, *, then: str) -> str:
    """The address with its domain as mail headers need it: anna@müller.de is anna@xn--mller-kva.de.

    Raises BackendError where the part before the @ is not ASCII: few servers take such mail (RFC 6531), and Sendinblue does not.
    """
    if not address.rpartition("@")[0].isascii():
        told = said(
            "The mail address %(address)s has letters that mail servers refuse. Correct it, then %(act)s.", address=address, act=then
        )
        raise BackendError(told, code="bad_address", permanent=True)
    return with_ascii_domain(address)
