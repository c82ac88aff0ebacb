"""Every variable of `.env.example`, and what became of it here. That file explains them; a new one there appears here by itself."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from chat import dotenv
from ordersupport.env import Environment

EXAMPLE = settings.BASE_DIR / ".env.example"
SECTION = re.compile(r"# -{3,} (?P<title>.+?) -*")
# The companies' present names, where they differ from the original guide's by more than the first word.
FURTHER_NAMES = {
    "NEXMO_APPLICATION_PRIVATE_KEY_PATH": ("VONAGE_APPLICATION_PRIVATE_KEY_PATH", "VONAGE_PRIVATE_KEY_PATH", "VONAGE_PRIVATE_KEY"),
    "VONAGE_SIGNATURE_SECRET": ("NEXMO_SIGNATURE_SECRET",),
}
SETTINGS = {"SHOP_LANGUAGE": "LANGUAGE_CODE", "NEXMO_APPLICATION_PRIVATE_KEY_PATH": "VONAGE_PRIVATE_KEY"}
SECRET = re.compile(r"_(KEY|SECRET|TOKEN)$")
WITH_PASSWORD = {"DATABASE_URL", "REDIS_URL"}
API_SETTINGS = "Vonage's dashboard, API settings"
WHERE = {
    "NEXMO_APPLICATION_ID": "`manage.py setup_vonage` makes the application; else Vonage's dashboard, Applications",
    "NEXMO_API_KEY": API_SETTINGS,
    "NEXMO_API_SECRET": API_SETTINGS,
    "NEXMO_APPLICATION_PRIVATE_KEY_PATH": "`manage.py setup_vonage` makes it; else Vonage's dashboard, Applications, once and never again",
    "VONAGE_SIGNATURE_SECRET": API_SETTINGS,
    "VONAGE_FROM_NUMBER": "Vonage's dashboard, Numbers: rent one and link it to the application",
    "VONAGE_CLIENT_SDK_URL": "npm's @vonage/client-sdk, dist/vonageClientSDK.min.js, served by you",
    "SENDINBLUE_API_KEY": "Sendinblue, SMTP & API, API keys",
    "SENDINBLUE_FROM_EMAIL": "Sendinblue, Senders: an address that you have verified there",
    "SENDINBLUE_TEMPLATE_ID": "`manage.py setup_sendinblue` makes the template; else Sendinblue, Templates",
    "WEBHOOK_SECRET": "`manage.py setup_vonage` and `manage.py setup_sendinblue` make one",
    "SECRET_KEY": "python -c 'import secrets; print(secrets.token_urlsafe(50))'",
}


@dataclass(frozen=True)
class Variable:
    """One variable: `does` is what the example says of it, `value` what is set here ("" for nothing), `set_as` the name it has here."""

    name: str
    section: str
    does: str
    value: str
    set_as: str

    @property
    def where(self) -> str:
        """Where to get a value; "" where anybody can make one up."""
        return WHERE.get(self.name, "")

    @property
    def default(self) -> str:
        """What holds while it is not set; "" where that is nothing at all."""
        value: Any = getattr(settings, SETTINGS.get(self.name, re.sub("^NEXMO_", "VONAGE_", self.name)), "")
        if self.value or isinstance(value, bool) or SECRET.search(self.name):
            return ""
        return ",".join(value) if isinstance(value, list) else str(value or "")

    def shown(self) -> str:
        """The value for everybody's eyes: of a secret its length, of an address no password."""
        if SECRET.search(self.name) or "-----BEGIN" in self.value:
            return f"{len(self.value)} characters"
        if self.name in WITH_PASSWORD:
            return _without_password(self.value)
        return self.value

    def source(self) -> str:
        """Where the value comes from, when that is worth a word."""
        written = dotenv.read(settings.ENV_FILE).get(self.set_as)
        if written == self.value:
            return "from .env"
        return "from the environment, which wins over .env" if written else "from the environment"


def everything() -> list[Variable]:
    """All of them, in the example's order."""
    environment = Environment(None)
    found = []
    for section, name, does in _explained(EXAMPLE):
        names = names_of(name)
        set_as = next((candidate for candidate in names if environment.text(candidate)), name)
        found.append(Variable(name, section, does, environment.text(set_as), set_as))
    return found


def names_of(name: str) -> list[str]:
    """All names that are understood for it, the first that is set counts."""
    swapped = re.sub("^NEXMO_", "VONAGE_", name) if name.startswith("NEXMO_") else re.sub("^SENDINBLUE_", "BREVO_", name)
    return list(dict.fromkeys([name, *FURTHER_NAMES.get(name, ()), swapped]))


def strangers() -> list[tuple[str, str]]:
    """Names in `.env` that look like ours and are not, each with the one that may be meant ("" where none is near)."""
    known = {name for _section, example, _does in _explained(EXAMPLE) for name in names_of(example)}
    found = []
    for name in dotenv.read(settings.ENV_FILE):
        near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8)
        if name not in known and (near or name.startswith(("NEXMO_", "VONAGE_", "SENDINBLUE_", "BREVO_"))):
            found.append((name, near[0] if near else ""))
    return found


def _explained(example: Path) -> Iterator[tuple[str, str, str]]:
    """(section, name, explanation) of each variable: the comment above explains those that follow it without another."""
    section, comment, is_open = "", "", False
    for line in example.read_text().splitlines():
        if heading := SECTION.fullmatch(line):
            section = heading["title"]
        elif line.startswith("#"):
            words = line.lstrip("# ")
            comment, is_open = (f"{comment} {words}" if is_open else words), True
        else:
            is_open = False
            if "=" in line:
                yield section, line.partition("=")[0], comment


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"…@{host}" if "@" in parts.netloc else host, query="").geturl()
