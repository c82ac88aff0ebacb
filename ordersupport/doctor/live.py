"""What the providers themselves say: `manage.py doctor --live`. Nothing is changed, sent or charged."""

from collections.abc import Callable, Iterator

from django.conf import settings

from chat import vonage_check
from chat.account_check import Answer, Kind
from chat.outbox import BackendError
from orders import mail_account
from orders.backends import sendinblue_wire

# Where the words for a waiting mail would mislead: here nothing but a question was asked.
SENDINBLUE_SAYS = {
    "timeout": "Sendinblue took the connection, but gave no answer within {seconds:.0f} seconds.",
    "connection_lost": "The connection to Sendinblue broke before its answer came.",
    "unreachable": "Sendinblue can't be reached. Check the network and SENDINBLUE_API_URL.",
    "document_not_found": "SENDINBLUE_API_URL is not where Sendinblue's API answers. Its address ends in /v3.",
    "http_404": "SENDINBLUE_API_URL is not where Sendinblue's API answers. Its address ends in /v3.",
    "too_many_requests": "Sendinblue asks us to slow down. This question is allowed 100 times an hour; mails have a limit of their own.",
}


def ask() -> Iterator[Answer]:
    """Harmless questions to each provider that is configured."""
    if settings.VONAGE_APPLICATION_ID and settings.VONAGE_PRIVATE_KEY:
        yield from vonage_check.check()
    elif settings.VONAGE_API_KEY and settings.VONAGE_API_SECRET:
        yield vonage_check.check_new_account()
    else:
        yield Answer(Kind.NOTE, "Vonage is not configured, so it was not asked.")
    if settings.SENDINBLUE_API_KEY:
        yield from _sendinblue()
    else:
        yield Answer(Kind.NOTE, "Sendinblue is not configured, so it was not asked.")


def _sendinblue() -> Iterator[Answer]:
    """GET /account: whose key it is. Then the template, without which no confirmation leaves."""
    account = _answer(mail_account.check)
    yield account
    if settings.SENDINBLUE_TEMPLATE_ID and not account.is_wrong:
        yield _answer(mail_account.check_template)


def _answer(question: Callable[[], str]) -> Answer:
    try:
        return Answer(Kind.WELL, question())
    except UnicodeError:
        return Answer(Kind.WRONG, "Sendinblue can't be asked: SENDINBLUE_API_KEY holds a character that no key has.")
    except BackendError as error:
        is_ill = error.unknown and error.code not in SENDINBLUE_SAYS
        ill = f"Sendinblue is out of order ({error.code}). Nothing is to be done here: what waits is tried again by itself."
        said = SENDINBLUE_SAYS.get(error.code, "").format(seconds=sendinblue_wire.READ_SECONDS)
        return Answer(Kind.WRONG, ill if is_ill else said or str(error))
