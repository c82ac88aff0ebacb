"""The catalogues: complete, compiled, and true to the source. `make messages` mends what these find."""

import gettext
import re

import pytest
from babel.messages.catalog import Message
from django.utils import translation

from ordersupport import catalogues

EVERY = [(app, language) for app in catalogues.APPS for language in catalogues.languages()]
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z]|\{\w*\}")
per_catalogue = pytest.mark.parametrize(("app", "language"), EVERY)


def forms(of: object) -> tuple[str, ...]:
    """A text, or each form of one with a plural."""
    return tuple(of) if isinstance(of, list | tuple) else (str(of),)


def placeholders(text: str) -> list[str]:
    """What is filled in: %(name)s, %d, {name}."""
    return sorted(PLACEHOLDER.findall(text.replace("%%", "")))


def fills_in_the_same(message: Message) -> bool:
    """Whether each form of the translation has the placeholders of its text; "one" may say it as a word."""
    many = forms(message.id)[-1]
    return all(placeholders(form) == placeholders(many) for form in forms(message.string))


def read_from(compiled: gettext.NullTranslations, message: Message) -> str:
    """The first form of the message as the compiled catalogue has it."""
    one, many, context = forms(message.id)[0], forms(message.id)[-1], str(message.context or "")
    if len(forms(message.id)) > 1:
        return compiled.npgettext(context, one, many, 1) if context else compiled.ngettext(one, many, 1)
    return compiled.pgettext(context, one) if context else compiled.gettext(one)


@per_catalogue
def test_every_text_of_the_source_is_in_the_catalogue_and_no_other(app: str, language: str) -> None:
    assert set(catalogues.texts_of(catalogues.read(catalogues.path(app, language)))) == set(catalogues.found(app))


@per_catalogue
def test_every_text_is_translated_and_none_is_a_guess(app: str, language: str) -> None:
    texts = catalogues.texts_of(catalogues.read(catalogues.path(app, language)))
    assert [key for key, message in texts.items() if not catalogues.is_translated(message)] == []


@per_catalogue
def test_a_translation_fills_in_what_its_text_fills_in(app: str, language: str) -> None:
    texts = catalogues.texts_of(catalogues.read(catalogues.path(app, language)))
    assert [key for key, message in texts.items() if not fills_in_the_same(message)] == []


@per_catalogue
def test_what_django_reads_is_what_the_catalogue_says(app: str, language: str) -> None:
    file = catalogues.path(app, language)
    with file.with_suffix(".mo").open("rb") as stream:
        compiled = gettext.GNUTranslations(stream)
    texts = catalogues.texts_of(catalogues.read(file))
    assert {key: read_from(compiled, message) for key, message in texts.items()} == {
        key: message.string[0] if isinstance(message.string, tuple) else message.string for key, message in texts.items()
    }


@pytest.mark.parametrize("language", catalogues.languages())
def test_one_text_reads_the_same_in_every_app(language: str) -> None:
    said: dict[tuple[str, str], set[str]] = {}
    for app in catalogues.APPS:
        for key, message in catalogues.texts_of(catalogues.read(catalogues.path(app, language))).items():
            said.setdefault(key, set()).add(str(message.string))
    assert [key for key, translations in said.items() if len(translations) > 1] == []


def test_our_word_stands_before_that_of_a_package() -> None:
    with translation.override("zh-hans"):
        assert translation.gettext("Log out") == "退出登录"
