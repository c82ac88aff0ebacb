"""What carries conversations beside our own tables, chosen by the settings."""

from django.conf import settings

from chat.backends.base import Mirror
from chat.backends.embedded import NoMirror
from chat.backends.vonage import VonageMirror

_none, _vonage = NoMirror(), VonageMirror()


def mirror() -> Mirror:
    """Who keeps a copy of the conversations: Vonage where its application id and key are set, else nobody."""
    return _vonage if settings.VONAGE_APPLICATION_ID and settings.VONAGE_PRIVATE_KEY else _none
