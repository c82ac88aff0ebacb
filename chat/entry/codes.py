"""The six digits that a new device asks for: mailed to the customer, good for a quarter of an hour and five tries.

The code is made from its row's nonce and SECRET_KEY when the mail is built and when it is checked, and is stored nowhere. A hash of it
would be worth nothing to keep: a million of them are computed in a moment. Three codes an hour and ten a day for one conversation leave
a guesser 50 of a million chances a day, and the customer ten mails that tell of it.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from chat.conversations import RefusedError
from chat.entry import devices
from chat.entry.models import Device, LinkUse, MailedCode
from chat.models import Conversation

SALT = "chat.codes"
MOST_TRIES = 5
MOST_AN_HOUR = 3
MOST_A_DAY = 10


def ask(device: Device) -> MailedCode:
    """Mail the customer a code for this device; earlier ones end. Raises RefusedError `too_many_codes`."""
    now = timezone.now()
    with transaction.atomic():
        # One after the other, so that each counts the others.
        conversation = Conversation.objects.select_for_update(no_key=True).get(pk=device.conversation_id)
        asked = MailedCode.objects.filter(device__conversation=conversation, created_at__gt=now - timedelta(days=1))
        if asked.count() >= MOST_A_DAY or asked.filter(created_at__gt=now - timedelta(hours=1)).count() >= MOST_AN_HOUR:
            raise RefusedError(_("We have mailed several codes already. Please wait an hour, then ask again."), code="too_many_codes")
        device.codes.filter(expires_at__gt=now).update(expires_at=now)
        code = MailedCode.objects.create(device=device)
        LinkUse.objects.create(link_id=device.link_id, device=device, act=LinkUse.Act.CODE_MAILED)
    return code


def check(device: Device, given: str) -> None:
    """Confirm the device by its code. Raises RefusedError: `wrong_code`, or `code_ended` where only a new one helps."""
    now = timezone.now()
    code = open_code(device)
    # The try is counted before anybody compares: many at once get no more tries than one after the other.
    takes = MailedCode.objects.filter(pk=code.pk if code else 0, used_at=None, expires_at__gt=now, tries__lt=MOST_TRIES)
    if code is None or not takes.update(tries=F("tries") + 1):
        raise RefusedError(_("This code has ended. Ask for a new one, and we mail it at once."), code="code_ended", field="code")
    if not constant_time_compare(digits_of(code), "".join(given.split())):
        LinkUse.objects.create(link_id=device.link_id, device=device, act=LinkUse.Act.CODE_WRONG)
        raise RefusedError(_("This is not the code in our newest mail. Please look again."), code="wrong_code", field="code")
    with transaction.atomic():
        if MailedCode.objects.filter(pk=code.pk, used_at=None).update(used_at=now):
            devices.confirm(device)


def open_code(device: Device) -> MailedCode | None:
    """The device's code that still takes a try."""
    return device.codes.filter(used_at=None, expires_at__gt=timezone.now(), tries__lt=MOST_TRIES).order_by("-pk").first()


def digits_of(code: MailedCode) -> str:
    """The six digits; 2^256 is so many times a million that each is as likely as any other."""
    number = int.from_bytes(salted_hmac(SALT, code.nonce, algorithm="sha256").digest(), "big")
    return f"{number % 1_000_000:06d}"
