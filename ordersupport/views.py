"""The first page and the probes."""

from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ordersupport.demo import LOGINS


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """What runs, the demo's log-ins, where to go next."""
    links = [
        (_("Enter an order"), reverse("admin:orders_order_add"), _("Save it, and the customer is told within a second.")),
        (_("All orders"), reverse("admin:orders_order_changelist"), _("Who was told, when, and what went wrong.")),
        (_("Inbox"), reverse("inbox"), _("Every conversation, for agents.")),
        (_("API"), reverse("api-docs"), _("Orders, customers and conversations for programs.")),
    ]
    if settings.DEMO:
        links.insert(1, (_("Mailbox"), reverse("mailbox"), _("Every mail that customers would get, with its link into the chat.")))
    logins = [(role, username, password, url) for role, username, password, url in LOGINS] if settings.DEMO else []
    return render(request, "index.html", {"demo": settings.DEMO, "logins": logins, "services": _services(), "links": links})


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers; 503 where it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return JsonResponse({"status": "unavailable", "database": type(error).__name__}, status=503, headers={"Retry-After": "5"})
    return JsonResponse({"status": "ok", "database": "ok"})


def _services() -> list[tuple[str, str, bool]]:
    mail = _("Sendinblue sends every mail") if settings.SENDINBLUE_API_KEY else _("embedded: mails stay in the mailbox here")
    vonage = _("Vonage mirrors every conversation") if settings.VONAGE_APPLICATION_ID else _("embedded: conversations live in our database")
    database: Any = connection.settings_dict["ENGINE"].rpartition(".")[2]
    return [
        (_("Database"), "PostgreSQL" if database == "postgresql" else "SQLite", True),
        (_("Mail"), mail, True),
        (_("Chat"), vonage, True),
    ]
