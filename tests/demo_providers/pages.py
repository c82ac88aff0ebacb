"""What the twins hold, for a person with a browser: mails as their readers see them, conversations, requests.

(The twins' own control interface speaks JSON over TLS with an authority that no browser trusts.)
"""

import html
import json
import threading
from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.twins import Twins

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:left;vertical-align:top}code{white-space:pre-wrap}"
)
# A mail's own page runs no scripts, and its links open as from a mail program.
SANDBOX = "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; script-src 'none'"
NEWEST = 200


class Pages:
    """Serves them on a free port of this machine until it is left."""

    def __init__(self, twins: Twins) -> None:
        handler = type("Handler", (_Handler,), {"twins": twins})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="pages", daemon=True)

    @property
    def url(self) -> str:
        return f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    twins: Twins

    def do_GET(self) -> None:
        name, _slash, number = self.path.strip("/").partition("/")
        pages = {"": self._mails, "mails": self._mails, "conversations": self._conversations, "requests": self._requests}
        mail = self._mail(number) if name == "mails" and number else None
        if mail is not None:
            self._answer(mail, {"Content-Security-Policy": SANDBOX})
        elif name in pages and not number:
            self._answer(pages[name]())
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _answer(self, page: str, headers: dict[str, str] | None = None) -> None:
        body = page.encode()
        self.send_response(HTTPStatus.OK)
        for header, value in {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """The terminal is the demo's."""

    def _mail(self, number: str) -> str | None:
        mails = [mail for mail in self.twins.brevo.mails if str(mail.number) == number]
        return mails[0].html or f"<pre>{html.escape(mails[0].text)}</pre>" if mails else None

    def _mails(self) -> str:
        rows = [
            [
                _time(mail.at),
                ", ".join(mail.to),
                f'<a href="/mails/{mail.number}" target="_blank">{html.escape(mail.subject)}</a>',
                str(mail.template_id or "our own text"),
                _code(mail.params),
                ", ".join(event["event"] for event in mail.events),
            ]
            for mail in reversed(self.twins.brevo.mails)
        ]
        heads = ["time", "to", "subject", "template", "params", "what became of it"]
        return _page("Mails at the twin of Sendinblue", heads, rows, raw={2, 4})

    def _conversations(self) -> str:
        rows = [
            [event["timestamp"], event["conversation_id"], str(event["id"]), event["type"], event.get("from", ""), _code(event["body"])]
            for event in self.twins.vonage.events()
        ]
        rows.sort(reverse=True)
        return _page("Conversations at the twin of Vonage", ["time", "conversation", "id", "type", "from", "body"], rows[:NEWEST], raw={5})

    def _requests(self) -> str:
        entries = [*self.twins.vonage.log.entries(), *self.twins.brevo.log.entries()]
        rows = [
            [_time(entry.at), entry.operation, f"{entry.method} {entry.path}", str(entry.status), f"{entry.milliseconds:.0f} ms"]
            for entry in sorted(entries, key=lambda entry: -entry.at)[:NEWEST]
        ]
        return _page("Requests to both twins", ["time", "operation", "request", "answer", "took"], rows)


def _page(title: str, heads: Iterable[str], rows: Iterable[list[str]], *, raw: set[int] | None = None) -> str:
    """A table that looks again every few seconds. Cells are escaped but for the columns `raw`."""
    links = " · ".join(f'<a href="/{name}">{name}</a>' for name in ("mails", "conversations", "requests"))
    cells = "".join(
        f"<tr>{''.join(f'<td>{cell if number in (raw or set()) else html.escape(cell)}</td>' for number, cell in enumerate(row))}</tr>"
        for row in rows
    )
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3"><title>{title}</title>'
        f"<style>{STYLE}</style><p>{links}</p><h1>{title}</h1><table><tr>{head}</tr>{cells}</table></html>"
    )


def _code(value: Any) -> str:
    return f"<code>{html.escape(json.dumps(value, ensure_ascii=False))}</code>"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S}"
