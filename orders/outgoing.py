"""Outgoing webhooks: each event that an endpoint wants is posted to it, signed, until it is taken.

The form is that of https://www.standardwebhooks.com: `webhook-id` (the same at every attempt), `webhook-timestamp` (of the attempt) and
`webhook-signature`, an HMAC-SHA256 over "<id>.<timestamp>.<body>". The body is the event as the feed shows it, with its number, so that
feed and webhooks together tell everything once.
"""

import base64
import hmac
import json
import time
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from chat import backoff, outbox, stops
from chat.outbox import BackendError, Call, State, Work
from chat.sentences import said
from orders import feed
from orders.backends import endpoints
from orders.webhook_models import WebhookDelivery, WebhookEndpoint, circuit_of

# An endpoint that took nothing for so long is switched off.
PATIENCE = timedelta(hours=24)
# What our own side says; the endpoint has not failed by it.
NOT_THEIR_FAULT = {"circuit_open", "paced", "internal", stops.CODE}


@outbox.works_on(WebhookDelivery)
def run(delivery: WebhookDelivery) -> Work:
    """Post one event to one endpoint."""
    endpoint = delivery.endpoint
    if not endpoint.is_active:
        delivery.cancel("The webhook is switched off. The feed has the event.")
        return
    body = json.dumps(feed.shape(delivery.event), ensure_ascii=False).encode()
    headers = signed(endpoint, str(delivery.public_id), body, at=int(time.time()))
    try:
        status = yield Call(partial(endpoints.post, endpoint.url, body, headers, name=circuit_of(endpoint.public_id)), provider="webhook")
    except BackendError as refused:
        if refused.code not in NOT_THEIR_FAULT:
            _failed(endpoint, refused)
        if refused.code not in backoff.HELD_BACK:
            # The answer and the error that the row shows are of the same attempt.
            delivery.stamp(status_code=refused.status if isinstance(refused, endpoints.NotTakenError) else None)
        raise
    if endpoint.failing_since:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failing_since=None)
    delivery.finish(status_code=status)


def signed(endpoint: WebhookEndpoint, delivery_id: str, body: bytes, *, at: int) -> dict[str, str]:
    """The headers of one attempt; `at` is a Unix time. After a replaced secret there are two signatures, of which one fits."""
    content = f"{delivery_id}.{at}.".encode() + body
    marks = [base64.b64encode(hmac.digest(secret, content, "sha256")).decode() for secret in endpoint.signing_secrets()]
    return {
        "Content-Type": "application/json",
        "User-Agent": "order-support-webhooks/1",
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }


def shown_secret(endpoint: WebhookEndpoint) -> str:
    """The secret as a receiver's library takes it."""
    return f"whsec_{base64.b64encode(endpoint.secret()).decode()}"


def replace_secret(endpoint: WebhookEndpoint) -> str:
    """A new secret; the old one goes on signing beside it for a day."""
    with transaction.atomic():
        locked = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
        locked.secret_version += 1
        locked.secret_changed_at = timezone.now()
        locked.save(update_fields=["secret_version", "secret_changed_at"])
    return shown_secret(locked)


def switch_on(endpoint: WebhookEndpoint) -> None:
    """From now on it is told again; what it missed is in the feed, and each delivery can be sent again."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(is_active=True, off_reason="", failing_since=None)


def _failed(endpoint: WebhookEndpoint, refused: BackendError) -> None:
    """Note since when it fails; switch it off where it said so itself, or failed for longer than PATIENCE."""
    now = timezone.now()
    same = WebhookEndpoint.objects.filter(pk=endpoint.pk)
    same.filter(failing_since=None).update(failing_since=now)
    since = same.values_list("failing_since", flat=True).first() or now
    if refused.code in {"http_410", "address_refused"} or now - since > PATIENCE:
        reason = said("Took nothing since %(since)s UTC. %(error)s", since=f"{since:%Y-%m-%d %H:%M}", error=refused)
        same.filter(is_active=True).update(is_active=False, off_reason=reason)
        waiting = WebhookDelivery.objects.filter(endpoint=endpoint, state=State.WAITING, lease_token=None)
        waiting.update(state=State.CANCELLED, finished_at=now, last_error=said("The webhook was switched off. The feed has the event."))
