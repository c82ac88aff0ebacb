"""Vonage's webhooks: who sent it, is it whole, store it, answer. What it means is the worker's business (`chat/incoming.py`).

Events of conversations are here, calls and texts in `chat/phones/webhooks.py`.
"""

import json
import logging
import math
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt

from accounts.storable import storable
from chat import incoming
from chat.backends import vonage_signatures
from chat.backends.vonage_signatures import SignatureError

logger = logging.getLogger(__name__)

# A custom event's body has 4096 bytes, a message a few thousand characters; nothing of Vonage's comes near this.
MOST_BYTES = 128 * 1024
HandOn = Callable[[HttpRequest, str], HttpResponse]


class NotGenuineError(Exception):
    """Nothing proves that the provider sent this. `status`: 401 where a proof is wrong or missing, 403 where there can be none."""

    def __init__(self, reason: str, *, status: int) -> None:
        super().__init__(reason)
        self.status = status


def addresses(route: str, view: Callable[..., HttpResponseBase], name: str) -> list[URLPattern]:
    """Of one webhook, which takes `secret`: also with the secret as last part, and each with a slash behind it.

    People type them into dashboards, and a provider follows no redirect with its POST.
    """
    return [path(route, view, name=name), path(f"{route}/", view), path(f"{route}/<path:secret>", view)]


@csrf_exempt
def rtc(request: HttpRequest, secret: str = "") -> HttpResponse:
    """An event of a conversation. 200 also for what we don't know or have already, so that Vonage does not send it again."""
    return take(request, secret, _take_event)


def take(request: HttpRequest, secret: str, hand_on: HandOn, *, methods: tuple[str, ...] = ("POST",)) -> HttpResponse:
    """Check what every webhook must pass, hand the request and its signature's `jti` on, and answer as Vonage understands it."""
    if request.method not in methods:
        return _refused(f"This webhook takes {' and '.join(methods)}.", status=405, Allow=", ".join(methods))
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
            return _refused("This is too long for a webhook.", status=413)
        return hand_on(request, check_sender(request, secret=secret))
    except NotGenuineError as error:
        return _refused(str(error), status=error.status)
    except incoming.ReplayedError:
        return _refused("This signature was used before.", status=401)
    except ValueError:
        return _refused("The body is no JSON object.", status=400)
    except DatabaseError:
        # 5xx makes Vonage send it again.
        return _refused("It can't be stored now.", status=503)


def _take_event(request: HttpRequest, jti: str) -> HttpResponse:
    incoming.receive(read_object(request.body), jti=jti)
    return HttpResponse()


def check_sender(request: HttpRequest, *, secret: str = "") -> str:
    """Raise NotGenuineError unless Vonage signed the request, or, unsigned, it knows WEBHOOK_SECRET (path or X-Webhook-Secret).

    The signature's `jti` ("" where there is none), which may be used once. A wrong signature is never made good by a right secret.
    """
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and settings.VONAGE_SIGNATURE_SECRET:
        try:
            return vonage_signatures.check(token.strip(), request.body, secret=settings.VONAGE_SIGNATURE_SECRET)
        except SignatureError as error:
            raise NotGenuineError(f"The signature is not good. {error}", status=401) from None
    if scheme.lower() == "bearer" and not secret:
        logger.warning("VONAGE_SIGNATURE_SECRET is not set, so a signed webhook can't be checked")
    given = secret or request.headers.get("X-Webhook-Secret", "")
    if not given:
        raise NotGenuineError("It is neither signed nor does it bring the secret.", status=401)
    if not is_the_secret(given):
        raise NotGenuineError("The secret is not the one that is set.", status=403)
    return ""


def is_the_secret(given: str) -> bool:
    """Whether that is WEBHOOK_SECRET, or it as the end of an address with a slash behind. Without one that is set, nothing is."""
    wanted = settings.WEBHOOK_SECRET
    return bool(wanted) and any(constant_time_compare(given, one) for one in (wanted, f"{wanted}/"))


def read_object(body: bytes) -> dict[str, Any]:
    """The body's JSON object, made storable on every engine: no NUL, no half characters. Raises ValueError."""
    try:
        document = _storable(json.loads(body))
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return document


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value, nul="\ufffd")
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("no number")
    return value


def _refused(reason: str, *, status: int, **headers: str) -> JsonResponse:
    logger.warning("a webhook was refused with %d: %s", status, reason)
    response = JsonResponse({"detail": reason}, status=status, headers=headers)
    # Django would log the path of a 4xx, and the path may hold the secret.
    response._has_been_logged = True  # type: ignore[attr-defined]  # read by django.utils.log.log_response
    return response
