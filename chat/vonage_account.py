"""Our application at Vonage, made and kept up to date without its dashboard: key pair, webhooks' addresses, and the lines of `.env`.

The key pair is made here and kept before the application is made with its public half, so a run that dies at any point leaves
nothing that the next one does not find again: the application is known by its id, or else by that very key.
"""

import secrets
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.urls import reverse

from chat import dotenv
from chat.account_setup import SetupStep
from chat.backends import vonage_applications, vonage_keys
from chat.backends.vonage_applications import JSON
from chat.outbox import BackendError

INLINE = "-----BEGIN"


@dataclass(frozen=True)
class Ours:
    """What is set here already, in the environment or in `.env`. `key`: a path, or the PEM itself."""

    env_file: Path
    application_id: str
    key: str
    secret: str
    is_secret_new: bool

    @classmethod
    def read(cls, env_file: Path) -> "Ours":
        """Raises TakenError where there is no file that lines could be added to."""
        dotenv.add(env_file, {})
        lines = dotenv.read(env_file)
        known = settings.WEBHOOK_SECRET or lines.get("WEBHOOK_SECRET", "")
        return cls(
            env_file=env_file,
            application_id=settings.VONAGE_APPLICATION_ID or lines.get("NEXMO_APPLICATION_ID", ""),
            key=settings.VONAGE_PRIVATE_KEY or lines.get("NEXMO_APPLICATION_PRIVATE_KEY_PATH", "") or str(_beside(env_file)),
            secret=known or secrets.token_urlsafe(32),
            is_secret_new=not known,
        )

    @property
    def key_file(self) -> Path:
        """Where the private key is, or will be."""
        return Path(self.key).expanduser()

    @property
    def fresh_file(self) -> Path:
        """Where `--new-key` keeps a key until Vonage has its public half."""
        return self.key_file.with_name(f"{self.key_file.name}.new")

    def has_key(self) -> bool:
        """Whether there is a private key already."""
        return INLINE in self.key or self.key_file.exists()

    def is_key_of(self, application: JSON) -> bool:
        """Whether our private key is the application's. Raises KeyFileError."""
        return self.has_key() and vonage_keys.are_same(vonage_keys.public_pem(self.key), vonage_applications.public_key(application))

    def is_fresh_key_of(self, application: JSON) -> bool:
        """Whether a key that an earlier run left behind is the application's. Raises KeyFileError."""
        if INLINE in self.key or not self.fresh_file.exists():
            return False
        return vonage_keys.are_same(vonage_keys.public_pem(str(self.fresh_file)), vonage_applications.public_key(application))


def plan(public_url: str, *, name: str, env_file: Path, wants_new_key: bool) -> list[SetupStep]:
    """What is missing at Vonage and here, in the order in which it is to be done. Changes nothing.

    Raises BackendError, KeyFileError and TakenError. What the application is made from is kept before it is made.
    """
    ours = Ours.read(env_file)
    found = _find(ours, name)
    wanted = capabilities(public_url, ours.secret)
    steps = _key_steps(ours, found, wants_new_key=wants_new_key)
    steps += _line_steps(ours, public_url)
    if found is None:
        sentence = f"Make the application “{name}” at Vonage, with RTC, voice and messages, and its webhooks to {public_url}."
        return [*steps, SetupStep(sentence, partial(_create, ours, {"name": name, "capabilities": wanted}))]
    return [*steps, _application_step(ours, found, wanted, public_url)]


def capabilities(public_url: str, secret: str) -> JSON:
    """What our application can do, and where Vonage tells us of it. Calls and texts come signed, RTC events do not, and any may now
    and then come unsigned (https://developer.vonage.com/en/getting-started/concepts/webhooks): so each address ends in the secret.
    """

    def hook(name: str, method: str = "POST") -> JSON:
        return {"address": f"{public_url}{reverse(name)}/{quote(secret, safe='')}", "http_method": method}

    texts = {"inbound_url": hook("sms-webhook"), "status_url": hook("sms-webhook")}
    calls = {"answer_url": hook("voice-answer", "GET"), "event_url": hook("voice-event")}
    return {
        "rtc": {"webhooks": {"event_url": hook("rtc-webhook")}, "signed_callbacks": True},
        "voice": {"webhooks": calls, "signed_callbacks": True},
        "messages": {"webhooks": texts, "version": "v1"},
    }


