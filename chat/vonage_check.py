"""Harmless questions to Vonage for `manage.py doctor --live`: whether it knows us, and if not, what is wrong, in words for an operator.

One page of one user is read with our own token, as the copying of conversations would; where the account's key and secret are set, the
application itself is read too, which tells a wrong key file from a wrong id. Nothing is changed and nothing is charged.
"""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.urls import reverse

from chat.account_check import Answer, Kind
from chat.backends import vonage_applications, vonage_errors, vonage_keys
from chat.backends.vonage_applications import JSON
from chat.backends.vonage_http import Http, Reply
from chat.backends.vonage_tokens import KeyFileError, server_token
from chat.outbox import BackendError

PATH = "/v1/users"
# Beyond this a clock is worth a word; and where a token is refused, it is the likeliest reason.
SKEW_SECONDS = 30


def check() -> Iterator[Answer]:
    """What Vonage says of our token, of the clock, and of the account."""
    try:
        token = server_token.get()
    except KeyFileError as error:
        yield _wrong(f"Vonage's private key can't be used. {error}")
        return
    try:
        reply = _read_users(token)
    except OSError as error:
        yield _wrong(f"Vonage can't be asked: {vonage_applications.lost(error)}")
        return
    skew = _skew_seconds(reply)
    is_refused = vonage_errors.is_bad_token(reply.status, reply.document)
    answer = _wrong(_why_refused(skew)) if is_refused else _of_reply(reply)
    yield answer
    if abs(skew) > SKEW_SECONDS and not is_refused:
        yield Answer(Kind.NOTE, f"This machine's clock is {_words(skew)} Vonage's. Tokens carry the time, so set it by NTP.")
    if settings.VONAGE_API_KEY and settings.VONAGE_API_SECRET and not answer.is_wrong:
        yield _of_account()


def check_new_account() -> Answer:
    """The same before there is an application: whether its key and secret open the account."""
    try:
        number = sum(1 for _application in vonage_applications.everything())
    except BackendError as error:
        return _wrong(str(error) if error.code == "wrong_account" else f"Vonage can't be asked: {error}")
    has = f"{number} application{'' if number == 1 else 's'}"
    return Answer(Kind.WELL, f"Vonage takes NEXMO_API_KEY with its secret: the account has {has}. `manage.py setup_vonage` makes ours.")


def _read_users(token: str) -> Reply:
    http = Http(settings.VONAGE_API_HOST, token=lambda: token, timeout_seconds=vonage_applications.TIMEOUT_SECONDS)
    try:
        return http.send("GET", PATH, {"page_size": 1})
    finally:
        http.close()


def _of_reply(reply: Reply) -> Answer:
    """Everything but a refused token."""
    status, code = reply.status, vonage_errors.code_of(reply.document)
    host, said = settings.VONAGE_API_HOST, f"{status} {code}".strip()
    if 200 <= status < 300:
        if isinstance(reply.document, dict) and "_embedded" in reply.document:
            return Answer(Kind.WELL, f"Vonage takes our token: the application {settings.VONAGE_APPLICATION_ID} answers.")
        return _wrong(f"What answers at {host} is not Vonage's API. Check VONAGE_API_HOST, and whether a proxy answers in its place.")
    if 300 <= status < 400:
        return _wrong(f"{host} answers with a redirect, which is not followed. Check VONAGE_API_HOST.")
    if vonage_errors.is_too_many(status, reply.document):
        wait = vonage_errors.retry_after(reply.headers)
        later = f"in {wait:.0f} seconds" if wait else "in a while"
        return _wrong(f"Vonage asks us to slow down ({said}) and did not look at our token. Ask again {later}.")
    if status >= 500 and status != 501:
        return _wrong(f"Vonage is out of order ({said}). Nothing is to be done here: what waits is tried again by itself.")
    if status in vonage_errors.REFUSED_STATUSES or code in vonage_errors.REFUSED:
        return _wrong(
            f"Vonage refuses this product to our application ({said}). In-App Messaging and the messages of the Conversation API ended "
            "on 2026-04-30; chat and mails don't need them, and the copying stops by itself. "
            f"If {host} is not Vonage's, correct VONAGE_API_HOST."
        )
    return _wrong(str(vonage_errors.error_of(status, reply.headers, reply.document)))


def _why_refused(skew: float) -> str:
    """Why a token of ours is not taken: the clock, the id, the key, or the account."""
    if abs(skew) > SKEW_SECONDS:
        return (
            f"Vonage refuses our token, and this machine's clock is {_words(skew)} Vonage's: it takes none of another time. Set the clock."
        )
    application_id = settings.VONAGE_APPLICATION_ID
    if not settings.VONAGE_API_KEY or not settings.VONAGE_API_SECRET:
        return (
            f"Vonage refuses our token: NEXMO_APPLICATION_ID ({application_id}) and the private key don't belong together, or the "
            "application is gone. With NEXMO_API_KEY and NEXMO_API_SECRET set, this command can tell which."
        )
    try:
        application = vonage_applications.find(application_id)
    except BackendError as error:
        return f"Vonage refuses our token, and the account can't be asked why: {error}"
    if application is None:
        return f"Vonage refuses our token: the account has no application {application_id}. Correct NEXMO_APPLICATION_ID."
    if not vonage_keys.are_same(vonage_keys.public_pem(settings.VONAGE_PRIVATE_KEY), vonage_applications.public_key(application)):
        return (
            f"Vonage refuses our token: the private key is not that of the application {application_id}. Put the right file to "
            "NEXMO_APPLICATION_PRIVATE_KEY_PATH, or run `manage.py setup_vonage --new-key`."
        )
    return "Vonage refuses our token although id and key belong together. Ask its support whether account and application are active."


def _of_account() -> Answer:
    """Whether the account's key is taken, and whether the application tells us what happens."""
    try:
        application = vonage_applications.find(settings.VONAGE_APPLICATION_ID)
    except BackendError as error:
        kind = Kind.WRONG if error.code == "wrong_account" else Kind.NOTE
        return Answer(kind, str(error) if kind is Kind.WRONG else f"The account can't be asked: {error}")
    if application is None:
        return Answer(Kind.NOTE, "NEXMO_API_KEY belongs to another account than the application: `manage.py setup_vonage` can't reach it.")
    address = _event_address(application)
    wanted = f"{settings.PUBLIC_URL}{reverse('rtc-webhook')}"
    if address.removesuffix("/") not in {wanted, f"{wanted}/{quote(settings.WEBHOOK_SECRET, safe='')}"}:
        where = f"to {address.rpartition('/webhooks/')[0] or 'elsewhere'}" if address else "nowhere"
        sentence = f"The application's events go {where}, or without our secret, and not to {settings.PUBLIC_URL}."
        return Answer(Kind.NOTE, f"{sentence} `manage.py setup_vonage` points them here.")
    return Answer(Kind.WELL, "Vonage takes NEXMO_API_KEY with its secret, and the application's events come here.")


def _event_address(application: JSON) -> str:
    found: Any = application.get("capabilities")
    for name in ("rtc", "webhooks", "event_url", "address"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _skew_seconds(reply: Reply) -> float:
    """How far our clock is ahead of theirs; 0 where they don't say what time it is."""
    try:
        return time.time() - parsedate_to_datetime(reply.headers.get("Date", "")).timestamp()
    except ValueError:
        return 0.0


def _words(skew: float) -> str:
    return f"{abs(skew):.0f} seconds {'ahead of' if skew > 0 else 'behind'}"


def _wrong(sentence: str) -> Answer:
    return Answer(Kind.WRONG, sentence)
