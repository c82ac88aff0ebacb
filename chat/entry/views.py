"""The way in for customers: the page before the chat, the code for a new device, a new link by mail.

A GET here changes nothing, whoever makes it: mail scanners, previews and browsers that load ahead all follow links. The button's POST does.
Its CSRF token comes with the page in a cookie of its own and begins no session. The referrer stays in the house by the site's policy
`same-origin`; `no-referrer` would make browsers post with `Origin: null`, which Django's check rightly refuses.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts import audit, callers, languages
from accounts.models import AuditEntry
from chat import access, folds, links
from chat.access import NoAccessError, Party, UnconfirmedError
from chat.conversations import RefusedError
from chat.entry import codes, devices, mails, requests
from chat.entry.models import AccessLink, Device


class HttpResponseSeeOther(HttpResponseRedirect):
    """Go on with a GET."""

    status_code = 303


def private(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A page for one person's eyes: stored by nobody, listed by no search engine."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return never_cache(answer)


def caller(request: HttpRequest, username: str, conversation_id: str) -> Party:
    """Who asks for this conversation's page; raises NoAccessError and UnconfirmedError."""
    user = callers.user_of(request)
    return access.party(conversation_id=conversation_id, username=username, user=user, session=request.session)


def at_the_door(request: HttpRequest, username: str, conversation_id: str, order_id: int) -> HttpResponse:
    """For who is not in: the page with the button where the link is good, else the one page that is the same for all else."""
    key = request.GET.get("key", "")
    link = links.find(key, username=username, conversation_id=conversation_id, subject=order_id)
    if link is None or request.method == "POST":
        return turned_away(request)
    return _landing(request, link, key)


def turned_away(request: HttpRequest) -> HttpResponse:
    """The same answer whether the conversation exists or not; agents find the way to their log-in on it."""
    login_url = f"{reverse('login')}?{urlencode({'next': request.path})}"
    return render(request, "chat/turned_away.html", {"login_url": login_url}, status=404)


def open_link(request: HttpRequest, username: str, conversation_id: str, order_id: int) -> HttpResponse:
    """A person pressed the button: their browser is let in, and the key leaves its address bar."""
    link = links.find(request.POST.get("key", ""), username=username, conversation_id=conversation_id, subject=order_id)
    if link is None:
        return turned_away(request)
    secret = request.get_signed_cookie(devices.COOKIE, default="", salt=devices.SALT) or devices.new_secret()
    device = devices.enter(link, secret)
    # Nobody who planted a session's cookie in this browser comes along.
    request.session.cycle_key()
    access.grant(request.session, device)
    answer = HttpResponseSeeOther(links.path_for(link.conversation, link.subject))
    answer.set_signed_cookie(
        devices.COOKIE,
        secret,
        salt=devices.SALT,
        max_age=devices.COOKIE_AGE,
        path="/chat/",
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
    )
    # The page that follows doesn't learn where it was opened from, nor do its scripts.
    answer["Referrer-Policy"] = "no-referrer"
    return answer


def new_device(request: HttpRequest, device: Device, order_id: int, *, refused: str = "", status: int = 200) -> HttpResponse:
    """How the order stands, and the way to prove oneself; no address, no lines, no conversation, no other order."""
    conversation = device.conversation
    customer, key = conversation.customer, request.GET.get("key", "")
    if key and request.method != "POST":
        link = links.find(key, username=customer.username, conversation_id=conversation.public_id, subject=order_id)
        # Another link's button may do more for this device: it is the customer's where it opens one first.
        return _landing(request, link, key) if link and link != device.link else HttpResponseRedirect(request.path)
    if order_id != device.link.subject:
        return turned_away(request)
    order = next((folds.worded(order) for order in folds.orders(conversation) if order["id"] == order_id), None)
    path = {"username": customer.username, "conversation_id": conversation.public_id, "number": order_id}
    context = path | {
        "back": links.path_for(conversation, order_id),
        "order": order,
        "address": _masked_address(customer.email),
        "refused": refused,
    }
    # The code's mail is in the customer's language; whoever is at this device reads in their own.
    with timezone.override(languages.zone_of(customer)):
        return render(request, "chat/entry/new_device.html", context | {"has_code": codes.open_code(device) is not None}, status=status)


@private
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest, username: str, conversation_id: str, order_id: int) -> HttpResponse:
    """`ask` mails a code, `code` is one that was typed. A refusal stays in the address bar: whoever opens that again is led back."""
    try:
        me = caller(request, username, conversation_id)
        return HttpResponseSeeOther(links.path_for(me.conversation, order_id, username=username))
    except UnconfirmedError as error:
        device = error.device
    except NoAccessError:
        return turned_away(request)
    if request.method != "POST":
        return HttpResponseRedirect(links.path_for(device.conversation, order_id))
    try:
        if "ask" in request.POST:
            codes.ask(device)
        else:
            codes.check(device, request.POST.get("code", ""))
            request.session.cycle_key()
    except RefusedError as refused:
        return new_device(request, device, order_id, refused=str(refused), status=429 if refused.code == "too_many_codes" else 422)
    return HttpResponseSeeOther(links.path_for(device.conversation, order_id))


@private
@csrf_exempt  # It uses nothing that the browser holds for us, so there is nothing for another site to borrow.
@require_http_methods(["GET", "HEAD", "POST"])
def new_link(request: HttpRequest) -> HttpResponse:
    """“Mail me a new link”: one answer for every address."""
    if request.method != "POST":
        return render(request, "chat/entry/new_link.html")
    try:
        requests.ask(request.POST.get("email", ""), caller=callers.address(request))
    except RefusedError as refused:
        return render(request, "chat/entry/new_link.html", {"refused": str(refused), "email": request.POST.get("email", "")}, status=422)
    return render(request, "chat/entry/new_link.html", {"is_asked": True})


@private
@require_POST
def mail_link(request: HttpRequest, username: str, conversation_id: str, order_id: int) -> HttpResponse:
    """An agent mails the customer a fresh link; with `close` every earlier one ends, and with it what came by them."""
    try:
        me = caller(request, username, conversation_id)
    except NoAccessError:
        return turned_away(request)
    if me.role != "agent":
        return turned_away(request)
    with transaction.atomic():
        ended = {"ended": links.revoke_all(me.conversation)} if "close" in request.POST else {}
        link = mails.mail_link(me.conversation, order_id, issued_by=me.user)
        action = AuditEntry.Action.LINK_ROTATED if ended else AuditEntry.Action.LINK_MAILED
        audit.record(me.user, action, me.conversation, order=order_id, link=link.pk, **ended)
    return HttpResponseSeeOther(links.path_for(me.conversation, order_id, username=username))


def _landing(request: HttpRequest, link: AccessLink, key: str) -> HttpResponse:
    links.note_fetch(link)
    with languages.as_expected_by(link.conversation.customer, request):
        return render(request, "chat/entry/landing.html", {"key": key, "number": links.masked(link.subject)})


def _masked_address(address: str) -> str:
    """a…@e….com: enough for its owner to know it by."""
    local, _at, domain = address.rpartition("@")
    name, _dot, end = domain.rpartition(".")
    return f"{local[:1]}…@{name[:1]}….{end}" if local and name else ""
