"""Brevo forgets somebody: the contact, and the log of mails to an address."""

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.twins.brevo_errors import invalid, refuse
from tests.twins.http import Request, Response, empty_response
from tests.twins.routes import Route

if TYPE_CHECKING:
    from tests.twins.brevo import BrevoTwin


def delete_contact(twin: "BrevoTwin", request: Request) -> Response:
    """https://developers.brevo.com/reference/delete-contact"""
    twin.authorize(request)
    email = unquote(request.parameters["identifier"]).lower()
    if email not in twin.contacts:
        refuse(404, "document_not_found", "Contact does not exist")
    twin.contacts.remove(email)
    return empty_response(204)


def delete_log(twin: "BrevoTwin", request: Request) -> Response:
    """By address or message id, with the previews. https://developers.brevo.com/reference/delete-an-smtp-transactional-log"""
    twin.authorize(request)
    identifier = unquote(request.parameters["identifier"])
    if not re.fullmatch(r"<[^@<>]+@[^@<>]+>|[^@\s<>]+@[^@\s<>]+", identifier):
        invalid("Invalid identifier")
    twin.mails = [mail for mail in twin.mails if identifier.lower() not in {mail.message_id.lower(), *(to.lower() for to in mail.to)}]
    return empty_response(204)


ROUTES: list[Route["BrevoTwin"]] = [
    Route("DELETE", "/v3/contacts/{identifier}", "brevo.delete_contact", delete_contact),
    Route("DELETE", "/v3/smtp/log/{identifier}", "brevo.delete_log", delete_log),
]
