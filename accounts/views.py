"""The switch of language and time zone."""

from django.http import HttpRequest, HttpResponseBase
from django.views import i18n
from django.views.decorators.http import require_POST

from accounts import languages
from accounts.models import User


@require_POST
def set_language(request: HttpRequest) -> HttpResponseBase:
    """Keep `language` and `time_zone` for whoever is logged in, the language in a cookie too, and go back to the page.

    (Django's own view, which LocaleMiddleware reads the cookie of, looks where `next` or the Referer may lead.)
    """
    if isinstance(request.user, User):
        languages.choose(request.user, request.POST)
    return i18n.set_language(request)
