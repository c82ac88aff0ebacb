"""What is forgotten by the clock: rows that served their purpose, each kind after its own time. Orders and conversations are never old."""

from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.models import AuditEntry
from chat.entry.models import AccessLink, AddressNotice, LinkRequest, MailedAnswer, MailedCode
from chat.mirrored import WebhookReceipt
from chat.outbox import State
from chat.phones.models import CallReport, Notice, StoredLeg, StoredText
from chat.privacy.models import Deletion
from orders.feed_models import FeedEvent
from orders.mail_models import MailEvent, StoredMail
from orders.webhook_models import WebhookDelivery

LOGINS_KEPT = timedelta(days=1)
BATCH = 1000


def prune(now: datetime | None = None) -> dict[str, int]:
    """Delete what is old; how many rows of each kind. 0 days keep a kind for ever."""
    now = now or timezone.now()
    kinds = {str(rows.model._meta.verbose_name_plural): rows for rows in _old(now)}
    return {name: count for name, rows in kinds.items() if (count := _delete(rows))}


def _old(now: datetime) -> list["QuerySet[Any]"]:
    found: list[QuerySet[Any]] = [
        Session.objects.filter(expire_date__lt=now),
        AccessAttempt.objects.filter(attempt_time__lt=now - LOGINS_KEPT),
    ]
    if settings.KEEP_TRACES_DAYS:
        before = now - timedelta(days=settings.KEEP_TRACES_DAYS)
        found += [MailEvent.objects.filter(received_at__lt=before)]
        found += [model.objects.filter(created_at__lt=before) for model in (StoredMail, StoredText, StoredLeg)]
        # With a link goes what came by it: its devices, codes and mail.
        found += [AccessLink.objects.filter(expires_at__lt=before)]
        kinds = (WebhookReceipt, CallReport, Notice, Deletion, LinkRequest, AddressNotice, MailedCode, WebhookDelivery)
        ended = [*(model.objects.exclude(state=State.WAITING) for model in kinds), _mailed_answers()]
        found += [rows.filter(finished_at__lt=before) for rows in ended]
        # After the deliveries: an event stays while one of it is kept, and until the feed has told it.
        found += [FeedEvent.objects.filter(happened_at__lt=before, sequence__isnull=False, deliveries=None)]
    if settings.KEEP_AUDIT_DAYS:
        found.append(AuditEntry.objects.filter(at__lt=now - timedelta(days=settings.KEEP_AUDIT_DAYS)))
    return found


def _mailed_answers() -> "QuerySet[MailedAnswer]":
    """Those that have ended, but for each conversation's last: up to which event its customer was told by mail, the next mail asks."""
    later = MailedAnswer.objects.filter(conversation=OuterRef("conversation"), sequence__gt=OuterRef("sequence"), state=State.DONE)
    return MailedAnswer.objects.exclude(state=State.WAITING).exclude(~Exists(later), state=State.DONE)


def _delete(rows: "QuerySet[Any]") -> int:
    """Some at a time, so that nobody waits for one long write. What has become young or waiting meanwhile is kept."""
    count = 0
    # The oldest first: in any other order each look would go through everything that is kept.
    while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        rows.filter(pk__in=keys).delete()
        count += len(keys)
    return count
