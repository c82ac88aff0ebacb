"""Web addresses in what people write, as links: for the page without scripts. chat/static/chat/dom.js finds the same ones.

An address ends before what separates words, draws nothing or turns the line round, before quotes, brackets, and Chinese, Japanese or Korean
text; round brackets in it come in pairs; and it has no punctuation at its end.
"""

import re
from urllib.parse import urlsplit

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

NEVER = r"\x00-\x20\x7f-\xa0\u061c\u1680\u2000-\u200f\u2018-\u206f\u2e80-\u9fff\uac00-\ud7af\uf900-\uffef<>\"'\x60()\[\]"
ADDRESS = re.compile(rf"https?://(?:[^{NEVER}]|\([^{NEVER}]*\))*(?:[^{NEVER}.,;:!?*_~]|\([^{NEVER}]*\))", re.IGNORECASE)
USER_NAME = re.compile(r"https?://[^/?#]*@", re.IGNORECASE)
HOST = re.compile(r"[a-z0-9._-]+")


def linked(text: str) -> SafeString:
    """`text` as HTML, with its http(s) addresses as links."""
    parts: list[str] = []
    done = 0
    for found in ADDRESS.finditer(text):
        link = _link_to(found[0])
        if link:
            parts += [text[done : found.start()], link]
            done = found.end()
    # Escapes the text and leaves the links, which are HTML already.
    return format_html_join("", "{}", ((part,) for part in [*parts, text[done:]]))


def _link_to(address: str) -> SafeString | None:
    """None for what is no address, and for one with a user name ("https://bank.example@evil.example"), which only misleads."""
    host = None if USER_NAME.match(address) else _asked_for(address)
    if not host:
        return None
    # Letters of other scripts look like ours; this is what the browser asks for.
    title = format_html(' title="{}"', host) if "xn--" in host else ""
    return format_html('<a href="{}"{} target="_blank" rel="noopener noreferrer nofollow">{}</a>', address, title, address)


def _asked_for(address: str) -> str:
    """The host in the letters of a domain name, with its port where that is named; "" where there is none."""
    try:
        parts = urlsplit(address)
        name, port = parts.hostname or "", parts.port
        host = name.encode("idna").decode().lower()
    except ValueError:
        return ""
    return host + (f":{port}" if port else "") if HOST.fullmatch(host) else ""
