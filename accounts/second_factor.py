"""The second factor: one-time codes of an authenticator app, and recovery codes for the day on which the phone is gone."""

import base64
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import qrcode
from django.db import transaction
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from qrcode.image.svg import SvgPathImage

from accounts import audit
from accounts.models import AuditEntry, User

RECOVERY_CODES = 10


@dataclass(frozen=True)
class Beginning:
    """What a person needs to set their app up: `picture` (a data: URI), or `key` where no camera is at hand, in groups of four."""

    picture: str
    key: str


def is_set_up(user: User) -> bool:
    """Whether the person has an app that gave a right code once."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def begin(user: User) -> Beginning:
    """The key that the app is to hold: the same until a right code came."""
    device = _unconfirmed(user)
    picture = BytesIO()
    qrcode.make(device.config_url, image_factory=SvgPathImage, border=2).save(picture)
    key = base64.b32encode(device.bin_key).decode()
    return Beginning(
        picture=f"data:image/svg+xml;base64,{base64.b64encode(picture.getvalue()).decode()}",
        key=" ".join(key[place : place + 4] for place in range(0, len(key), 4)),
    )


def set_up(user: User, code: str) -> tuple[Device, list[str]] | None:
    """Take the app whose code this is, and make recovery codes, which are shown this once; None where the code is wrong."""
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update(no_key=True).get(pk=_unconfirmed(user).pk)
        if is_set_up(user) or not device.verify_token(code):
            return None
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        codes = [StaticToken.random_token() for _number in range(RECOVERY_CODES)]
        recovery = StaticDevice.objects.create(user=user, name="recovery codes")
        StaticToken.objects.bulk_create(StaticToken(device=recovery, token=code) for code in codes)
        audit.record(user, AuditEntry.Action.TWO_FACTOR_SET_UP, user)
    return device, codes


def check(user: User, code: str) -> Device | None:
    """The device whose code this is: six digits are the app's, all else a recovery code, which counts once.

    Wrong codes make the next wait, twice as long each time.
    """
    kind: Any = TOTPDevice if code.isdecimal() else StaticDevice
    with transaction.atomic():
        for device in kind.objects.select_for_update(no_key=True).filter(user=user, confirmed=True):
            if device.verify_token(code.lower()):
                return device
    return None


def reset(user: User, *, by: User | None) -> bool:
    """Forget the person's app and codes, so that their next log-in sets up new ones; False where there were none."""
    with transaction.atomic():
        gone = [kind.objects.filter(user=user).delete()[0] for kind in (TOTPDevice, StaticDevice)]
        if any(gone):
            audit.record(by, AuditEntry.Action.TWO_FACTOR_RESET, user)
    return any(gone)


def _unconfirmed(user: User) -> TOTPDevice:
    begun = TOTPDevice.objects.filter(user=user, confirmed=False).order_by("pk").first()
    return begun or TOTPDevice.objects.create(user=user, confirmed=False, name="app")