def _find(ours: Ours, name: str) -> JSON | None:
    """Our application: by its id, else by our key, else by its name."""
    if ours.application_id:
        found = vonage_applications.find(ours.application_id)
        if found is None:
            sentence = f"The account has no application {ours.application_id}. Correct NEXMO_APPLICATION_ID, or empty it to have one made."
            raise BackendError(sentence, code="no_application", permanent=True)
        return found
    listed = list(vonage_applications.everything())
    by_key = [item for item in listed if ours.is_key_of(item) or ours.is_fresh_key_of(item)]
    by_name = [item for item in listed if item.get("name") == name]
    if not by_key and len(by_name) > 1:
        ids = ", ".join(str(item.get("id")) for item in by_name)
        sentence = f"The account has several applications called “{name}” ({ids}). Write the right one's id to NEXMO_APPLICATION_ID."
        raise BackendError(sentence, code="several_applications", permanent=True)
    return next(iter(by_key or by_name), None)


def _key_steps(ours: Ours, found: JSON | None, *, wants_new_key: bool) -> list[SetupStep]:
    """What must be done for a private key here whose public half is the application's."""
    if found is not None and not ours.is_key_of(found) and ours.is_fresh_key_of(found):
        sentence = f"Put the new private key in place, which a run with --new-key left in {ours.fresh_file}."
        return [SetupStep(sentence, partial(vonage_keys.put_in_place, ours.fresh_file, ours.key_file))]
    if found is not None and wants_new_key:
        return _new_key_steps(ours, found)
    if found is not None and not ours.is_key_of(found):
        raise BackendError(_key_is_lost(ours, found), code="other_key", permanent=True)
    if ours.has_key():
        return [SetupStep(f"The private key is {_named(ours)}.")]
    sentence = f"Make a key pair; the private key is {ours.key_file}, readable by you alone."
    return [SetupStep(sentence, partial(vonage_keys.make, ours.key_file))]


def _new_key_steps(ours: Ours, found: JSON) -> list[SetupStep]:
    if INLINE in ours.key:
        sentence = "NEXMO_APPLICATION_PRIVATE_KEY_PATH holds the key itself, where no other can be put. Write a path there first."
        raise BackendError(sentence, code="inline_key", permanent=True)
    made = SetupStep(f"Make a new key pair in {ours.fresh_file}.", partial(vonage_keys.make, ours.fresh_file))
    steps = [] if ours.fresh_file.exists() else [made]
    sentence = f"Give its public half to the application “{found.get('name')}” ({found['id']}): the old key ends at once."
    steps.append(SetupStep(sentence, lambda: _give_key(found, vonage_keys.public_pem(str(ours.fresh_file)))))
    kept = "; the old one stays beside it" if ours.key_file.exists() else ""
    sentence = f"Put the new private key in place as {ours.key_file}{kept}."
    return [*steps, SetupStep(sentence, partial(vonage_keys.put_in_place, ours.fresh_file, ours.key_file))]


def _line_steps(ours: Ours, public_url: str) -> list[SetupStep]:
    """The lines of `.env` that can be written before there is an application."""
    lines = dotenv.read(ours.env_file)
    missing: dict[str, str] = {}
    if ours.is_secret_new:
        missing["WEBHOOK_SECRET"] = ours.secret
    if not settings.PUBLIC_URL_IS_SET and not lines.get("PUBLIC_URL"):
        missing["PUBLIC_URL"] = public_url
    if not settings.VONAGE_PRIVATE_KEY and not lines.get("NEXMO_APPLICATION_PRIVATE_KEY_PATH"):
        missing["NEXMO_APPLICATION_PRIVATE_KEY_PATH"] = ours.key
    links = lines.get("PUBLIC_URL") or (settings.PUBLIC_URL if settings.PUBLIC_URL_IS_SET else public_url)
    steps = [SetupStep(f"PUBLIC_URL stays {links}: mails link there, and not to {public_url}.")] if links.rstrip("/") != public_url else []
    if missing:
        steps.append(SetupStep(f"Write {_listed(missing)} to {ours.env_file}.", lambda: dotenv.add(ours.env_file, missing)))
    return steps


