"""What carries conversations, texts and calls beside our own tables, chosen by the settings."""

from django.conf import settings

from chat.backends.base import Mirror
from chat.backends.embedded import NoMirror
from chat.backends.phones import Phones
from chat.backends.phones_embedded import EmbeddedPhones
from chat.backends.phones_vonage import VonagePhones
from chat.backends.vonage import VonageMirror

_none, _vonage = NoMirror(), VonageMirror()
_no_phones, _embedded_phones, _vonage_phones = Phones(), EmbeddedPhones(), VonagePhones()


def mirror() -> Mirror:
    """Who keeps a copy of the conversations: Vonage where its application id and key are set, else nobody."""
    return _vonage if settings.VONAGE_APPLICATION_ID and settings.VONAGE_PRIVATE_KEY else _none


def phones() -> Phones:
    """Who reaches phones: Vonage where it is set; the demo's own phones in the demo; else nobody, as nobody would see them ring."""
    if settings.VONAGE_APPLICATION_ID and settings.VONAGE_PRIVATE_KEY:
        return _vonage_phones
    return _embedded_phones if settings.DEMO else _no_phones
