"""API keys over their life: made, replaced without a gap, ended."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import ApiKey

# How long a replaced key goes on working: a day is enough to bring the new one to every machine of a shop.
GRACE = timedelta(hours=24)


class EndedError(Exception):
    """The key was revoked or has expired, so there is nothing to replace: a new one is made instead."""


def rotate(key: ApiKey) -> tuple[ApiKey, str]:
    """Make a key for the same client with the same name, scopes and length of life, and let the old one end after GRACE.

    The new row and the key itself, which nobody can read afterwards. Raises EndedError.
    """
    with transaction.atomic():
        # Two who press at once replace it once; the second replaces what is then about to end, which is allowed.
        old = ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk)
        if old.has_ended:
            raise EndedError
        now = timezone.now()
        ends = now + (old.expiry_date - old.created) if old.expiry_date else None
        new = ApiKey(user=old.user, name=old.name, scopes=old.scopes, expiry_date=ends)
        secret = ApiKey.objects.assign_key(new)
        new.save()
        old.expiry_date = min(old.expiry_date or now + GRACE, now + GRACE)
        old.save(update_fields=["expiry_date"])
    return new, secret


def revoke(key: ApiKey) -> bool:
    """End it at once and for good; False where it was revoked before."""
    return bool(ApiKey.objects.filter(pk=key.pk, revoked=False).update(revoked=True))
