"""The catalogues of translated texts: gathered from code and templates, and compiled, with Babel; no gettext tools are needed.

Each app keeps its own texts in `<app>/locale/<locale>/LC_MESSAGES/django.po`, with `django.mo` beside it, which is what Django reads.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation import templatize, to_locale

from chat.sentences import CONTEXT

APPS = ("accounts", "chat", "orders", "ordersupport")
# What a name of Django's takes: (message), (one, many), or a context ("c") first.
FUNCTIONS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
# Sentences that are stored in English and worded at display (chat/sentences.py).
STORED: dict[str, tuple[int | tuple[int, str], ...] | None] = dict.fromkeys(("said", "BackendError", "TooEarlyError", "cancel"))
Texts = dict[tuple[str, str], Message]


class AppCatalogue(Catalog):
    """A catalogue whose head says what readers need and nothing that changes by itself, such as a date."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """The lines of the head."""
        return [
            ("Language", str(self.locale)),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
            ("Plural-Forms", self.plural_forms),
        ]


def languages() -> list[str]:
    """The languages beside the one that the source is written in."""
    return [code for code, _name in settings.LANGUAGES if code != "en"]


def path(app: str, language: str) -> Path:
    """The app's .po file for that language."""
    return Path(settings.BASE_DIR) / app / "locale" / to_locale(language) / "LC_MESSAGES" / "django.po"


def refresh(app: str, language: str) -> list[str]:
    """Bring the app's .po and .mo in line with its texts; the texts that still lack a translation.

    A text that is gone from the source goes from the catalogue too (git keeps it); nothing is guessed from similar texts.
    """
    file = path(app, language)
    old = texts_of(read(file)) if file.exists() else {}
    catalogue = AppCatalogue(locale=to_locale(language), header_comment=f"# Texts of {app}. Refreshed by: manage.py messages", fuzzy=False)
    missing = []
    for key, message in found(app).items():
        string = old[key].string if key in old else ""
        catalogue.add(message.id, string, locations=message.locations, auto_comments=message.auto_comments, context=message.context)
        if not is_translated(catalogue.get(key[0], message.context)):
            missing.append(key[0])
    file.parent.mkdir(parents=True, exist_ok=True)
    written, compiled = BytesIO(), BytesIO()
    write_po(written, catalogue, width=130, include_lineno=False)
    write_mo(compiled, catalogue)
    file.write_bytes(written.getvalue())
    file.with_suffix(".mo").write_bytes(compiled.getvalue())
    return missing


def read(file: Path) -> Catalog:
    """A .po file."""
    with file.open("rb") as stream:
        return read_po(stream, abort_invalid=True)


def texts_of(catalogue: Catalog) -> Texts:
    """Its messages by (text, context); a text with a plural goes by its singular."""
    return {(_singular(message), str(message.context or "")): message for message in catalogue if message.id}


def is_translated(message: Message | None) -> bool:
    """Whether every form of it is there and nobody has to look at it again."""
    if message is None or message.fuzzy:
        return False
    return all(_forms(message))


def found(app: str) -> Texts:
    """The texts of an app's code and templates, in the order of files and lines."""
    catalogue = AppCatalogue()
    root = Path(settings.BASE_DIR)
    for file in _files(app):
        source = file.read_bytes()
        if file.suffix != ".py":
            # In brackets, because what Django makes of a template has any indentation.
            source = b"(" + templatize(source.decode(), origin=str(file)).encode() + b"\n)"
        place = file.relative_to(root).as_posix()
        for line, text, comments, context in extract("python", BytesIO(source), FUNCTIONS, comment_tags=("Translators:",)):
            catalogue.add(text, locations=[(place, line)], auto_comments=comments, context=context)
        for line, text, comments, _none in extract("python", BytesIO(source), STORED):
            catalogue.add(text, locations=[(place, line)], auto_comments=comments, context=CONTEXT)
    return texts_of(catalogue)


def _files(app: str) -> Iterator[Path]:
    root = Path(settings.BASE_DIR)
    yield from sorted(file for file in (root / app).rglob("*.py") if "migrations" not in file.parts)
    yield from sorted(file for file in (root / "templates").rglob("*.*") if _owner(file.relative_to(root / "templates")) == app)


def _owner(template: Path) -> str:
    """Whose texts a template's are: that app's whose folder it is in; the admin's are about orders, the rest belongs to the whole."""
    folder = template.parts[0]
    return folder if folder in APPS else "orders" if folder == "admin" else "ordersupport"


def _singular(message: Message) -> str:
    return message.id[0] if isinstance(message.id, list | tuple) else str(message.id)


def _forms(message: Message) -> tuple[str, ...]:
    return tuple(message.string) if isinstance(message.string, list | tuple) else (str(message.string),)