def _application_step(ours: Ours, found: JSON, wanted: JSON, public_url: str) -> SetupStep:
    """Point the webhooks of an application to us, and note its id."""
    merged = _merged(found.get("capabilities") or {}, wanted)
    title = f"application “{found.get('name')}” ({found['id']})"
    noted = {} if ours.application_id else {"NEXMO_APPLICATION_ID": str(found["id"])}
    if merged != found.get("capabilities"):
        sentence = f"Point the webhooks of the {title} to {public_url}."
        return SetupStep(sentence, partial(_update, ours, found, merged, noted))
    if noted:
        return SetupStep(f"Write NEXMO_APPLICATION_ID to {ours.env_file}: the {title}.", lambda: dotenv.add(ours.env_file, noted))
    return SetupStep(f"The {title} has its webhooks at {public_url}.")


def _create(ours: Ours, fields: JSON) -> None:
    public_key = vonage_keys.public_pem(ours.key)
    made = vonage_applications.create(fields | {"keys": {"public_key": public_key}})
    if not isinstance(made.get("id"), str):
        raise BackendError("Vonage did not say the new application's id.", code="no_id", unknown=True)
    dotenv.add(ours.env_file, {"NEXMO_APPLICATION_ID": made["id"]})
    if not vonage_keys.are_same(public_key, vonage_applications.public_key(made)):
        sentence = f"Vonage made the application {made['id']} with another key than ours. Run this again with --new-key."
        raise BackendError(sentence, code="other_key", permanent=True)


def _update(ours: Ours, found: JSON, merged: JSON, noted: dict[str, str]) -> None:
    # Read anew: a step before this one may have changed its key.
    current = vonage_applications.find(str(found["id"])) or found
    vonage_applications.update(str(found["id"]), _fields(current) | {"capabilities": merged})
    dotenv.add(ours.env_file, noted)


def _give_key(found: JSON, public_key: str) -> None:
    made = vonage_applications.update(str(found["id"]), _fields(found) | {"keys": {"public_key": public_key}})
    if not vonage_keys.are_same(public_key, vonage_applications.public_key(made)):
        raise BackendError("Vonage kept the application's old key. Replace it in the dashboard.", code="other_key", permanent=True)


def _fields(application: JSON) -> JSON:
    """All that an update must bring along, because it replaces everything."""
    return {name: application[name] for name in ("name", "capabilities", "privacy", "keys") if application.get(name)}


def _merged(present: Any, wanted: JSON) -> JSON:
    """`wanted` over what is there: an operator's own timeouts, region and further capabilities stay."""
    base: JSON = dict(present) if isinstance(present, dict) else {}
    for name, value in wanted.items():
        base[name] = _merged(base.get(name), value) if isinstance(value, dict) else value
    return base


def _key_is_lost(ours: Ours, found: JSON) -> str:
    here = f"the key in {_named(ours)} is another one" if ours.has_key() else f"there is none in {ours.key_file}"
    return (
        f"The application “{found.get('name')}” ({found['id']}) has a private key that is not here: {here}. Vonage never shows a private "
        f"key again. Put the right file there; or run this with --new-key, which gives the application a new one and ends the old; or, "
        f"if that application is somebody else's, choose another --name."
    )


def _named(ours: Ours) -> str:
    return "NEXMO_APPLICATION_PRIVATE_KEY_PATH" if INLINE in ours.key else str(ours.key_file)


def _listed(names: JSON) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _beside(env_file: Path) -> Path:
    return env_file.resolve().parent / "private.key"
