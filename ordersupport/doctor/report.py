"""The configuration in words: what is on, every variable, what is wrong with them, and the fix."""

import re
from collections.abc import Iterator
from itertools import groupby

from django.conf import settings
from django.core.checks import DEBUG, ERROR, WARNING, CheckMessage, Warning, run_checks

from ordersupport.doctor import variables
from ordersupport.doctor.variables import Variable

NAME = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b|\bDEBUG\b|\bPORT\b|\bDEMO\b")
SIGNS = {ERROR: "WRONG", WARNING: "CAREFUL", DEBUG: "NOTE"}


def what_is_on() -> Iterator[str]:
    """One line for each thing that the configuration decides."""
    yield f"Links and webhooks  {settings.PUBLIC_URL}"
    yield f"Mails               {_mails()}"
    yield f"Conversations       {_conversations()}"
    yield f"Chat page           {_chat_page()}"
    yield f"Texts and calls     {_phones()}"
    yield f"Database            {'SQLite, ' + str(settings.DATABASES['default']['NAME']) if settings.IS_SQLITE else 'PostgreSQL'}"
    yield f"Several processes   {'in step over Redis' if settings.REDIS_URL else 'in step by a look at the database each second'}"


def of_variables(messages: list[CheckMessage]) -> Iterator[str]:
    """Each variable: its state, what it does, where to get it, and by number what is said of it below."""
    for section, members in groupby(variables.everything(), key=lambda variable: variable.section):
        yield f"\n{section}"
        for variable in members:
            about = {number: message for number, message in enumerate(messages, start=1) if variable.name in names_in(message)}
            yield f"\n  {variable.name}: {_state(variable, list(about.values()))}"
            yield f"      {variable.does}"
            if variable.where and not variable.value:
                yield f"      From: {variable.where}."
            yield from (f"      {_sign(message)}, see {number} below." for number, message in about.items())


def of_messages(messages: list[CheckMessage]) -> Iterator[str]:
    """What is wrong or worth a look, and the fix; the numbers are those that `of_variables` names."""
    for number, message in enumerate(messages, start=1):
        yield f"{number}. {_sign(message)}: {message.msg} {message.hint or ''}".rstrip()


def all_messages() -> list[CheckMessage]:
    """What `manage.py check` says, and names in `.env` that we don't know; the worst first."""
    found = [message for message in run_checks() if not message.is_silenced()]
    for name, near in variables.strangers():
        hint = f"Is {near} meant?" if near else "Remove it, or correct its name."
        found.append(Warning(f"{name} in {settings.ENV_FILE} is not a setting we know.", hint=hint, id="doctor.W001"))
    return sorted(found, key=lambda message: -message.level)


def names_in(message: CheckMessage) -> set[str]:
    """The variables that a message is about: those it names, else those its hint names."""
    return set(NAME.findall(message.msg)) or set(NAME.findall(message.hint or ""))


def _sign(message: CheckMessage) -> str:
    return next(sign for level, sign in SIGNS.items() if message.level >= level)


def _state(variable: Variable, about: list[CheckMessage]) -> str:
    if variable.value:
        alias = f" as {variable.set_as}" if variable.set_as != variable.name else ""
        return f"set{alias} {variable.source()}, {variable.shown()}"
    if any(message.level >= WARNING for message in about):
        return f"missing (now {variable.default})" if variable.default else "missing"
    if variable.default:
        return f"default, {variable.default}"
    return "default" if "default" in variable.does.lower() else "not set"


def _mails() -> str:
    if not settings.SENDINBLUE_API_KEY:
        return "kept in the embedded mailbox, and sent to nobody"
    template = f"by template {settings.SENDINBLUE_TEMPLATE_ID}" if settings.SENDINBLUE_TEMPLATE_ID else "with our own text"
    goes_to = f", all of them to {settings.SENDINBLUE_TO_EMAIL}" if settings.SENDINBLUE_TO_EMAIL else ""
    sandbox = ", checked and not sent (SENDINBLUE_SANDBOX)" if settings.SENDINBLUE_SANDBOX else ""
    return f"sent by Sendinblue {template}, from {settings.SENDINBLUE_FROM_EMAIL or 'nobody'}{goes_to}{sandbox}"


def _conversations() -> str:
    if settings.VONAGE_APPLICATION_ID and settings.VONAGE_PRIVATE_KEY:
        return f"here, and copied to the Vonage application {settings.VONAGE_APPLICATION_ID} as far as Vonage still takes them"
    return "here, and nowhere else"


def _chat_page() -> str:
    return "our own socket" if settings.CHAT_TRANSPORT == "socket" else "Vonage's Client SDK, else our own socket"


def _phones() -> str:
    if settings.VONAGE_APPLICATION_ID and settings.VONAGE_PRIVATE_KEY and settings.VONAGE_FROM_NUMBER:
        return f"from {settings.VONAGE_FROM_NUMBER} by Vonage"
    return "none leave the house"
