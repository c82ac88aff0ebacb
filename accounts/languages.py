"""Whose language and clock a page, a mail or an answer uses.

A person's own choice wins, wherever they are known: by log-in, or by their link. A stranger's choice is kept in a cookie, and without one
the browser's wish counts. The API is asked by programs and by the pages' scripts, which name the language in each request.
"""

import zoneinfo
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

from accounts.models import User

PLACES = ("Africa/", "America/", "Antarctica/", "Arctic/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


@contextmanager
def as_read_by(person: User) -> Iterator[None]:
    """Texts, dates and times as this person reads them."""
    with translation.override(person.language), timezone.override(zone_of(person)):
        yield


@contextmanager
def as_expected_by(person: User, request: HttpRequest) -> Iterator[None]:
    """For a browser that may be this person's and is not known as such yet: in their language, unless that browser chose another one."""
    if settings.LANGUAGE_COOKIE_NAME in request.COOKIES:
        yield
    else:
        with as_read_by(person):
            yield


def zone_of(person: User) -> zoneinfo.ZoneInfo:
    """The person's time zone, the shop's while theirs is not known; a name that this machine does not know reads as UTC."""
    try:
        return zoneinfo.ZoneInfo(person.time_zone or settings.TIME_ZONE)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


def choose(person: User, wishes: Mapping[str, str]) -> None:
    """Keep what the person chose: `language` and `time_zone`, where they are named and known to us; all else stays as it is."""
    changed = []
    if wishes.get("language") in dict(settings.LANGUAGES):
        person.language = wishes["language"]
        changed.append("language")
    if wishes.get("time_zone") in zoneinfo.available_timezones():
        person.time_zone = wishes["time_zone"]
        changed.append("time_zone")
    if changed:
        person.save(update_fields=changed)


def zones() -> list[str]:
    """What one can choose from: the zones that are named for places, and UTC."""
    return sorted(name for name in zoneinfo.available_timezones() if name == "UTC" or name.startswith(PLACES))


def asked_for(accept_language: str) -> str:
    """The first language of an Accept-Language header that we speak; the shop's where there is none."""
    for wish, _weight in parse_accept_lang_header(accept_language):
        try:
            return get_supported_language_variant(wish)
        except LookupError:
            continue
    return str(settings.LANGUAGE_CODE)
