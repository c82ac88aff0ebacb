"""That the thousands of made-up requests are asked at all."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import fuzz

# One operation that is answered as its document says.
DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "Slow", "version": "1"},
    "paths": {"/api/things/": {"get": {"responses": {"200": {"description": "one", "content": {"application/json": {"schema": {}}}}}}}},
}
WANTED = {"conversation": "CON-1"}


@contextmanager
def slow(seconds: float) -> Iterator[str]:
    """The address of a server that takes so long to hand out its document."""

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asks_for_document = self.path == "/api/schema/"
            time.sleep(seconds if asks_for_document else 0)
            body = json.dumps(DOCUMENT if asks_for_document else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
def test_a_busy_machine_that_hands_out_the_document_late_is_asked_all_the_same(tmp_path: Path) -> None:
    with slow(11) as url:
        count, _wrong = fuzz.ask(url, fuzz.Caller("stranger", {}), tmp_path, WANTED, examples=1)
    assert count > 0
