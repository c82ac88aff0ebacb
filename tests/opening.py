"""How a customer comes in: they open the mail's link and press its button."""

import re
from typing import Any
from urllib.parse import parse_qs

from django.test import Client

from chat import links
from chat.models import Conversation

Answer = Any


def link_to(conversation: Conversation, number: int = 1001) -> str:
    """A fresh link beside that order, from the path on."""
    return links.url_for(links.issue(conversation, number)).removeprefix("http://localhost:3000")


def press(browser: Client, link: str) -> Answer:
    """Open the link and press its button: what the button's POST answers."""
    page = browser.get(link)
    path, _question_mark, query = link.partition("?")
    form = {"key": parse_qs(query).get("key", [""])[0], "csrfmiddlewaretoken": token_in(page.content.decode())}
    return browser.post(path, form)


def come_in(browser: Client, link: str) -> Answer:
    """Open the link, press its button, and see the page that follows."""
    return browser.get(press(browser, link)["Location"])


def enter(browser: Client, conversation: Conversation, number: int = 1001) -> Answer:
    """The same by a fresh link."""
    return come_in(browser, link_to(conversation, number))


def token_in(page: str) -> str:
    """The CSRF token of a page's form; empty where it has none."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    return found[1] if found else ""
