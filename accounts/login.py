"""The one way in with a password, and its second step."""

import logging
import time
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import callers, second_factor
from accounts.models import User

logger = logging.getLogger(__name__)

HALF = "half_logged_in"
HALF_SECONDS = 600
# Wrong passwords in a quarter of an hour. Behind one address may be a whole office.
MOST_OF_AN_ADDRESS = 100


class LogIn(LoginView):
    """User name and password. With TWO_FACTOR nobody is logged in before the second step."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Not for an address from which many names were tried."""
        if _has_tried_many(request):
            return locked_out(request, None, None)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """The password is right."""
        user: Any = form.get_user()
        if not settings.TWO_FACTOR:
            return super().form_valid(form)
        half = {"pk": user.pk, "hash": user.get_session_auth_hash(), "backend": user.backend, "at": time.time()}
        # Nobody who planted a session's cookie in this browser comes along to the second step.
        self.request.session.cycle_key()
        self.request.session[HALF] = half | {"next": self.get_success_url()}
        return redirect("login-code")


class AdminLogIn(LogIn):
    """The admin's own address of the same page; who is logged in but may not use the admin finds it, too."""

    redirect_authenticated_user = False
    next_page = "admin:index"


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """The one-time code; at somebody's first log-in with TWO_FACTOR, setting it up."""
    half = request.session.get(HALF, {})
    user = _half_logged_in(half)
    if user is None:
        return redirect("login")
    code = "".join(request.POST.get("code", "").split())
    if second_factor.is_set_up(user):
        device, codes = (second_factor.check(user, code) if code else None), []
    else:
        device, codes = (second_factor.set_up(user, code) if code else None) or (None, [])
    if device is None:
        wrong = _("This code is not right. Each works for half a minute; after wrong ones, wait a moment.") if code else ""
        beginning = None if second_factor.is_set_up(user) else second_factor.begin(user)
        return render(request, "accounts/code.html", {"beginning": beginning, "wrong": wrong}, status=422 if wrong else 200)
    del request.session[HALF]
    auth.login(request, user, backend=half["backend"])
    return render(request, "accounts/recovery.html", {"codes": codes, "next": half["next"]}) if codes else redirect(half["next"])


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
    """What django-axes shows after too many wrong passwords for one name from one address."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    logger.warning("a log-in waits for %d minutes after too many wrong passwords", minutes)
    waits = _("Too many wrong passwords. Wait %(minutes)d minutes and try again, or ask a colleague to set a new password.")
    page = render(request, "accounts/login.html", {"locked_out": waits % {"minutes": minutes}}, status=429)
    page["Retry-After"] = str(60 * minutes)
    return page


def _has_tried_many(request: HttpRequest) -> bool:
    """Whether one address gave so many wrong passwords of late, for whichever names. (Of one name, django-axes counts them.)"""
    lately = AccessAttempt.objects.filter(attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME, ip_address=callers.address(request))
    return (lately.aggregate(wrong=Sum("failures_since_start"))["wrong"] or 0) >= MOST_OF_AN_ADDRESS


def _half_logged_in(half: dict[str, Any]) -> User | None:
    """Whose password was right a moment ago; None where nobody's, or where it has changed since."""
    if not half or time.time() - half["at"] > HALF_SECONDS:
        return None
    user = User.objects.filter(pk=half["pk"], is_active=True).first()
    return user if user and constant_time_compare(half["hash"], user.get_session_auth_hash()) else None
