"""Wrong or half a set of Vonage's settings, found before the first call (`manage.py check` and every start)."""

import re
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register

from chat.backends.vonage_tokens import KeyFileError, load_key, open_mode

SCRIPT_HASH = re.compile(r"sha(256|384|512)-[A-Za-z0-9+/]+={0,2}")
HASH_IT = "It is sha384- and the output of: openssl dgst -sha384 -binary vonageClientSDK.min.js | openssl base64 -A"
VONAGES_OWN_HOSTS = re.compile(r"(.+\.)?(nexmo|vonage)\.com(:\d+)?")


@register("settings")
def vonage(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """All of Vonage or none of it; the original guide's variables are named as the guide names them."""
    found: list[CheckMessage] = []
    needed = {
        "NEXMO_APPLICATION_ID": settings.VONAGE_APPLICATION_ID,
        "NEXMO_APPLICATION_PRIVATE_KEY_PATH": settings.VONAGE_PRIVATE_KEY,
    }
    account = {"NEXMO_API_KEY": settings.VONAGE_API_KEY, "NEXMO_API_SECRET": settings.VONAGE_API_SECRET}
    missing = [name for name, value in needed.items() if not value] if any(needed.values()) or any(account.values()) else []
    if any(account.values()):
        missing += [name for name, value in account.items() if not value]
    if missing:
        found.append(
            Error(
                f"{' and '.join(missing)} not set, but other NEXMO_* variables are.",
                hint="Set it too, or empty all NEXMO_* variables to keep the chat on the embedded side. With the account's key and "
                "secret, `manage.py setup_vonage` makes the application and its key.",
                id="chat.E001",
            )
        )
    if settings.CONVERSATION_ID:
        found.append(Info("CONVERSATION_ID is set and unused: every customer has a conversation of their own.", id="chat.I001"))
    return found


@register("settings")
def vonage_key(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The private key can be read and is one."""
    if not settings.VONAGE_PRIVATE_KEY:
        return []
    try:
        load_key(settings.VONAGE_PRIVATE_KEY)
    except KeyFileError as error:
        hint = "NEXMO_APPLICATION_PRIVATE_KEY_PATH is the path of the private.key that Vonage made for the application, or its text."
        return [Error(f"Vonage's private key can't be used. {error}", hint=hint, id="chat.E002")]
    if mode := open_mode(settings.VONAGE_PRIVATE_KEY):
        path = settings.VONAGE_PRIVATE_KEY
        message = f"Everybody on this machine can read NEXMO_APPLICATION_PRIVATE_KEY_PATH, {path} (mode {mode:04o})."
        return [Warning(message, hint=f"Whoever has it can call and text at your cost: chmod 600 {path}", id="chat.W006")]
    return []


@register("settings")
def vonage_authorities(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """What Vonage's certificate is checked against can be read."""
    named = {name: getattr(settings, name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if getattr(settings, name)}
    if not named or not (settings.VONAGE_APPLICATION_ID or settings.VONAGE_API_KEY):
        return []
    name, path = next(iter(named.items()))
    fault = _why_no_authorities(Path(path))
    if not fault:
        return []
    hint = "Write the path of a PEM file of certificates, or of a folder of them, or empty it. Until then nothing goes to Vonage."
    return [Error(f"{name} names {path!r}, {fault}.", hint=hint, id="chat.E006")]


def _why_no_authorities(path: Path) -> str:
    if path.is_dir():
        return ""
    if not path.exists():
        return "which is not there"
    try:
        ssl.create_default_context(cafile=path)
    except OSError:
        return "which holds no certificate or can't be read"
    return ""


@register("settings")
def vonage_webhooks(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Without a secret every webhook is refused."""
    if not settings.VONAGE_APPLICATION_ID or settings.VONAGE_SIGNATURE_SECRET or settings.WEBHOOK_SECRET:
        return []
    hint = "Set WEBHOOK_SECRET and put it at the end of the webhook's address (/webhooks/rtc/<secret>), or set VONAGE_SIGNATURE_SECRET."
    return [Warning("Vonage's webhooks are refused: nothing could prove that they are Vonage's.", hint=hint, id="chat.W001")]


@register("settings")
def vonage_application(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The application's id is a UUID, and not its name or the account's key."""
    try:
        UUID(settings.VONAGE_APPLICATION_ID or str(UUID(int=0)))
    except ValueError:
        # A stand-in may call its applications as it likes.
        kind = Error if VONAGES_OWN_HOSTS.fullmatch(settings.VONAGE_API_HOST) else Warning
        message = f"NEXMO_APPLICATION_ID is {settings.VONAGE_APPLICATION_ID!r}, which is no application's id."
        hint = "It looks like 78d335fa-323d-0114-9c3d-d6f0d48968cf: Vonage's dashboard, Applications."
        return [kind(message, hint=hint, id="chat.E003")]
    return []


@register("settings")
def client_sdk(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """With the Client SDK: Vonage is there, and its script is the one that was looked at."""
    if settings.CHAT_TRANSPORT != "client-sdk":
        return []
    found: list[CheckMessage] = []
    script, integrity = settings.VONAGE_CLIENT_SDK_URL, settings.VONAGE_CLIENT_SDK_INTEGRITY
    if not settings.VONAGE_APPLICATION_ID:
        message = "CHAT_TRANSPORT is client-sdk, but Vonage is not set up: every chat falls back to our own connection."
        found.append(Warning(message, hint="Set the NEXMO_* variables, or CHAT_TRANSPORT=socket.", id="chat.W002"))
    elif VONAGES_OWN_HOSTS.fullmatch(settings.VONAGE_API_HOST):
        message = (
            "CHAT_TRANSPORT is client-sdk, but Vonage ended In-App Messaging on 2026-04-30: where it refuses, the chat falls back to our "
            "own connection and says so on the page."
        )
        found.append(Warning(message, hint="Set CHAT_TRANSPORT=socket unless Vonage still serves your account.", id="chat.W005"))
    if not script:
        message = "CHAT_TRANSPORT is client-sdk, but VONAGE_CLIENT_SDK_URL is not set: every chat falls back to our own connection."
        found.append(Warning(message, hint=".env.example names an address and its hash.", id="chat.W003"))
    elif not integrity and urlsplit(script).hostname:
        message = "VONAGE_CLIENT_SDK_INTEGRITY is not set: whatever VONAGE_CLIENT_SDK_URL answers runs in your customers' browsers."
        found.append(Warning(message, hint=HASH_IT, id="chat.W004"))
    if integrity and not SCRIPT_HASH.fullmatch(integrity):
        # Browsers take a hash that they can't read for none.
        found.append(Error("VONAGE_CLIENT_SDK_INTEGRITY is no hash that browsers check.", hint=HASH_IT, id="chat.E005"))
    return found
