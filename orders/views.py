"""The demo's mailbox: every mail that the embedded side kept."""

from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from accounts.callers import is_on_this_machine
from orders import journey
from orders.mail_models import StoredMail

MAILS = 100
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; default-src 'none'; "
    "script-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)


@require_safe
def mailbox(request: HttpRequest) -> HttpResponse:
    """All mails, newest first, MAILS a page."""
    _demo_only(request)
    # Not in the order of being stored: the demo's mails of earlier days are stored at its start.
    page = Paginator(StoredMail.objects.order_by("-created_at", "-pk"), MAILS).get_page(request.GET.get("page"))
    return render(request, "chat/mailbox.html", {"mails": [_summary(mail) for mail in page], "page": page})


@require_safe
def mail(request: HttpRequest, number: int) -> HttpResponse:
    """One mail with everything that would have left the house."""
    _demo_only(request)
    found = get_object_or_404(StoredMail, pk=number)
    details = {
        "from": _readable(found.from_email),
        "text": found.text,
        "html_url": reverse("mail-html", args=[found.pk]) if found.html else "",
        "height": _height(found.html),
        "headers": list(found.headers.items()),
        "params": list(found.params.items()),
        "link": found.params.get("url", ""),
    }
    return render(request, "chat/mail.html", {"mail": _summary(found) | details})


@require_safe
@xframe_options_sameorigin
def mail_html(request: HttpRequest, number: int) -> HttpResponse:
    """The mail's HTML as a mail program would show it: with its own styles, but no scripts, no origin, and nothing from elsewhere."""
    _demo_only(request)
    found = get_object_or_404(StoredMail, pk=number)
    return HttpResponse(found.html, headers={"Content-Security-Policy": MAIL_POLICY})


def _demo_only(request: HttpRequest) -> None:
    # Every mail holds a customer's link, so even the demo shows them to its own machine only.
    if not settings.DEMO or not is_on_this_machine(request):
        raise Http404


def _height(html: str) -> int:
    """Pixels for the frame of a mail, on a phone too. Our page can't measure the mail: it has an origin of its own.

    A row of a table, an article's for example, takes 73; the rest is what an order's mail has around the articles.
    """
    return 73 * html.count("<tr") + 230


def _readable(addresses: str) -> str:
    """Addresses as a person reads them: "=?utf-8?b?5byg5Lyf?= <a@b.example>" is "张伟 <a@b.example>". What can't be decoded stays."""
    try:
        return str(make_header(decode_header(addresses)))
    except (HeaderParseError, LookupError, ValueError):
        return addresses


def _summary(found: StoredMail) -> dict[str, Any]:
    return {
        "id": found.pk,
        "to": _readable(found.to),
        "subject": found.subject,
        "sent_at": found.created_at,
        "sent": journey.moment(found.created_at),
    }
