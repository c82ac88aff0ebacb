"""Pages and answers in the language, and with the clock, of whoever reads them."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import translation

from accounts import languages
from accounts.models import User

Answer = Callable[[HttpRequest], HttpResponse]


def own_language_and_time(get_response: Answer) -> Answer:
    """Speak to whoever is logged in as they chose; to programs as they ask; strangers' pages are LocaleMiddleware's matter.

    A customer comes by a link, without a log-in: the chat's own pages see to them.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/api/"):
            return in_language(languages.asked_for(request.headers.get("Accept-Language", "")), request)
        if not isinstance(request.user, User):
            return get_response(request)
        with languages.as_read_by(request.user):
            return in_language(request.user.language, request)

    def in_language(code: str, request: HttpRequest) -> HttpResponse:
        with translation.override(code):
            request.LANGUAGE_CODE = translation.get_language()
            response = get_response(request)
        response.headers.setdefault("Content-Language", code)
        return response

    return answer
