"""The first page and the probes."""

import logging
import sys
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.defaults import page_not_found
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from accounts import callers
from accounts.api.problems import problem
from accounts.models import User
from chat import backends, outages, outbox
from chat.models import WorkerBeat
from ordersupport import database, server
from ordersupport.demo import LOGINS

logger = logging.getLogger(__name__)

WORKER_SILENCE_SECONDS = 60
RETRY_AFTER_SECONDS = 5


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """What runs (for the demo's visitors, else for staff only), the demo's log-ins, where to go next."""
    links = [
        (_("Enter an order"), reverse("admin:orders_order_add"), _("Save it, and the customer is told within a second.")),
        (_("All orders"), reverse("admin:orders_order_changelist"), _("Who was told, when, and what went wrong.")),
        (_("Inbox"), reverse("inbox"), _("Every conversation, for agents.")),
        (_("API"), reverse("api-docs"), _("Orders, customers and conversations for programs.")),
    ]
    if settings.DEMO and backends.phones().is_local:
        links.insert(1, (_("Phones"), reverse("phones"), _("The texts that agents would get, and the calls that customers ask for.")))
    if settings.DEMO and not settings.SENDINBLUE_API_KEY:
        links.insert(1, (_("Mailbox"), reverse("mailbox"), _("Every mail that customers would get, with its link into the chat.")))
    logins = [(_(role), username, password, url) for role, username, password, url in LOGINS] if settings.DEMO else []
    if settings.DEMO and not settings.SENDINBLUE_API_KEY:
        logins.append((_("Customer"), "", "", reverse("mailbox")))
    services = _services() if settings.DEMO or (isinstance(request.user, User) and request.user.is_staff) else []
    return render(request, "index.html", {"demo": settings.DEMO, "logins": logins, "services": services, "links": links})


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers and has room, a worker was alive within the last minute, and the bus (where one is set) is up.

    503 without a database, and where SQLite's disk is full, although what is there can be read: no order can be kept.

    Neither a missing worker nor a missing bus makes this process unfit: orders are taken and kept meanwhile. Both are said.
    """
    try:
        worked = WorkerBeat.objects.filter(beat_at__gt=outbox.clock() - timedelta(seconds=WORKER_SILENCE_SECONDS)).exists()
    except DatabaseError as error:
        logger.warning("not ready: the database fails (%s)", outages.reason(error))
        return _not_ready(database="failing")
    if not database.has_room():
        logger.warning("not ready: the database's disk is full")
        return _not_ready(database="ok", disk="full")
    bus = "not set" if not settings.REDIS_URL else "ok" if server.bus_is_up() else "away"
    return JsonResponse({"status": "ok", "database": "ok", "worker": "ok" if worked else "none", "bus": bus})


def _not_ready(**why: str) -> JsonResponse:
    return JsonResponse({"status": "unavailable", **why}, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


@never_cache
@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for whoever brings METRICS_TOKEN; without one, for this machine alone."""
    if settings.METRICS_TOKEN:
        may = constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}")
    else:
        # A proxy on this machine passes strangers on from loopback; it says so by a header of its own.
        may = callers.is_on_this_machine(request) and "X-Forwarded-For" not in request.headers
    if not may:
        return HttpResponse(status=404)
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a foreign Host, too many fields, a session that was tampered with."""
    return _told(request, 400, "bad_request", _("Something in the address or in the form did not arrive as it should."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: what is below /api/ is for programs."""
    if request.path.startswith("/api/"):
        return _told(request, 404, "not_found", _("There is nothing here."))
    return page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: a database that is away, busy, full or only reads is a 503 that says when to come back; all else is our fault.

    Nothing is half-written: every write is one transaction. Programs get a problem (RFC 9457), people a page.
    """
    error = sys.exc_info()[1]
    if error is None or not outages.is_away(error):
        return _told(request, 500, "internal", _("Something broke on our side. It is noted; please try again."))
    code = "disk_full" if outages.is_disk_full(error) else "database_away"
    logger.error("the database refused a request: %s", outages.reason(error))
    return _told(request, 503, code, _("We can't reach our records at the moment. Nothing is lost; please try again in a few seconds."))


def _told(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
    # What asks for HTML by name is a browser that shows the answer, after a press of a button as well; scripts and programs never do.
    if "text/html" in request.headers.get("Accept", "") and request.accepts("text/html") and not request.path.startswith("/api/"):
        page = render_to_string(f"{status}.html", {"is_safe": request.method in {"GET", "HEAD"}})
        return HttpResponse(page, status=status, headers=headers)
    body = problem(status, [{"field": None, "code": code, "detail": detail}])
    return JsonResponse(body, status=status, headers=headers, content_type="application/problem+json")


def _services() -> list[tuple[str, str, bool]]:
    mail = _("Sendinblue sends every mail") if settings.SENDINBLUE_API_KEY else _("embedded: mails stay in the mailbox here")
    # Vonage ended messaging on 2026-04-30.
    mirrored = _("conversations live in our database; Vonage gets a copy of what it still accepts")
    chat = mirrored if settings.VONAGE_APPLICATION_ID else _("embedded: conversations live in our database")
    engine: Any = connection.settings_dict["ENGINE"].rpartition(".")[2]
    return [
        (_("Database"), "PostgreSQL" if engine == "postgresql" else "SQLite", True),
        (_("Mail"), mail, True),
        (_("Chat"), chat, True),
    ]
