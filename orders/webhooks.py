"""What Sendinblue tells of our mails: `POST /webhooks/sendinblue`.

It does not sign its webhooks, so each must carry WEBHOOK_SECRET: as bearer token (`manage.py setup_sendinblue` registers it so), as
`X-Webhook-Secret`, as the password in the webhook's URL, or as the last part of its path. https://developers.brevo.com/docs/secured-webhooks
"""

import base64
import binascii
import json
import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import Error as DatabaseError
from django.http import HttpRequest, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from chat import outages
from chat.webhooks import is_the_secret
from orders import deliveries

logger = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def sendinblue(request: HttpRequest, secret: str = "") -> JsonResponse:
    """Take one event, or a list of them. Answers 200 to every event, whether we know what it is about or not."""
    if not _is_from_sendinblue(request, secret):
        return _refuse(403, "This address takes events of our mail provider only, with the secret that it was given.")
    try:
        payload = json.loads(request.body)
    except RequestDataTooBig:
        return _refuse(413, f"At most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes are taken.")
    except (ValueError, RecursionError, UnreadablePostError):
        return _refuse(400, "The body is no JSON.")
    told = [event for event in map(deliveries.read, payload if isinstance(payload, list) else [payload]) if event]
    if payload != [] and not told:
        return _refuse(400, "The body holds no event: each is an object that names its `event`.")
    try:
        deliveries.record(told)
    except DatabaseError as error:
        # Sendinblue discards an event for good on any 5xx, and tries again on 429: https://developers.brevo.com/docs/retry-mechanism
        logger.warning("%d mail events could not be stored (%s); we ask for them again", len(told), outages.reason(error))
        return _refuse(429, "They can't be stored now. Send them again later.")
    return JsonResponse({"taken": len(told)})


def _is_from_sendinblue(request: HttpRequest, secret: str) -> bool:
    """Whether the shared secret came along. Without one nobody is let in."""
    scheme, _space, credentials = request.headers.get("Authorization", "").partition(" ")
    given = [secret, request.headers.get("X-Webhook-Secret", "")]
    if scheme.lower() == "bearer":
        given.append(credentials.strip())
    if scheme.lower() == "basic":
        given.append(_password(credentials))
    return any(is_the_secret(one) for one in given)


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _refuse(status: int, detail: str) -> JsonResponse:
    problem: dict[str, Any] = {"type": "about:blank", "status": status, "detail": detail}
    return JsonResponse(problem, status=status, content_type="application/problem+json")
