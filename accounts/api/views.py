"""What every view of the API does before and around its own part: scopes of keys, `Idempotency-Key`, `dry_run`."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import idempotency
from accounts.api import parameters
from accounts.callers import name_of
from accounts.models import ApiKey, Scope

MOST_NAMED = 20
YES, NO = {"1", "true"}, {"0", "false"}


class KeyReused(APIException):
    """422: the Idempotency-Key stands for another request."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"


class Erased(APIException):
    """410: the Idempotency-Key stands for what was erased since."""

    status_code = status.HTTP_410_GONE
    default_code = "erased"


class Compressed(APIException):
    """415: the body would have to be unpacked, and a small one can become a huge one."""

    status_code = status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
    default_code = "compressed"


class Api(APIView):
    """A view of the API. `scopes`: what a key needs to read here, and to write.

    Every write takes `Idempotency-Key` (`accounts/idempotency.py`), and with `?dry_run=1` answers as it would, and stores nothing.
    """

    scopes: ClassVar[tuple[Scope, Scope]] = (Scope.ORDERS_READ, Scope.ORDERS_WRITE)

    @property
    def default_response_headers(self) -> dict[str, str]:
        """What is answered is about people, so no proxy and no browser keeps it."""
        return {**super().default_response_headers, "Cache-Control": "no-store"}

    def check_permissions(self, request: Request) -> None:
        """What the caller may do, and what their key was made for. Raises PermissionDenied, and MethodNotAllowed before it."""
        if request.method not in self.allowed_methods:
            # Nobody has a permission for it, so whoever lacks one must not look for it.
            self.http_method_not_allowed(request)
        super().check_permissions(request)
        needed = self.needed_scope(request)
        if isinstance(request.auth, ApiKey) and needed not in request.auth.scopes:
            words = _("This key was not made for that: it lacks the scope %(scope)s.") % {"scope": needed.value}
            raise PermissionDenied(words, code="missing_scope")

    def needed_scope(self, request: Request) -> Scope:
        """What a key needs for this request."""
        reading, writing = self.scopes
        return reading if request.method in SAFE_METHODS else writing

    def parameters(self, request: Request) -> set[str]:
        """The names that may stand in the query: `dry_run` of a write; how a list is paged and filtered; and what a view adds."""
        return {"format"} | (parameters.of_list(self) if request.method in SAFE_METHODS else {"dry_run"})

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Once the caller is let in, put what they asked for around the method that DRF calls next."""
        super().initial(request, *args, **kwargs)
        name = str(request.method).lower()
        act = getattr(self, name, None)
        if act is None or name == "options":
            return
        parameters.check(request, self.parameters(request))
        if request.method in SAFE_METHODS:
            return
        if request.headers.get("Content-Encoding", "").lower() not in {"", "identity"}:
            raise Compressed(_("Send the body as it is, not compressed."))
        key = _key(request)
        if is_dry_run(request):
            setattr(self, name, partial(rehearsed, act))
        elif key is not None:
            setattr(self, name, partial(self._once, key, act))

    def _once(self, key: str, act: Callable[..., Response], request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The method's answer, or the one that was given before."""
        address = f"{request.method} {request.get_full_path()}"
        asked = idempotency.Asked(name_of(request), key, address, idempotency.digests(_body(request)))
        try:
            answer, is_replay = idempotency.once(asked, lambda: _kept(act(request, *args, **kwargs)))
        except idempotency.ReusedError as reused:
            raise _reused(reused.fields) from None
        except idempotency.ErasedError:
            raise Erased(_("What was done under this Idempotency-Key was about somebody whose data were erased since.")) from None
        told = self.told_again(request, answer.body, *args, **kwargs) if is_replay else answer.body
        response = HttpResponse(told.encode(), status=answer.status, headers=answer.headers)
        if not answer.body:
            del response["Content-Type"]
        if is_replay:
            response["Idempotency-Replayed"] = "true"
        return response

    def told_again(self, request: Request, body: str, *args: Any, **kwargs: Any) -> str:
        """What a repeat may read of the answer of before: all of it, unless a view says otherwise. May raise any refusal."""
        return body


def is_dry_run(request: Request) -> bool:
    """Whether nothing is to be stored. Raises ValidationError for what says neither, such as no word at all: it might have meant yes."""
    asked = {word.lower() for word in request.query_params.getlist("dry_run")} or {"0"}
    if not (asked <= YES or asked <= NO):
        raise ValidationError({"dry_run": [_("Write 1 or 0.")]}, code="invalid")
    return asked <= YES


def rehearsed(act: Callable[..., Response], *args: Any, **kwargs: Any) -> Response:
    """What `act` would answer. Everything it stored is undone, and nothing leaves, because that waits for a commit."""
    with transaction.atomic():
        response = act(*args, **kwargs)
        transaction.set_rollback(True)
    response["Dry-Run"] = "true"
    return response


def _key(request: Request) -> str | None:
    """The Idempotency-Key; None where there is none."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= idempotency.LONGEST_KEY and key.isascii() and key.isprintable()):
        words = _("An Idempotency-Key has 1 to %d printable ASCII characters.") % idempotency.LONGEST_KEY
        raise ValidationError(words, code="bad_idempotency_key")
    return key


def _body(request: Request) -> Any:
    return {name: request.data.getlist(name) for name in request.data} if hasattr(request.data, "getlist") else request.data


def _kept(response: Response) -> idempotency.Answer:
    """The answer as it goes over the wire."""
    headers = {name: value for name, value in response.items() if name != "Content-Type"}
    if response.data is None:
        return idempotency.Answer(response.status_code, "", headers)
    body = JSONRenderer().render(response.data).decode()
    return idempotency.Answer(response.status_code, body, {**headers, "Content-Type": "application/json"})


def _reused(fields: list[str]) -> KeyReused:
    if not fields:
        return KeyReused(_("This Idempotency-Key was used for another address. Make a new key for each thing you do."))
    words = _("This Idempotency-Key was used with another value here. Make a new key for each thing you do.")
    # APIException makes an ErrorDetail of each sentence, under the code of the class.
    return KeyReused({path or "non_field_errors": [words] for path in fields[:MOST_NAMED]})
