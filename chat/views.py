"""The chat page and the inbox."""

import math
import uuid

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views import i18n
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import languages
from accounts.models import User
from chat import conversations, desk, links, page
from chat.access import NoAccessError, Party, UnconfirmedError
from chat.entry import views as entry
from chat.entry.views import HttpResponseSeeOther

# Of what was asked for by a plain form; what is refused for another reason is a 422.
STATUSES = {"too_fast": 429, "agents_only": 403, "written_since": 409}


@entry.private
@require_http_methods(["GET", "HEAD", "POST"])
def conversation(request: HttpRequest, username: str, conversation_id: str, order_id: int) -> HttpResponse:
    """The conversation beside the order, for the customer (who opened a mailed link) and for an agent (by log-in).

    The path says as whom the page is read; it lets nobody in. With `?times` it is where a time zone is chosen. A POST sends `key`, the
    button of a link's page, or, from a browser without scripts, `text`, a message, or `solve`, the number of the last event that an agent
    has read.
    """
    if request.method == "POST" and "key" in request.POST:
        return entry.open_link(request, username, conversation_id, order_id)
    try:
        me = entry.caller(request, username, conversation_id)
    except UnconfirmedError as error:
        status = 200 if request.method != "POST" else 403
        return entry.new_device(request, error.device, order_id, status=status)
    except NoAccessError:
        return entry.at_the_door(request, username, conversation_id, order_id)
    if "key" in request.GET and request.method != "POST":
        # Whoever is in needs no key, and it has no business in an address bar.
        return HttpResponseRedirect(request.path)
    # A customer comes by a link, without a log-in: language and times are still theirs.
    with languages.as_read_by(me.user):
        response = _answer(request, me, order_id)
    response.headers["Content-Language"] = me.user.language
    return response


@entry.private
@require_POST
def choose_language(request: HttpRequest, username: str, conversation_id: str, order_id: int) -> HttpResponseBase:
    """Keep the language or time zone that this page's reader chose, and go back to the page."""
    try:
        me = entry.caller(request, username, conversation_id)
    except NoAccessError:
        return entry.turned_away(request)
    languages.choose(me.user, request.POST)
    # Into a cookie as well, for the pages that know nobody.
    return i18n.set_language(request)


@never_cache
@login_required
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """For agents: who waits, longest first, and (unless `?show=waiting`) everybody else, newest first; with `?q=` whom that finds."""
    if not isinstance(request.user, User) or not request.user.is_agent:
        raise PermissionDenied
    return render(request, "chat/inbox.html", desk.inbox(request.user, show=request.GET.get("show", ""), words=request.GET.get("q", "")))


# Compressing pages may tell a listener on the wire what is in them, if he can write into them too (BREACH). This page holds one
# conversation, whose writers may read all of it, a CSRF token that is masked anew each time, and no key; and Django pads it by chance.
# The inbox and the admin show many people's words side by side and stay as they are.
@gzip_page
def _answer(request: HttpRequest, me: Party, order_id: int) -> HttpResponse:
    context = page.conversation_page(request, me, order_id) | {"person": me.user}
    # A link may be opened before the worker told its order; any other order that is not told here is somebody else's.
    if not context["order"] and me.role == "customer" and not links.names(me.conversation, order_id):
        return entry.turned_away(request)
    if request.method == "POST":
        return _post(request, me, order_id, context)
    if "times" in request.GET:
        return render(request, "chat/times.html", context | {"zones": languages.zones()})
    return render(request, "chat/conversation.html", context | {"form_error": None, "form_key": uuid.uuid4()})


def _post(request: HttpRequest, me: Party, order_id: int, context: page.Context) -> HttpResponse:
    text, key = request.POST.get("text", ""), request.POST.get("client_key") or str(uuid.uuid4())
    about = order_id if context["order"] else None
    try:
        if "solve" in request.POST:
            conversations.solve(me.member(), sequence=page.event_number(request.POST["solve"]))
        else:
            read = page.event_number(request.POST.get("based_on", ""))
            conversations.send_text(me.member(), text, key=key, about=about, based_on=read)
    except conversations.RefusedError as refused:
        again = context | {"form_error": str(refused), "draft": text, "form_key": key}
        answer = render(request, "chat/conversation.html", again, status=STATUSES.get(refused.code, 422))
        if refused.after_seconds:
            answer["Retry-After"] = math.ceil(refused.after_seconds)
        return answer
    # 303: a reload of the page that follows sends nothing again.
    return HttpResponseSeeOther(request.path)
