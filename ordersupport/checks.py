"""What must fit together between the site's own address and the providers (`manage.py check` and every start)."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.http.request import validate_host

from accounts.callers import LOOPBACK


@register("settings")
def public_address(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Mails link to PUBLIC_URL, and webhooks come to it."""
    parts = urlsplit(settings.PUBLIC_URL)
    host = parts.hostname or ""
    return [*_of_this_machine(host), *_of_the_world(host, scheme=parts.scheme)]


def real_providers() -> list[str]:
    """The providers that are configured and are not stand-ins on this machine."""
    found = []
    if settings.VONAGE_APPLICATION_ID and urlsplit(f"//{settings.VONAGE_API_HOST}").hostname not in LOOPBACK:
        found.append("Vonage")
    if settings.SENDINBLUE_API_KEY and urlsplit(settings.SENDINBLUE_API_URL).hostname not in LOOPBACK:
        found.append("Sendinblue")
    return found


def _of_this_machine(host: str) -> Iterator[CheckMessage]:
    providers = real_providers()
    if host in LOOPBACK and providers:
        yield Warning(
            f"PUBLIC_URL is {settings.PUBLIC_URL}, but {' and '.join(providers)} can't reach that, nor can a customer who gets a link.",
            hint="Set PUBLIC_URL to the address that the world has for this site, such as https://shop.example.com.",
            id="ordersupport.W001",
        )


def _of_the_world(host: str, *, scheme: str) -> Iterator[CheckMessage]:
    if host in LOOPBACK:
        return
    if settings.DEMO:
        message = f"DEMO is set although PUBLIC_URL is {settings.PUBLIC_URL}: the demo's passwords are known to everybody."
        yield Error(message, hint="Unset DEMO, or unset PUBLIC_URL to look at the demo on this machine.", id="ordersupport.E001")
    if scheme == "http":
        message = "PUBLIC_URL is not https: links that open a chat, and what is said there, travel readable."
        yield Warning(message, hint="Put a proxy with TLS in front and write https://…", id="ordersupport.W002")
    if not validate_host(host, settings.ALLOWED_HOSTS):
        message = f"ALLOWED_HOSTS does not hold {host}, the host of PUBLIC_URL: each request to it is refused with 400."
        yield Warning(message, hint=f"Write ALLOWED_HOSTS={host} (with commas between several).", id="ordersupport.W003")
    if settings.DEBUG:
        message = "DEBUG is set although PUBLIC_URL is public: strangers would read tracebacks and settings."
        yield Warning(message, hint="Empty DEBUG.", id="ordersupport.W004")
